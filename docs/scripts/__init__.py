"""Generators of docs/study.md, docs/figures.md and the pictures."""
