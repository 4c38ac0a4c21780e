"""Benchmark of the page: driver (``session``), measurements (``actions``, ``life``), ``table``."""
