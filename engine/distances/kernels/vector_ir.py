r"""LLVM vector code of the CPU kernel's innermost loop.

The loop combines four models of a row panel with all models of a column panel, one vector of ``lanes`` floats. The
state of a pair stays in registers over all samples of a call: its running product (starting at 2^126), its exponent,
and the current overlap. Per sample

.. math:: o = \sum_c s_c t_c, \qquad p \leftarrow p \max(o, \epsilon),

and every ``SAMPLES_PER_MOVE`` samples the exponent bits of p are added to an integer and p is reset to
[2^126, 2^127). Four overlaps of at least :math:`\epsilon = 2^{-63}` leave 2^-126, the smallest normal float32.

Compilers do not find this vectorisation. The code is emitted through numba's ``intrinsic``, so no C compiler is needed;
LLVM splits the vectors on machines with shorter ones. One compiled loop serves any number of classes. A pair's result
does not depend on its position in a panel, nor on which of its models is the row.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from engine.distances.kernels.contract import OVERLAP_FLOOR

LANES = 16
"""Models per panel; the last panel of a run may have ``LANES // 2``."""
ROWS = 4
"""Models of the row panel per call: four sums and four products fit even into 16 short registers."""
SAMPLES_PER_MOVE = 4
PART_CLASSES = 32
"""Classes per partial sum; in one sum over hundreds of classes small terms would be lost to rounding."""
BLOCK_ENTRIES = 320
"""Classes times samples per call: the slices of both panels, 20 KB each, stay in the first-level cache."""

_START, _START_EXPONENT = 2.0**126, 126 + 127
_FLOAT, _INT, _LONG = ir.FloatType(), ir.IntType(32), ir.IntType(64)


def _micro_kernel(lanes: int) -> Any:
    """Return the intrinsic for column panels of ``lanes`` models. Addresses are in bytes, widths in floats."""
    floats, ints = ir.VectorType(_FLOAT, lanes), ir.VectorType(_INT, lanes)

    def fill(vector: ir.VectorType, value: float) -> ir.Constant:
        return ir.Constant(vector, [value] * lanes)

    def generate(context: Any, builder: ir.IRBuilder, _: Any, arguments: list[ir.Value]) -> ir.Value:
        """Emit the loops over moves, samples and classes of one row panel against one column panel."""
        rows, row_width, columns, n_classes, n_moves, products, exponents, stride = arguments
        fuse = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
            builder.module, ir.FunctionType(floats, [floats] * 3), f"llvm.fmuladd.v{lanes}f32"
        )

        def at(address: ir.Value, kind: ir.Type) -> ir.Value:
            return builder.inttoptr(address, kind.as_pointer())

        def read(address: ir.Value, kind: ir.Type) -> ir.Value:
            return builder.load(at(address, kind), align=4)

        def spread(scalar: ir.Value) -> ir.Value:
            undefined = ir.Constant(floats, ir.Undefined)
            first = builder.insert_element(undefined, scalar, _INT(0))
            return builder.shuffle_vector(first, undefined, fill(ints, 0))

        def variables(kind: ir.Type, values: list[ir.Value], before: ir.Block) -> list[ir.Value]:
            phis = [builder.phi(kind) for _ in values]
            for phi, value in zip(phis, values, strict=True):
                phi.add_incoming(value, before)
            return phis

        def loop_back(block: ir.Block, pairs: list[tuple[ir.Value, ir.Value]], left: ir.Value, after: ir.Block) -> None:
            for phi, value in pairs:
                phi.add_incoming(value, builder.block)
            builder.cbranch(builder.icmp_signed(">", left, _LONG(0)), block, after)
            builder.position_at_end(after)

        def overlaps(row: ir.Value, column: ir.Value) -> tuple[list[ir.Value], ir.Value, ir.Value]:
            """Emit one sample's overlaps; return them and the addresses of the next sample."""
            before = builder.block
            parts, classes, part_done, after = (
                builder.append_basic_block(name) for name in ("parts", "classes", "part_done", "overlapped")
            )
            builder.branch(parts)
            builder.position_at_end(parts)
            unsummed, row, column = variables(_LONG, [n_classes, row, column], before)
            totals = variables(floats, [nothing] * ROWS, before)
            is_last = builder.icmp_signed("<=", unsummed, _LONG(PART_CLASSES))
            size = builder.select(is_last, unsummed, _LONG(PART_CLASSES))
            builder.branch(classes)
            builder.position_at_end(classes)
            left, s, t = variables(_LONG, [size, row, column], parts)
            sums = variables(floats, [nothing] * ROWS, parts)
            roots = read(t, floats)
            added = [
                builder.call(fuse, [spread(read(builder.add(s, _LONG(4 * k)), _FLOAT)), roots, sums[k]])
                for k in range(ROWS)
            ]
            next_s, next_t = builder.add(s, row_step), builder.add(t, _LONG(4 * lanes))
            still = builder.sub(left, _LONG(1))
            loop_back(
                classes, [(left, still), (s, next_s), (t, next_t), *zip(sums, added, strict=True)], still, part_done
            )
            new = [builder.fadd(total, part) for total, part in zip(totals, added, strict=True)]
            still = builder.sub(unsummed, size)
            pairs = [(unsummed, still), (row, next_s), (column, next_t), *zip(totals, new, strict=True)]
            loop_back(parts, pairs, still, after)
            return new, next_s, next_t

        nothing = fill(floats, 0.0)
        row_step = builder.mul(row_width, _LONG(4))
        offsets = [builder.mul(stride, _LONG(4 * k)) for k in range(ROWS)]
        product_places = [builder.add(products, offset) for offset in offsets]
        exponent_places = [builder.add(exponents, offset) for offset in offsets]
        entry = builder.block
        p_before = [read(place, floats) for place in product_places]
        e_before = [read(place, ints) for place in exponent_places]
        moves, finished = builder.append_basic_block("moves"), builder.append_basic_block("finished")
        builder.branch(moves)
        builder.position_at_end(moves)
        left, row, column = variables(_LONG, [n_moves, rows, columns], entry)
        p, e = variables(floats, p_before, entry), variables(ints, e_before, entry)
        p_now, next_row, next_column = p, row, column
        for _sample in range(SAMPLES_PER_MOVE):
            sums, next_row, next_column = overlaps(next_row, next_column)
            floor = fill(floats, OVERLAP_FLOOR)
            capped = [builder.select(builder.fcmp_ordered(">", o, floor), o, floor) for o in sums]
            p_now = [builder.fmul(product, overlap) for product, overlap in zip(p_now, capped, strict=True)]
        bits = [builder.bitcast(product, ints) for product in p_now]
        # A product is positive: the bits above the 23 of its fraction are its exponent.
        e_now = [builder.add(e[k], builder.lshr(bits[k], fill(ints, 23))) for k in range(ROWS)]
        fractions = [builder.and_(b, fill(ints, 0x7FFFFF)) for b in bits]
        p_now = [builder.bitcast(builder.or_(f, fill(ints, _START_EXPONENT << 23)), floats) for f in fractions]
        still = builder.sub(left, _LONG(1))
        pairs = [(left, still), (row, next_row), (column, next_column), *zip(p + e, p_now + e_now, strict=True)]
        loop_back(moves, pairs, still, finished)
        for place, value in zip(product_places + exponent_places, p_now + e_now, strict=True):
            builder.store(value, at(place, value.type), align=4)
        return context.get_dummy_value()

    @intrinsic
    def accumulate(typing_context, rows, row_width, columns, n_classes, n_moves, products, exponents, stride):  # type: ignore[no-untyped-def]
        return types.void(*[types.int64] * 8), generate

    return accumulate


_accumulate, _accumulate_half = _micro_kernel(LANES), _micro_kernel(LANES // 2)


@njit(nogil=True, cache=True, error_model="numpy")
def fill_tile(rows, columns, symmetric, n_classes, n_padded, n_samples, values):  # type: ignore[no-untyped-def]
    """Write the mean distances between row panels and column panels into ``values``.

    Args:
        rows: (panel, 4) int64: address, width in lanes, number of models, index of the first model.
        columns: (panel, 4) int64, likewise.
        symmetric: whether both come from one list of panels; then only panel pairs with j <= i are computed, and
            written to both sides.
        n_classes: number of classes.
        n_padded: samples of a panel, a multiple of ``SAMPLES_PER_MOVE``; overlaps past ``n_samples`` are one.
        n_samples: number of samples without padding; divides the sum.
        values: (row model, column model) float64, filled in place.
    """
    stride = LANES * len(columns)
    products = np.full((LANES * len(rows), stride), np.float32(_START))
    exponents = np.zeros((LANES * len(rows), stride), np.int32)
    step = max(SAMPLES_PER_MOVE, BLOCK_ENTRIES // n_classes // SAMPLES_PER_MOVE * SAMPLES_PER_MOVE)
    for first in range(0, n_padded, step):
        n_moves = (min(step, n_padded - first)) // SAMPLES_PER_MOVE
        for j in range(len(columns)):
            lanes = columns[j, 1]
            column = columns[j, 0] + 4 * first * n_classes * lanes
            for i in range(len(rows)):
                if symmetric and columns[j, 3] > rows[i, 3]:
                    continue
                width = rows[i, 1]
                row = rows[i, 0] + 4 * first * n_classes * width
                for k in range(0, rows[i, 2], ROWS):
                    place = 4 * (stride * (LANES * i + k) + LANES * j)
                    p, e = products.ctypes.data + place, exponents.ctypes.data + place
                    if lanes == LANES:
                        _accumulate(row + 4 * k, width, column, n_classes, n_moves, p, e, stride)
                    else:
                        _accumulate_half(row + 4 * k, width, column, n_classes, n_moves, p, e, stride)
    moved = n_padded // SAMPLES_PER_MOVE * _START_EXPONENT
    for i in range(len(rows)):
        for j in range(len(columns)):
            if symmetric and columns[j, 3] > rows[i, 3]:
                continue
            for a in range(rows[i, 2]):
                for b in range(columns[j, 2]):
                    product = products[LANES * i + a, LANES * j + b] / _START
                    exponent = exponents[LANES * i + a, LANES * j + b] - moved
                    mean = -(math.log(product) + exponent * math.log(2.0)) / n_samples
                    values[rows[i, 3] + a, columns[j, 3] + b] = mean
                    if symmetric:
                        values[columns[j, 3] + b, rows[i, 3] + a] = mean
