"""Charts of importance, nulls and bands."""
