"""In-memory and on-disk caches of recomputable results."""
