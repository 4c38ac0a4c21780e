"""Analyses of runs along training."""
