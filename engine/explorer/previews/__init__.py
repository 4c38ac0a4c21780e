"""Previews of scenes: by low-rank factors, and while kernels are compiled."""
