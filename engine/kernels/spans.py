"""Tiles out of a file into a buffer, many at a time, without going back to Python between them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

GAP_BYTES = 2**12
"""Reading over a gap of this size is cheaper than a second call."""

# As a symbol of the C library, and not as a pointer, so that the compiled function can be kept on disk.
_pread: Any = types.ExternalFunction("pread", types.intp(types.intc, types.voidptr, types.uintp, types.int64))


@njit(nogil=True, cache=True)
def read_tiles(descriptor, offsets, ends, first, buffer, starts):  # type: ignore[no-untyped-def]
    """Fill the buffer with tiles.

    Args:
        descriptor: an open file.
        offsets, ends: (tile,) int64, first byte of each in the file and the first behind it; offsets do not fall.
        first: the tile to begin with.
        buffer: (byte,) uint8 with room for the largest tile at least.
        starts: (tile,) int64, where in the buffer each tile read begins; -1 where the file ends before the tile does.

    Returns:
        The tile after the last one that was read.
    """
    filled = 0
    k = first
    while k < len(offsets):
        begin, end, last = offsets[k], ends[k], k
        while (
            last + 1 < len(offsets)
            and offsets[last + 1] - end <= GAP_BYTES
            and filled + max(end, ends[last + 1]) - begin <= len(buffer)
        ):
            last += 1
            end = max(end, ends[last])
        if filled + end - begin > len(buffer):
            break
        done = 0
        while done < end - begin:
            count = _pread(
                np.int32(descriptor), buffer[filled + done :].ctypes.data, np.uint64(end - begin - done), begin + done
            )
            if count <= 0:
                break
            done += count
        for tile in range(k, last + 1):
            starts[tile] = filled + offsets[tile] - begin if ends[tile] - begin <= done else -1
        filled += end - begin
        filled += -filled % 4
        k = last + 1
    return k
