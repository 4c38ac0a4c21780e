"""Analyses of distances between whole runs."""
