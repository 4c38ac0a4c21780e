"""Tiles out of a buffer: into their places in a matrix, or straight into a product, at the speed of memory."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def place_tiles(buffer, starts, places, out):  # type: ignore[no-untyped-def]
    """Copy tiles into a rectangle.

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


@njit(nogil=True, cache=True)
def place_in_blocks(buffer, starts, places, group_of, blocks, out):  # type: ignore[no-untyped-def]
    """Copy tiles into the lower triangle of a symmetric matrix, stored as in :mod:`engine.packed_distances`.

    Args:
        buffer, starts, places: as for :func:`place_symmetric`.
        group_of: (model,) int64, the group of runs that each model belongs to.
        blocks: (block, 5) int64: where it starts in ``out``, first row, first column, height, width.
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
        places: (tile, 4) int64: first row, first column, height, width; each pair of runs once, on whichever side.
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
    """Write down what the rows of each tile add up to, and its squares.

    Args:
        buffer, starts, places: as for :func:`place_symmetric`.
        run_of: (model,) int64, the run that each model belongs to.
        rows: (model, run) float32, sums over the models of the run.
        squares: (run, run) float64.
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
    """Write down the sum of each tile times what a low-rank factor makes of it.

    Args:
        buffer, starts, places, run_of: as for :func:`sum_tiles`.
        factor, scaled: (model, rank) float32; the approximation is factor @ scaled.T.
        out: (run, run) float64.
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
    """Write (chosen model,) float64 sums of (model, run) sums, with a weight for each run.

    Weights of one and zero, because reading on is quicker than picking.
    """
    for i in range(len(models)):
        line = rows[models[i]]
        total = 0.0
        for run in range(len(line)):
            total += np.float64(line[run]) * weights[run]
        out[i] = total


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def add_sums(buffer, starts, places, sums):  # type: ignore[no-untyped-def]
    """Add the rows of a symmetric matrix up, tile by tile, and return the sum of its squares.

    Args:
        buffer, starts, places: as for :func:`place_symmetric`.
        sums: (model,) float64, added to.
    """
    squares = 0.0
    for k in range(len(starts)):
        row, column, height, width = places[k]
        tile = buffer[starts[k] : starts[k] + height * width].reshape((height, width))
        # Squares are added up by column as well: one sum across the lanes for each row is dear enough.
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
