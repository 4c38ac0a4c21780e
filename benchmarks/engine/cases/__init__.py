"""Benchmark cases of the engine, one module each, quick and full."""
