"""On-disk tiles of distances, one per pair of runs."""
