"""The tile on a CPU, compiled by numba: no logarithm and no branch in the sample loop.

Panels are laid out ``[panel][sample][class][lane]`` with ``LANES`` models side by side, so that the innermost loop
runs over the lanes of the column panel and vectorises. Each pair keeps the running product of its overlaps as a
float32; every ``SAMPLES_PER_MOVE`` samples its exponent bits are moved into an integer and reset, and one logarithm per
pair is taken at the end. Class count and counting are compile-time constants: the dot product is unrolled.

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

LANES = 64
SAMPLES_PER_MOVE = 4
SAMPLE_BLOCK = 64
"""Samples after which the next rows are taken: both panels' slices then stay in the second-level cache."""


@dataclass(frozen=True, slots=True, eq=False)
class NumbaPanels:
    """Square roots as (panel, sample, class, lane) float32; lanes past the last model are filled with a valid one."""

    roots: NDArray[np.float32]
    n_models: int
    smallest: float


class NumbaKernel:
    """Tiles compiled for one number of classes; the contract is in ``engine/kernels/__init__.py``."""

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes

    def pack(self, roots: Iterable[NDArray[np.float32]], n_models: int) -> NumbaPanels:
        """Transpose blocks of models into panels."""
        n_panels = -(-n_models // LANES)
        packed: NDArray[np.float32] | None = None
        smallest, start = np.inf, 0
        for block in roots:
            if packed is None:
                packed = np.empty((n_panels, *block.shape[1:], LANES), dtype=np.float32)
            smallest = min(smallest, float(block.min()))
            _transpose(block, packed, start)
            start += len(block)
        assert packed is not None
        assert start == n_models
        packed[-1, ..., (n_models - 1) % LANES + 1 :] = packed[-1, ..., (n_models - 1) % LANES, None]
        return NumbaPanels(packed, n_models, smallest)

    def tile(self, rows: NumbaPanels, columns: NumbaPanels | None) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Return (row, column) mean distances and the numbers of capped overlaps."""
        other = rows if columns is None else columns
        compiled = _compile_tile(self.n_classes, may_cap(rows, other))
        values = np.empty((rows.n_models, other.n_models))
        capped = np.zeros(values.shape, dtype=np.int32)
        calls: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        for i, a in enumerate(rows.roots):
            for j, b in enumerate(other.roots[: i + 1] if columns is None else other.roots):
                calls.append((_fill, (compiled, a, b, i, j, columns is None, values, capped)))
        run_all(calls)
        return values, capped


def _fill(
    compiled: Callable[..., None],
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    i: int,
    j: int,
    symmetric: bool,
    values: NDArray[np.float64],
    capped: NDArray[np.int32],
) -> None:
    """Write the distances between row panel i and column panel j into their place."""
    means, counts = np.empty((LANES, LANES)), np.zeros((LANES, LANES), dtype=np.int32)
    compiled(a, b, means, counts)
    row, column = slice(i * LANES, (i + 1) * LANES), slice(j * LANES, (j + 1) * LANES)
    n_rows, n_columns = values[row, column].shape
    for target, source in ((values, means), (capped, counts)):
        target[row, column] = source[:n_rows, :n_columns]
        if symmetric:
            target[column, row] = source[:n_rows, :n_columns].T


@njit(nogil=True, cache=True)
def _transpose(block, packed, start):  # type: ignore[no-untyped-def]
    for m in range(block.shape[0]):
        panel, lane = (start + m) // LANES, (start + m) % LANES
        for n in range(block.shape[1]):
            for c in range(block.shape[2]):
                packed[panel, n, c, lane] = block[m, n, c]


@cache
def _compile_tile(n_classes: int, counting: bool) -> Any:
    floor = np.float32(OVERLAP_FLOOR)
    start = np.float32(2.0**126)

    @njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
    def tile(a, b, logs, counts):  # type: ignore[no-untyped-def]
        n_samples = a.shape[0]
        products = np.full((LANES, LANES), start)
        bits = products.view(np.int32)
        exponents = np.zeros((LANES, LANES), np.int32)
        for first in range(0, n_samples, SAMPLE_BLOCK):
            last = min(first + SAMPLE_BLOCK, n_samples)
            for i in range(LANES):
                row = products[i]
                for n in range(first, last):
                    bn = b[n]
                    for lane in range(LANES):
                        overlap = np.float32(0.0)
                        for c in range(n_classes):
                            overlap += a[n, c, i] * bn[c, lane]
                        if counting:
                            counts[i, lane] += overlap < floor
                        row[lane] *= max(overlap, floor)
                    if n % SAMPLES_PER_MOVE == SAMPLES_PER_MOVE - 1:
                        for lane in range(LANES):
                            exponents[i, lane] += (bits[i, lane] >> 23) - 253
                            bits[i, lane] = (bits[i, lane] & 0x7FFFFF) | (253 << 23)
        for i in range(LANES):
            for lane in range(LANES):
                total = math.log(products[i, lane]) + (exponents[i, lane] - 126) * math.log(2.0)
                logs[i, lane] = -total / n_samples

    return tile
