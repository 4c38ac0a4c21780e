"""Charts of runs along training."""
