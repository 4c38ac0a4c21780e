"""Products of a large matrix with few vectors at memory bandwidth.

``ROWS`` x ``LANES`` sums stay in registers while the columns stream past: each matrix entry is read once and used
``LANES`` times. General-purpose libraries reach a third of this speed on so few vectors. The inner loop is emitted as
vector code because compiled scalar loops keep their sums in memory.

More vectors are split into groups of ``LANES``, which take turns on a cached piece of the matrix. Eight lanes is the
most at which arithmetic keeps up with memory if each entry is used for both sides of a symmetric matrix; with sixteen,
a pass over a matrix stored on one side takes twice as long and memory idles.

Sums run over at most ``SPAN`` columns in the vectors' precision and are accumulated in float64, so that the rounding
error of a float32 product does not grow with the size of the matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.extending import intrinsic
from numpy.typing import NDArray

from engine.machine import run_all, thread_count

LANES = 8
"""Vectors that are multiplied at once."""
ROWS = 8
"""Matrix rows that are multiplied at once."""
SPAN = 256
"""Most columns summed before the float64 accumulation."""
AHEAD = 2 * ROWS
"""Prefetch distance in rows: memory answers while two groups of rows are multiplied."""
INDEX = ir.IntType(32)
WORD = ir.IntType(64)


def as_lanes(vectors: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return (model, vector) columns as (group, model, lane), padded with zeros."""
    n_models, n_vectors = vectors.shape
    lanes = np.zeros((-(-n_vectors // LANES), n_models, LANES), dtype=dtype)
    for group, start in zip(lanes, range(0, n_vectors, LANES), strict=True):
        group[:, : min(LANES, n_vectors - start)] = vectors[:, start : start + LANES]
    return lanes


def as_vectors(products: NDArray[np.float64], n_vectors: int) -> NDArray[np.float64]:
    """Return the sum of (part, group, model, lane) products as (model, vector) columns."""
    total: NDArray[np.float64] = products[0]
    for product in products[1:]:
        total = total + product
    return total.transpose(1, 0, 2).reshape(total.shape[1], -1)[:, :n_vectors]


def multiply(
    matrix: NDArray[np.floating[Any]], vectors: NDArray[np.float64], dtype: np.dtype[Any]
) -> NDArray[np.float64]:
    """Return matrix @ vectors.

    Args:
        matrix: (row, model) float32 or float64, C order.
        vectors: (model, vector).
        dtype: float32 or float64, the precision of the products; no less than the matrix's.

    Returns:
        (row, vector) float64.
    """
    lanes = as_lanes(vectors, dtype)
    out = np.empty((len(matrix), len(lanes) * LANES))
    step = -(-len(matrix) // (thread_count() * ROWS)) * ROWS
    slabs = [slice(start, start + step) for start in range(0, len(matrix), step)]
    run_all([(multiply_rows, (matrix[slab], lanes, out[slab])) for slab in slabs])
    return out[:, : vectors.shape[1]]


def _array(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    return context.make_array(kind)(context, builder, value).data


def _stream_columns(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit the loop over columns of ``_add_rows`` and, if given weights and ``across``, of ``_add_tile``.

    In the emitted code ``block`` are the lanes of a column, ``totals`` the sums of the rows before it and ``grown``
    after it; ``turned`` is the column's entry of ``across``, and ``behind`` the offset of the rows to prefetch.
    """
    kinds = signature.args
    values, rows, n_columns, lanes, sums, *across = (
        _array(context, builder, kind, value) if isinstance(kind, types.Array) else value
        for kind, value in zip(kinds, arguments, strict=True)
    )
    scalar, number = context.get_value_type(kinds[3].dtype), context.get_value_type(kinds[0].dtype)
    n_bytes = kinds[3].dtype.bitwidth // 8
    vector = ir.VectorType(scalar, LANES)
    fma = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
        builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{LANES}f{8 * n_bytes}"
    )

    def place(base: Any, index: Any) -> Any:
        return builder.gep(builder.bitcast(base, vector.as_pointer()), [index])

    def load(base: Any, index: Any) -> Any:
        return builder.load(place(base, index), align=n_bytes)

    pointers = [builder.gep(values, [builder.load(builder.gep(rows, [WORD(r)]))]) for r in range(ROWS)]
    weights = [load(across[0], WORD(r)) for r in range(ROWS)] if across else []
    byte = ir.IntType(8).as_pointer()
    prefetch = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
        builder.module, ir.FunctionType(ir.VoidType(), [byte, *[INDEX] * 3]), "llvm.prefetch.p0i8"
    )
    behind = builder.add(builder.load(builder.gep(rows, [WORD(0)])), builder.mul(n_columns, WORD(AHEAD)))
    before, loop, after = builder.block, builder.append_basic_block("columns"), builder.append_basic_block("after")
    builder.branch(loop)
    builder.position_at_end(loop)
    column = builder.phi(WORD)
    column.add_incoming(WORD(0), before)
    totals = [builder.phi(vector) for _ in range(ROWS)]
    block = load(lanes, column)
    if across:
        # Pieces of ROWS rows are consecutive: while one is read column by column, a later one is prefetched linearly.
        # A prefetch past the end of the array does not fault.
        wanted = builder.gep(values, [builder.add(behind, builder.mul(column, WORD(ROWS)))])
        builder.call(prefetch, [builder.bitcast(wanted, byte), INDEX(0), INDEX(3), INDEX(1)])
    turned = load(across[1], column) if across else None
    grown = []
    for r in range(ROWS):
        entry = builder.load(builder.gep(pointers[r], [column]))
        if number != scalar:
            entry = builder.fpext(entry, scalar)
        single = builder.insert_element(ir.Constant(vector, ir.Undefined), entry, INDEX(0))
        spread = builder.shuffle_vector(single, single, ir.Constant(ir.VectorType(INDEX, LANES), [0] * LANES))
        grown.append(builder.call(fma, [spread, block, totals[r]]))
        if across:
            turned = builder.call(fma, [spread, weights[r], turned])
    if across:
        builder.store(turned, place(across[1], column), align=n_bytes)
    following = builder.add(column, WORD(1))
    column.add_incoming(following, loop)
    for total, value in zip(totals, grown, strict=True):
        total.add_incoming(ir.Constant(vector, [0.0] * LANES), before)
        total.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed("<", following, n_columns), loop, after)
    builder.position_at_end(after)
    for r in range(ROWS):
        builder.store(grown[r], place(sums, WORD(r)), align=n_bytes)
    return context.get_dummy_value()


def _type_rows(typing_context, values, rows, n_columns, lanes, sums):  # type: ignore[no-untyped-def]
    """Signature of ``_add_rows``: sums[r] = sum over columns of values[rows[r] + column] * lanes[column].

    There must be at least one column.
    """
    return types.void(values, rows, n_columns, lanes, sums), _stream_columns


def _type_tile(typing_context, values, rows, n_columns, lanes, sums, weights, across):  # type: ignore[no-untyped-def]
    """Signature of ``_add_tile``: as ``_add_rows``, and the product of the other side of a symmetric matrix.

    across[column] += sum over r of values[rows[r] + column] * weights[r].
    """
    return types.void(values, rows, n_columns, lanes, sums, weights, across), _stream_columns


_add_rows: Any = intrinsic(_type_rows)
_add_tile: Any = intrinsic(_type_tile)


@njit(nogil=True, cache=True)
def multiply_rows(matrix, lanes, out):  # type: ignore[no-untyped-def]
    """Write the product of (row, model) and (group, model, lane) into ``out``, (row, vector)."""
    n_rows, n_columns = matrix.shape
    values = matrix.reshape(-1)
    rows = np.empty(ROWS, np.int64)
    sums = np.empty((ROWS, LANES), lanes.dtype)
    for first in range(0, n_rows, ROWS):
        count = min(ROWS, n_rows - first)
        out[first : first + count] = 0.0
        for column in range(0, n_columns, SPAN):
            stop = min(column + SPAN, n_columns)
            for r in range(ROWS):
                rows[r] = (first + min(r, count - 1)) * n_columns + column
            for group in range(len(lanes)):
                _add_rows(values, rows, stop - column, lanes[group, column:stop], sums)
                for r in range(count):
                    for lane in range(LANES):
                        out[first + r, group * LANES + lane] += sums[r, lane]


@njit(nogil=True, cache=True)
def _weigh(weights, block, first, count):  # type: ignore[no-untyped-def]
    """Copy into ``weights`` the lanes of ``count`` rows of ``block`` from ``first`` on.

    The remaining rows, repeats of the last, get weight zero.
    By element: for a slice assignment numba also compiles the text of its shape error, which takes three seconds.
    """
    for r in range(ROWS):
        for lane in range(LANES):
            weights[r, lane] = block[first + r, lane] if r < count else 0.0


@njit(nogil=True, cache=True)
def multiply_blocks(values, blocks, lanes, out):  # type: ignore[no-untyped-def]
    """Add the product of a symmetric matrix, stored as in :mod:`engine.distances.tiles.packed`, with vectors.

    Args:
        values: (value,) float32.
        blocks: (block, 5) int64: offset, first row, first column, height, width.
        lanes: (group, model, lane) the vectors.
        out: (group, model, lane) float64, added to.
    """
    rows = np.empty(ROWS, np.int64)
    sums, weights = np.empty((ROWS, LANES), lanes.dtype), np.zeros((ROWS, LANES), lanes.dtype)
    across = np.empty((SPAN, LANES), lanes.dtype)
    for b in range(len(blocks)):
        offset, row, column, height, width = blocks[b]
        for start in range(0, width, SPAN):
            span = min(SPAN, width - start)
            for group in range(len(lanes)):
                block = lanes[group, column + start : column + start + span]
                across[:span] = 0.0
                for first in range(0, height, ROWS):
                    count = min(ROWS, height - first)
                    for r in range(ROWS):
                        rows[r] = offset + (first + min(r, count - 1)) * width + start
                    # A diagonal block is a full square; each other block counts for both sides.
                    if row == column:
                        _add_rows(values, rows, span, block, sums)
                    else:
                        _weigh(weights, lanes[group], row + first, count)
                        _add_tile(values, rows, span, block, sums, weights, across)
                    for r in range(count):
                        for lane in range(LANES):
                            out[group, row + first + r, lane] += sums[r, lane]
                if row != column:
                    for j in range(span):
                        for lane in range(LANES):
                            out[group, column + start + j, lane] += across[j, lane]


@njit(nogil=True, cache=True)
def multiply_tiles(buffer, starts, places, lanes, out):  # type: ignore[no-untyped-def]
    """Add the product of a symmetric matrix with vectors, tile by tile, each tile used for both of its sides.

    Args:
        buffer: (value,) float32, tiles in C order.
        starts: (tile,) int64, index of the tile's first value in the buffer.
        places: (tile, 4) int64: first row, first column, height, width; each pair of runs once, on either side.
        lanes: (group, model, lane) the vectors.
        out: (group, model, lane) float64, added to.
    """
    rows = np.empty(ROWS, np.int64)
    sums, weights = np.empty((ROWS, LANES), lanes.dtype), np.empty((ROWS, LANES), lanes.dtype)
    for k in range(len(starts)):
        row, column, height, width = places[k]
        across = np.zeros((width, LANES), lanes.dtype)
        for group in range(len(lanes)):
            across[:] = 0.0
            block = lanes[group, column : column + width]
            for first in range(0, height, ROWS):
                count = min(ROWS, height - first)
                for r in range(ROWS):
                    rows[r] = starts[k] + (first + min(r, count - 1)) * width
                _weigh(weights, lanes[group], row + first, count)
                if row == column:
                    _add_rows(buffer, rows, width, block, sums)
                else:
                    _add_tile(buffer, rows, width, block, sums, weights, across)
                for r in range(count):
                    for lane in range(LANES):
                        out[group, row + first + r, lane] += sums[r, lane]
            if row != column:
                for j in range(width):
                    for lane in range(LANES):
                        out[group, column + j, lane] += across[j, lane]
