"""Analyses of statistical uncertainty: importance, null models, intervals."""
