"""Compiled loops over buffered tiles: copies into matrices, sums and products."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

GAP_BYTES = 2**12
"""Largest gap between tiles read in one call; reading it is cheaper than a second call."""
# A symbol of the C library instead of a pointer, so that the compiled function can be cached on disk.
_pread: Any = types.ExternalFunction("pread", types.intp(types.intc, types.voidptr, types.uintp, types.int64))


@njit(nogil=True, cache=True)
def place_tiles(buffer, starts, places, out):  # type: ignore[no-untyped-def]
    """Copy tiles into a rectangle.

    Args:
        buffer: (value,) float32, tiles in C order.
        starts: (tile,) int64, index of the tile's first value in the buffer.
        places: (tile, 5) int64: first row, first column, height, width, and whether the buffered tile is transposed.
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


@njit(nogil=True, cache=True)
def place_in_blocks(buffer, starts, places, group_of, blocks, out):  # type: ignore[no-untyped-def]
    """Copy tiles into the lower triangle of a symmetric matrix, stored as in :mod:`engine.distances.tiles.packed`.

    Args:
        buffer, starts, places: as for :func:`place_symmetric`.
        group_of: (model,) int64, group of runs of the model.
        blocks: (block, 5) int64: offset in ``out``, first row, first column, height, width.
        out: (value,) float32, filled in place.
    """
    for k in range(len(starts)):
        row, column, height, width = places[k]
        start = starts[k]
        lower, left = max(row, column), min(row, column)
        a, b = group_of[lower], group_of[left]
        block = blocks[a * (a + 1) // 2 + b]
        stride = block[4]
        target = block[0] + (lower - block[1]) * stride + left - block[2]
        mirror = block[0] + (left - block[1]) * stride + lower - block[2]
        inside = a == b and row != column
        if row >= column or inside:
            begin = target if row >= column else mirror
            for i in range(height):
                line = buffer[start + i * width : start + (i + 1) * width]
                place = out[begin + i * stride : begin + i * stride + width]
                for j in range(width):
                    place[j] = line[j]
        if row < column or inside:
            begin = target if row < column else mirror
            for j in range(width):
                place = out[begin + j * stride : begin + j * stride + height]
                for i in range(height):
                    place[i] = buffer[start + i * width + j]


@njit(nogil=True, cache=True)
def place_symmetric(buffer, starts, places, out):  # type: ignore[no-untyped-def]
    """Copy tiles into a symmetric matrix, to both sides of its diagonal.

    Args:
        buffer, starts: as for :func:`place_tiles`.
        places: (tile, 4) int64: first row, first column, height, width; each pair of runs once, on either side.
        out: (model, model) float32, filled in place.
    """
    for k in range(len(starts)):
        row, column, height, width = places[k]
        start = starts[k]
        for i in range(height):
            line = buffer[start + i * width : start + (i + 1) * width]
            target = out[row + i, column : column + width]
            for j in range(width):
                target[j] = line[j]
        if row != column:
            for j in range(width):
                target = out[column + j, row : row + height]
                for i in range(height):
                    target[i] = buffer[start + i * width + j]


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def sum_tiles(buffer, starts, places, run_of, rows, squares):  # type: ignore[no-untyped-def]
    """Write the row sums and the sum of squares of each tile.

    Args:
        buffer, starts, places: as for :func:`place_symmetric`.
        run_of: (model,) int64, run of the model.
        rows: (model, run) float32, out: sums over the models of the run.
        squares: (run, run) float64, out: sums of squares.
    """
    for k in range(len(starts)):
        row, column, height, width = places[k]
        start = starts[k]
        a, b = run_of[row], run_of[column]
        across = np.zeros(width)
        of_tile = 0.0
        for i in range(height):
            line = buffer[start + i * width : start + (i + 1) * width]
            total = 0.0
            for j in range(width):
                value = np.float64(line[j])
                total += value
                of_tile += value * value
            rows[row + i, b] = total
            for j in range(width):
                across[j] += line[j]
        for j in range(width):
            rows[column + j, a] = across[j]
        squares[a, b] = of_tile
        squares[b, a] = of_tile


@njit(nogil=True, cache=True)
def multiply_tiles_by_factor(buffer, starts, places, run_of, factor, scaled, out):  # type: ignore[no-untyped-def]
    """Write the inner product of each tile with a low-rank matrix.

    Args:
        buffer, starts, places, run_of: as for :func:`sum_tiles`.
        factor, scaled: (model, rank) float32; the low-rank matrix is factor @ scaled.T.
        out: (run, run) float64, out: sums over the tile of distance times low-rank entry.
    """
    for k in range(len(starts)):
        row, column, height, width = places[k]
        tile = buffer[starts[k] : starts[k] + height * width].reshape((height, width))
        product = np.dot(tile, scaled[column : column + width])
        total = 0.0
        for i in range(height):
            for j in range(product.shape[1]):
                total += np.float64(product[i, j]) * factor[row + i, j]
        out[run_of[row], run_of[column]] = total
        out[run_of[column], run_of[row]] = total


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def add_chosen(rows, models, weights, out):  # type: ignore[no-untyped-def]
    """Write (chosen model,) float64 sums of the (model, run) sums, weighted by run.

    Runs are selected by weights of one and zero: reading a whole row is faster than indexing it.
    """
    for i in range(len(models)):
        line = rows[models[i]]
        total = 0.0
        for run in range(len(line)):
            total += np.float64(line[run]) * weights[run]
        out[i] = total


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def add_sums(buffer, starts, places, sums):  # type: ignore[no-untyped-def]
    """Add the tiles to the row sums of a symmetric matrix; return their contribution to the sum of squares.

    Args:
        buffer, starts, places: as for :func:`place_symmetric`.
        sums: (model,) float64, added to.
    """
    squares = 0.0
    for k in range(len(starts)):
        row, column, height, width = places[k]
        tile = buffer[starts[k] : starts[k] + height * width].reshape((height, width))
        # Squares are summed by column too: a second horizontal sum across lanes per row would be costly.
        across, across_squares = np.zeros(width), np.zeros(width)
        for i in range(height):
            total = 0.0
            for j in range(width):
                value = np.float64(tile[i, j])
                total += value
                across[j] += value
                across_squares[j] += value * value
            sums[row + i] += total
        of_tile = 0.0
        for j in range(width):
            of_tile += across_squares[j]
        if row != column:
            for j in range(width):
                sums[column + j] += across[j]
        squares += of_tile if row == column else 2.0 * of_tile
    return squares


@njit(nogil=True, cache=True)
def read_tiles(descriptor, offsets, ends, first, buffer, starts):  # type: ignore[no-untyped-def]
    """Read tiles into the buffer until it is full; return the index of the next tile.

    Args:
        descriptor: descriptor of the open file.
        offsets, ends: (tile,) int64, first byte of the tile in the file and first byte behind it; offsets ascend.
        first: index of the first tile to read.
        buffer: (byte,) uint8, at least as large as the largest tile.
        starts: (tile,) int64, out: first byte of the tile in the buffer; -1 if the file ends before the tile does.

    Returns:
        Index of the tile after the last one read.
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
