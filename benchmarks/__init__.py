"""Benchmarks of the engine and the page: ``python -m benchmarks``."""
