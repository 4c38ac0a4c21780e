"""Analyses of statistical uncertainty: importance, null models, bootstrap bands."""
