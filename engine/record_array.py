"""Growing .npy files: a 128-byte header, then one fixed-size record per checkpoint.

NumPy's format 1.0 pads its header with spaces, so the first axis can grow in place: the file is a valid .npy at
every moment, with at most some uncommitted bytes behind the declared shape, which ``numpy.load`` ignores.
Source: NEP 1, the .npy format.
"""

from __future__ import annotations

import re

import numpy as np

HEADER_BYTES = 128
_HEADER = re.compile(
    rb"\{'descr': '(<[fi][248])', 'fortran_order': False, 'shape': \((\d{1,18}),(?: (\d[\d, ]*))?\), \} *\n"
)


def header_bytes(dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> bytes:
    """The 128-byte .npy header of a little-endian, C-ordered array."""
    axes = f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"
    text = f"{{'descr': '{dtype.newbyteorder('<').str}', 'fortran_order': False, 'shape': {axes}, }}"
    return b"\x93NUMPY\x01\x00" + (HEADER_BYTES - 10).to_bytes(2, "little") + text.ljust(117).encode() + b"\n"


def length_in_header(header: bytes, dtype: np.dtype[np.generic], record_shape: tuple[int, ...], name: str) -> int:
    """First axis declared by a header that must otherwise be exactly ours; ValueError names the difference."""
    match = _HEADER.fullmatch(header[10:])
    length = int(match[2]) if match else 0
    if header == header_bytes(dtype, (length, *record_shape)):
        return length
    expected = f"{dtype.newbyteorder('<').str} {('checkpoint', *record_shape)}"
    if match and header[:10] == header_bytes(dtype, (0, *record_shape))[:10]:
        axes = ", ".join(text.decode() for text in (match[2], match[3] or b"") if text)
        raise ValueError(f"{name} has dtype and shape {match[1].decode()} ({axes}); the run declares {expected}")
    raise ValueError(f"the header of {name} (its first {HEADER_BYTES} bytes) is damaged; expected that of {expected}")
