"""Studies and results for other programs: tables and arrays in npz, safetensors, CSV or Zarr.

``containers`` writes arrays, ``exports`` decides which.
"""

from __future__ import annotations
