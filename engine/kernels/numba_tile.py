"""The tile on a CPU, compiled by numba: no logarithm and no branch in the sample loop.

Panels are laid out ``[panel][sample][class][lane]`` with ``LANES`` models side by side, so that the innermost loop
runs over the lanes of the column panel and vectorises; four models of the row panel share what it loads. Each pair
keeps the running product of its overlaps as a float32; every ``SAMPLES_PER_MOVE`` samples its exponent bits are moved
into an integer and reset, and one logarithm per pair is taken at the end.

A dot product is unrolled over at most ``MOST_UNROLLED`` classes: beyond, the registers overflow and the loop loses a
factor of ten. More classes are padded with zeros to equal chunks, and partial sums wait in a buffer between them; that
beats batched matrix products on a CPU up to a thousand classes.

A pair's result does not depend on where in which panel its models lie, so tiles may be cut anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.kernels import OVERLAP_FLOOR, may_cap
from engine.kernels.threads import run_all

LANES = 128
SAMPLES_PER_MOVE = 4
MOST_UNROLLED = 12
CHUNK_CLASSES = 10
BLOCK_ENTRIES = 640
"""Classes times samples after which the next rows are taken: both panels' slices stay in the second-level cache."""


@dataclass(frozen=True, slots=True, eq=False)
class NumbaPanels:
    """Square roots of some models.

    Attributes:
        roots: (panel, sample, padded class, lane) float32; zero in padded classes and in lanes past the last model.
        n_models: how many lanes are models.
        smallest: smallest entry of a model.
        sample_smallest: (panel, sample) the same per sample of a panel.
    """

    roots: NDArray[np.float32]
    n_models: int
    smallest: float
    sample_smallest: NDArray[np.float32]


class NumbaKernel:
    """Tiles compiled for one number of classes; the contract is in ``engine/kernels/__init__.py``."""

    def __init__(self, n_classes: int) -> None:
        n_chunks = 1 if n_classes <= MOST_UNROLLED else -(-n_classes // CHUNK_CLASSES)
        self.chunk = -(-n_classes // n_chunks)
        self.n_padded = n_chunks * self.chunk

    def pack(self, roots: Iterable[NDArray[np.float32]], n_models: int) -> NumbaPanels:
        """Transpose blocks of models into panels."""
        n_panels = -(-n_models // LANES)
        packed: NDArray[np.float32] | None = None
        start = 0
        for block in roots:
            if packed is None:
                n_samples = block.shape[1]
                packed = np.zeros((n_panels, n_samples, self.n_padded, LANES), dtype=np.float32)
                smallest = np.full((n_panels, n_samples), np.inf, dtype=np.float32)
            _transpose(block, packed, smallest, start)
            start += len(block)
        assert packed is not None
        assert start == n_models
        return NumbaPanels(packed, n_models, float(smallest.min()), smallest)

    def tile(self, rows: NumbaPanels, columns: NumbaPanels | None) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Return (row, column) mean distances and the numbers of capped overlaps."""
        other = rows if columns is None else columns
        values = np.empty((rows.n_models, other.n_models))
        capped = np.zeros(values.shape, dtype=np.int32)
        compiled = _compile_tile(self.chunk)
        calls: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        for i in range(len(rows.roots)):
            for j in range(i + 1 if columns is None else len(other.roots)):
                calls.append((_fill, (compiled, rows, other, i, j, columns is None, values, capped)))
        run_all(calls)
        return values, capped


def _fill(
    compiled: Callable[..., None],
    rows: NumbaPanels,
    columns: NumbaPanels,
    i: int,
    j: int,
    symmetric: bool,
    values: NDArray[np.float64],
    capped: NDArray[np.int32],
) -> None:
    """Write the distances between row panel i and column panel j into their place."""
    row, column = slice(i * LANES, (i + 1) * LANES), slice(j * LANES, (j + 1) * LANES)
    n_rows, n_columns = values[row, column].shape
    means = np.empty((LANES, LANES))
    compiled(rows.roots[i], columns.roots[j], n_rows, means)
    values[row, column] = means[:n_rows, :n_columns]
    if symmetric:
        values[column, row] = means[:n_rows, :n_columns].T
    if may_cap(rows, columns):
        # Each row has unit length, so an overlap is at least the larger of the two smallest entries.
        doubtful = np.maximum(rows.sample_smallest[i], columns.sample_smallest[j]) < OVERLAP_FLOOR * (1 + 1e-5)
        counts = np.zeros((LANES, LANES), dtype=np.int32)
        _count_capped(rows.roots[i], columns.roots[j], np.flatnonzero(doubtful), n_rows, counts)
        capped[row, column] = counts[:n_rows, :n_columns]
        if symmetric:
            capped[column, row] = counts[:n_rows, :n_columns].T


@njit(nogil=True, cache=True)
def _transpose(block, packed, smallest, start):  # type: ignore[no-untyped-def]
    n_models, n_samples, n_classes = block.shape
    # Sixteen models at a time: their rows and the lines they are written to fit the first-level cache together.
    for first in range(0, n_models, 16):
        last = min(first + 16, n_models)
        for n in range(n_samples):
            for c in range(n_classes):
                for m in range(first, last):
                    panel, lane = (start + m) // LANES, (start + m) % LANES
                    root = block[m, n, c]
                    packed[panel, n, c, lane] = root
                    smallest[panel, n] = min(smallest[panel, n], root)


@njit(nogil=True, cache=True, fastmath={"contract"})
def _count_capped(a, b, samples, n_rows, counts):  # type: ignore[no-untyped-def]
    overlaps = np.empty(LANES, np.float32)
    for n in samples:
        for i in range(n_rows):
            overlaps[:] = 0.0
            for c in range(a.shape[1]):
                x = a[n, c, i]
                for lane in range(LANES):
                    overlaps[lane] += x * b[n, c, lane]
            for lane in range(LANES):
                counts[i, lane] += np.int32(overlaps[lane] < np.float32(OVERLAP_FLOOR))


@cache
def _compile_tile(chunk: int) -> Any:
    """Return the tile for dot products in chunks of this many classes, a constant of the compiled code."""
    floor, nothing = np.float32(OVERLAP_FLOOR), np.float32(0.0)
    start, start_exponent = np.float32(2.0**126), 126 + 127

    @njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
    def tile(a, b, n_rows, means):  # type: ignore[no-untyped-def]
        n_samples, n_classes = a.shape[0], a.shape[1]
        products = np.full((LANES, LANES), start)
        bits = products.view(np.int32)
        exponents = np.zeros((LANES, LANES), np.int32)
        overlaps = np.empty((4, LANES), np.float32)
        o0, o1, o2, o3 = overlaps[0], overlaps[1], overlaps[2], overlaps[3]
        step = max(SAMPLES_PER_MOVE, BLOCK_ENTRIES // n_classes // SAMPLES_PER_MOVE * SAMPLES_PER_MOVE)
        for first in range(0, n_samples, step):
            for i in range(0, n_rows, 4):
                for n in range(first, min(first + step, n_samples)):
                    overlaps[:] = nothing
                    for begin in range(0, n_classes, chunk):
                        x, y = a[n, begin : begin + chunk], b[n, begin : begin + chunk]
                        for lane in range(LANES):
                            s0, s1, s2, s3 = o0[lane], o1[lane], o2[lane], o3[lane]
                            for c in range(chunk):
                                root = y[c, lane]
                                s0 += x[c, i] * root
                                s1 += x[c, i + 1] * root
                                s2 += x[c, i + 2] * root
                                s3 += x[c, i + 3] * root
                            o0[lane], o1[lane], o2[lane], o3[lane] = s0, s1, s2, s3
                    # Two arrays to a loop: with more, the compiler gives up proving that none overlaps another.
                    for k in range(4):
                        product, overlap = products[i + k], overlaps[k]
                        for lane in range(LANES):
                            product[lane] *= overlap[lane] if overlap[lane] > floor else floor
                    if n % SAMPLES_PER_MOVE == SAMPLES_PER_MOVE - 1:
                        for k in range(i, i + 4):
                            for lane in range(LANES):
                                exponents[k, lane] += (bits[k, lane] >> 23) - start_exponent
                                bits[k, lane] = (bits[k, lane] & 0x7FFFFF) | (start_exponent << 23)
        for i in range(n_rows):
            for lane in range(LANES):
                logs = math.log(products[i, lane] / start) + exponents[i, lane] * math.log(2.0)
                means[i, lane] = -logs / n_samples

    return tile
