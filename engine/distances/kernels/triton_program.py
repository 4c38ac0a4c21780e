r"""Triton program for running products of overlaps on tensor cores.

Tensor cores multiply 16-bit numbers. A float32 root is stored as a sum of such numbers, its *terms*, and an overlap is
the sum of the significant products:

============  ======================  ==========================================
terms         stored as               products
============  ======================  ==========================================
1, ``ROUND``  float16                 1
2, ``SPLIT``  float16, high and low   3: all but low times low
3, ``EXACT``  bfloat16                6: all down to 2^-16 of the largest
============  ======================  ==========================================

Every few samples the exponent bits of the running product are moved into an integer. A program returns the product and
the integer; it takes no logarithm. docs/gpu.md has the figures of the design.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import triton
import triton.language as tl

from engine.distances.kernels.contract import OVERLAP_FLOOR

ROUND, SPLIT, EXACT = 1, 2, 3
"""Numbers of terms."""
BLOCK = 128
"""Models per side of a tile. Samples give no reuse, so memory traffic falls as 1 / side; 256 x 128 exceeds the
registers."""
NARROW = 64
"""Columns of a program with one more number per pair: a count of capped overlaps, or a partial sum."""
SCALE_BITS = 15
"""Roots are stored times 2^15, the largest power of two in float16; overlaps are then scaled by 2^30."""
SAFE_OVERLAP = 2.0**-17
"""Smallest overlap with a relative error of 1e-6 in float16 terms, divided by the square root of the class count."""
SAMPLES_PER_MOVE = 8
START_BITS = -114
"""Products start at 2^-114 times a mantissa below 2: eight overlaps of at most 2^30 end below 2^127, and eight of at
least 2^(30 - 17) stay normal."""
EXACT_SAMPLES_PER_MOVE = 4
EXACT_START_BITS = 6
"""The same for exact programs: four overlaps at the floor of 2^(30 - 63) end at 2^-126, four of 2^30 below 2^127."""
MOST_CLASSES = 64
"""Classes summed in one tensor-core accumulator. Tensor cores truncate sums instead of rounding them: over a thousand
classes the error would exceed 1e-6, so larger sums are added up outside."""
WARPS = 8
MOST_STAGES = 4
HOPPER_SHARED_BYTES = 227 * 2**10
SPARE_SHARED_BYTES = 12 * 2**10
"""Shared memory of a program besides its input blocks: barriers, and scratch of reductions."""


@triton.jit(do_not_specialize=["n_samples", "samples_per_program", "n_classes"])  # type: ignore[untyped-decorator]
def sum_logarithms(  # type: ignore[no-untyped-def]
    left, right, tiles, products, exponents, smallest, capped, n_samples, samples_per_program, n_classes,
    TERMS: tl.constexpr, COUNTING: tl.constexpr, SINGLE_STEP: tl.constexpr, FLOOR: tl.constexpr, START: tl.constexpr,
    START_EXPONENT: tl.constexpr, SAMPLES: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
    CLASSES: tl.constexpr,
):  # fmt: skip
    """Multiply the overlaps of the models of one tile over a stretch of samples.

    Args:
        left: descriptor of (term, sample, class, model), blocks of (1, 1, CLASSES, ROWS).
        right: descriptor of the columns, blocks of (1, 1, CLASSES, COLUMNS).
        tiles: (tile, 2) int32, index of the first row and of the first column, in units of ROWS and COLUMNS.
        products: (stretch, tile, ROWS, COLUMNS) float32, out: START times the mantissa.
        exponents: (stretch, tile, ROWS, COLUMNS) int32, out: the exponents moved out of the products.
        smallest: (stretch, tile, ROWS) float32, out: smallest overlap of each row.
        capped: (stretch, tile, ROWS, COLUMNS) int32, out if COUNTING: counts of capped overlaps.
        n_samples, samples_per_program: multiples of SAMPLES, the number of samples between two moves.
        n_classes: number of classes.
    """
    tile, stretch = tl.program_id(0), tl.program_id(1)
    i = tl.load(tiles + 2 * tile) * ROWS
    j = tl.load(tiles + 2 * tile + 1) * COLUMNS
    product = tl.full((ROWS, COLUMNS), START, tl.float32)
    exponent = tl.zeros((ROWS, COLUMNS), tl.int32)
    if COUNTING:
        count = tl.zeros((ROWS, COLUMNS), tl.int32)
    least = tl.full((ROWS,), float("inf"), tl.float32)
    first = stretch * samples_per_program
    for n in range(first, tl.minimum(first + samples_per_program, n_samples)):
        overlap = tl.zeros((ROWS, COLUMNS), tl.float32)
        if SINGLE_STEP:
            overlap = add_products(overlap, left, right, n, 0, i, j, TERMS, ROWS, COLUMNS, CLASSES)
        else:
            for c in range(0, n_classes, CLASSES):
                partial = tl.zeros((ROWS, COLUMNS), tl.float32)
                overlap += add_products(partial, left, right, n, c, i, j, TERMS, ROWS, COLUMNS, CLASSES)
        if TERMS < 3:
            least = tl.minimum(least, tl.min(overlap, axis=1))
        if COUNTING:
            count += (overlap < FLOOR).to(tl.int32)
            overlap = tl.maximum(overlap, FLOOR)
        product *= overlap
        if n % SAMPLES == SAMPLES - 1:
            bits = product.to(tl.int32, bitcast=True)
            exponent += (bits >> 23) - START_EXPONENT
            product = ((bits & 0x7FFFFF) | (START_EXPONENT << 23)).to(tl.float32, bitcast=True)
    row = (stretch.to(tl.int64) * tl.num_programs(0) + tile) * ROWS + tl.arange(0, ROWS)
    out = row[:, None] * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    tl.store(products + out, product)
    tl.store(exponents + out, exponent)
    if TERMS < 3:
        tl.store(smallest + row, least)
    if COUNTING:
        tl.store(capped + out, count)


@triton.jit  # type: ignore[untyped-decorator]
def add_products(  # type: ignore[no-untyped-def]
    overlap, left, right, n, c, i, j,
    TERMS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr, CLASSES: tl.constexpr,
):  # fmt: skip
    """Return ``overlap`` plus the products of terms k + l < TERMS of some classes of one sample, smallest first."""
    a0 = left.load([0, n, c, i]).reshape(CLASSES, ROWS).T
    b0 = right.load([0, n, c, j]).reshape(CLASSES, COLUMNS)
    if TERMS > 1:
        a1 = left.load([1, n, c, i]).reshape(CLASSES, ROWS).T
        b1 = right.load([1, n, c, j]).reshape(CLASSES, COLUMNS)
        if TERMS > 2:
            overlap = tl.dot(a0, right.load([2, n, c, j]).reshape(CLASSES, COLUMNS), overlap)
            overlap = tl.dot(left.load([2, n, c, i]).reshape(CLASSES, ROWS).T, b0, overlap)
            overlap = tl.dot(a1, b1, overlap)
        overlap = tl.dot(a0, b1, overlap)
        overlap = tl.dot(a1, b0, overlap)
    return tl.dot(a0, b0, overlap)


@dataclass(frozen=True, slots=True)
class Shape:
    """Block shape of a program.

    Attributes:
        columns: column models per tile; row models are always BLOCK.
        classes: classes per product, a power of two.
        stages: samples or steps of classes in the load pipeline.
    """

    columns: int
    classes: int
    stages: int


def choose_shape(n_terms: int, n_classes: int, shared_bytes: int) -> Shape:
    """Return the largest shape that fits the registers and the shared memory."""
    classes = min(MOST_CLASSES, max(16, triton.next_power_of_2(n_classes)))
    while True:
        columns = NARROW if n_terms == EXACT or n_classes > classes else BLOCK
        stages = (shared_bytes - SPARE_SHARED_BYTES) // (2 * n_terms * classes * (BLOCK + columns))
        if stages >= 2 or classes == 16:
            return Shape(columns, classes, max(1, min(stages, MOST_STAGES)))
        classes //= 2


def start_bits(n_terms: int) -> int:
    """Return the binary logarithm of the start of a product."""
    return EXACT_START_BITS if n_terms == EXACT else START_BITS


def constants(n_terms: int, n_classes: int, counting: bool, shape: Shape) -> dict[str, Any]:
    """Return the compile-time arguments of ``sum_logarithms``."""
    return {
        "TERMS": n_terms,
        "COUNTING": counting,
        "SINGLE_STEP": n_classes <= shape.classes,
        "FLOOR": OVERLAP_FLOOR * 2.0 ** (2 * SCALE_BITS),
        "START": 2.0 ** start_bits(n_terms),
        "START_EXPONENT": 127 + start_bits(n_terms),
        "SAMPLES": EXACT_SAMPLES_PER_MOVE if n_terms == EXACT else SAMPLES_PER_MOVE,
        "ROWS": BLOCK,
        "COLUMNS": shape.columns,
        "CLASSES": shape.classes,
    }
