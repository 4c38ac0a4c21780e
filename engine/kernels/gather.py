"""Tiles out of a buffer into their places in a matrix, at the speed of memory."""

from __future__ import annotations

from numba import njit


@njit(nogil=True, cache=True)
def place_tiles(buffer, starts, places, out):  # type: ignore[no-untyped-def]
    """Copy tiles into ``out``.

    Args:
        buffer: (value,) float32, tiles in C order.
        starts: (tile,) int64, where in the buffer each begins.
        places: (tile, 5) int64: first row, first column, height, width, and whether it lies transposed in the buffer.
        out: (row, column) float32, filled in place.
    """
    for k in range(len(starts)):
        row, column, height, width, flipped = places[k]
        start = starts[k]
        if flipped:
            for i in range(height):
                for j in range(width):
                    out[row + i, column + j] = buffer[start + j * height + i]
        else:
            for i in range(height):
                for j in range(width):
                    out[row + i, column + j] = buffer[start + i * width + j]
