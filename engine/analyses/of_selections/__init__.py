"""Analyses by other embeddings of a selection."""
