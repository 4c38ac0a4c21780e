"""InPCA of training trajectories: numbers and files, no user interface."""
