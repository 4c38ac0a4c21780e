"""Clocks, floors, synthetic models and tables for the engine's benchmarks."""
