"""Trajectories of runs: geodesics, clocks, lengths, means, distances between trajectories."""
