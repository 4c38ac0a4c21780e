"""Charts of other embeddings of a selection."""
