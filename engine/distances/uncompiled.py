"""Bhattacharyya distances by numpy, for previews before kernels are compiled.

The first compilation of the kernels takes some ten seconds. Until then numpy computes the distances of up to some
thousand models. Near pairs are not repaired and the last bits differ, so these distances are never stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.distances.bhattacharyya import finish
from engine.distances.kernels.contract import OVERLAP_FLOOR, Models, may_cap
from engine.distances.prepared import as_models
from engine.machine import one_blas_thread, run_all
from engine.values import DistanceSums, FloatArray

TILE = 256
SAMPLES_PER_MOVE = 4
"""As in :mod:`.kernels.vector_ir`: 2^126 times four overlaps of at least ``OVERLAP_FLOOR`` is a normal float32."""
PACK_BYTES = 2**23
_START, _START_EXPONENT = np.float32(2.0**126), 126 + 127
_FRACTION, _START_BITS = np.int32(0x7FFFFF), np.int32(_START_EXPONENT << 23)


@dataclass(frozen=True, slots=True, eq=False)
class NumpyPanels:
    """Roots of probabilities, (padded sample, model, class) float32; samples past ``n_samples`` have overlap 1."""

    roots: NDArray[np.float32]
    n_samples: int
    smallest: float

    @property
    def n_models(self) -> int:
        return int(self.roots.shape[1])


class NumpyKernel:
    """Tiles by matrix products of numpy; the contract is in ``engine/distances/kernels/contract.py``."""

    def pack(self, roots: Iterable[NDArray[np.float32]], n_models: int) -> NumpyPanels:
        """Return the blocks of models as one array, samples first."""
        packed: NDArray[np.float32] | None = None
        n_samples, start, smallest = 0, 0, np.inf
        for block in roots:
            if packed is None:
                n_samples, n_classes = block.shape[1:]
                padded = -(-n_samples // SAMPLES_PER_MOVE) * SAMPLES_PER_MOVE
                packed = np.zeros((padded, n_models, n_classes), dtype=np.float32)
                packed[n_samples:, :, 0] = 1.0
            packed[:n_samples, start : start + len(block)] = block.transpose(1, 0, 2)
            smallest = min(smallest, float(block.min()))
            start += len(block)
        assert packed is not None
        assert start == n_models
        return NumpyPanels(packed, n_samples, smallest)

    def tile(self, rows: NumpyPanels, columns: NumpyPanels | None) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Return (row, column) mean distances and the numbers of capped overlaps."""
        other = rows if columns is None else columns
        values = np.empty((rows.n_models, other.n_models))
        capped = np.zeros(values.shape, dtype=np.int32)
        counting = may_cap(rows, other)

        def fill(i: int, j: int) -> None:
            row, column = slice(i, i + TILE), slice(j, j + TILE)
            part, count = _part(rows.roots[:, row], other.roots[:, column], counting)
            values[row, column], capped[row, column] = part / -rows.n_samples, count
            if columns is None:
                # In a diagonal tile a matrix product may round (i, j) and (j, i) differently.
                lower = values[row, column]
                values[column, row] = np.tril(lower) + np.tril(lower, -1).T if i == j else lower.T
                capped[column, row] = np.tril(count) + np.tril(count, -1).T if i == j else count.T

        starts = range(0, rows.n_models, TILE)
        with one_blas_thread():
            run_all(
                [(fill, (i, j)) for i in starts for j in range(0, i + 1 if columns is None else other.n_models, TILE)]
            )
        return values, capped


def _part(
    rows: NDArray[np.float32], columns: NDArray[np.float32], counting: bool
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return (row, column) sums of log overlaps, and the numbers of capped overlaps."""
    shape = rows.shape[1], columns.shape[1]
    products, exponents = np.full(shape, _START), np.zeros(shape, dtype=np.int32)
    bits = products.view(np.int32)
    capped = np.zeros(shape, dtype=np.int32)
    overlaps = np.empty((SAMPLES_PER_MOVE, *shape), dtype=np.float32)
    moved = np.empty(shape, dtype=np.int32)
    for n in range(0, len(rows), SAMPLES_PER_MOVE):
        some = slice(n, n + SAMPLES_PER_MOVE)
        np.matmul(rows[some], columns[some].transpose(0, 2, 1), out=overlaps)
        if counting:
            capped += (overlaps < OVERLAP_FLOOR).sum(axis=0, dtype=np.int32)
            np.maximum(overlaps, np.float32(OVERLAP_FLOOR), out=overlaps)
        for overlap in overlaps:
            products *= overlap
        # The exponent is moved to an integer sum, so that the product stays within float32: see the kernels.
        np.right_shift(bits, 23, out=moved)
        exponents += moved
        bits &= _FRACTION
        bits |= _START_BITS
    whole = exponents - len(rows) // SAMPLES_PER_MOVE * _START_EXPONENT
    return np.log(products.astype(np.float64) / float(_START)) + whole * np.log(2.0), capped


def square_roots(log_probabilities: FloatArray) -> Iterable[NDArray[np.float32]]:
    """Yield square roots of probabilities, rows of unit norm, in blocks of models of ``PACK_BYTES``."""
    step = max(1, PACK_BYTES // max(1, log_probabilities[:1].nbytes))
    for start in range(0, len(log_probabilities), step):
        roots = np.exp(np.multiply(log_probabilities[start : start + step], 0.5, dtype=np.float32))
        roots /= np.sqrt(np.einsum("msc,msc->ms", roots, roots, dtype=np.float64))[:, :, None]
        yield roots


def measure(log_probabilities: FloatArray, points: FloatArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (model, model) and (point, model) mean Bhattacharyya distances.

    Args:
        log_probabilities: (model, sample, class) natural logarithms; rows are renormalised, not checked.
        points: (point, sample, class) reference models.
    """
    models, others = _ready(log_probabilities), _ready(points)
    among, _ = finish(*models.kernel.tile(models.panels, None), models, None)
    to_points, _ = finish(*models.kernel.tile(others.panels, models.panels), others, models)
    return among, to_points


def _ready(log_probabilities: FloatArray) -> Models:
    kernel, n_models = NumpyKernel(), len(log_probabilities)
    panels = kernel.pack(square_roots(log_probabilities), n_models)
    return as_models(kernel, panels, log_probabilities, np.zeros(n_models))


class DenseDistances:
    """(model, model) distances in memory, as an operator for :func:`engine.embed`.

    Args:
        values: (model, model) float64, exactly symmetric, finite, with zero diagonal.
        divergence: key of the divergence.
    """

    dtype = np.dtype(np.float64)
    vectors_per_pass = 16

    def __init__(self, values: NDArray[np.float64], divergence: str) -> None:
        self._values = values
        self.n_models = len(values)
        self.divergence = divergence
        self.sums = DistanceSums.of(values)

    def multiply(self, vectors: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[np.float64]:
        """Return the distances applied to (model, vector) columns."""
        return np.asarray(self._values @ vectors)

    def columns(self, models: Sequence[int]) -> NDArray[np.float64]:
        """Return (model, column) distances to some of the models."""
        return np.asarray(self._values[list(models)].T)
