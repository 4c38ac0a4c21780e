"""Divergences between models, and the on-disk distances of a study."""
