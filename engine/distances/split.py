r"""Split divergences: own terms per model minus a cross term, float64.

.. math:: D(P, Q) = \frac{1}{N} \sum_n \bigl( o(p^n) + o(q^n) - x(p^n, q^n) \bigr)

The own terms o are summed once per model; the cross terms x by a matrix product where one exists, else by a loop. The
difference rounds at 1e-13 of its terms, so pairs closer than ``NEAR`` are recomputed by a form without cancellation;
equal models have distance exactly zero. Samples are processed in parts, so only one part is held in float64; the parts
are summed in the same order for every blocking of the pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.distances.prepared import Block, root_blocks
from engine.machine import run_all
from engine.values import FloatArray

Array = NDArray[np.float64]

NEAR = 1e-8
"""Pairs below this value are recomputed by the form without cancellation; unit of the divergence."""
PART_BYTES = 2**26
"""Bytes of float64 features of both sides held at a time."""
NEAR_BYTES = 2**25
PIECE_MODELS = 16


@dataclass(frozen=True, slots=True, eq=False)
class LogModels:
    """A block of models as checked log-probabilities.

    Attributes:
        log_probabilities: (model, sample, class) float32 or float64, checked but not renormalised.
        device: torch name of the computing device.
    """

    log_probabilities: FloatArray
    device: str

    def __len__(self) -> int:
        return len(self.log_probabilities)

    @property
    def shape(self) -> tuple[int, int]:
        """(sample, class) counts."""
        return self.log_probabilities.shape[1], self.log_probabilities.shape[2]

    def part(self, samples: slice, models: NDArray[np.int64] | slice = slice(None)) -> Array:
        """Return (model, sample, class) float64 log-probabilities, renormalised."""
        chosen = self.log_probabilities[models, samples]
        logs = np.empty(chosen.shape)
        pieces = [slice(k, k + PIECE_MODELS) for k in range(0, len(logs), PIECE_MODELS)]
        run_all([(_renormalise, (chosen[piece], logs[piece])) for piece in pieces])
        return logs


def log_models(
    log_probabilities: FloatArray, device: str, name: str = "log_probabilities", first: int = 0
) -> LogModels:
    """Return the models with their rows checked; arguments and errors are those of :func:`.prepared.prepare`."""
    for _ in root_blocks(log_probabilities, name, first):
        pass
    return LogModels(log_probabilities, device)


def _renormalise(log_probabilities: FloatArray, out: Array) -> None:
    np.copyto(out, log_probabilities)
    totals = np.exp(out).sum(axis=2, keepdims=True)
    out -= np.log(totals, out=totals)


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Per-model terms of a split divergence, for some samples.

    Attributes:
        own: (model,) float64 sum of o over these samples.
        left, right: (model, feature) or (sample, class, model) float64 features of the first and second model of a
            pair.
        capped: (model, sample) bool, whether a cap took effect; None for a form without a cap.
    """

    own: Array
    left: Array
    right: Array
    capped: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SplitForm:
    """A split divergence as three functions.

    Attributes:
        features: (model, sample, class) log-probabilities -> features.
        both: (left of the rows, right of the columns, device, symmetric) -> (row, column) sum of x over the samples;
            if symmetric (rows and columns are the same models), only entries on and below the diagonal are used.
        near: two (pair, sample, class) log-probabilities -> (pair,) sum of o + o - x over the samples, without
            cancellation.
    """

    features: Callable[[Array], Features]
    both: Callable[[Array, Array, str, bool], Array]
    near: Callable[[Array, Array], Array]


def measure(form: SplitForm, rows: LogModels, columns: LogModels | None) -> Block:
    """Return the (row, column) values and capped-sample counts of two blocks; None takes ``rows`` for both."""
    others = rows if columns is None else columns
    n_samples, n_classes = rows.shape
    values = np.zeros((len(rows), len(others)))
    capped = np.zeros(values.shape, dtype=np.int32)
    step = max(1, PART_BYTES // (32 * n_classes * (len(rows) + len(others))))
    for start in range(0, n_samples, step):
        samples = slice(start, start + step)
        left = form.features(rows.part(samples))
        right = left if columns is None else form.features(columns.part(samples))
        values -= form.both(left.left, right.right, rows.device, columns is None)
        values += left.own[:, None] + right.own
        if left.capped is not None and right.capped is not None:
            capped += _count_either(left.capped, right.capped)
    values /= n_samples
    _measure_near(form, values, rows, columns)
    np.maximum(values, 0.0, out=values)
    if columns is None:
        values = np.tril(values, -1)
        values += values.T
        np.fill_diagonal(capped, 0)
    return values, capped


def _count_either(rows: NDArray[np.bool_], columns: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the (row, column) number of samples in which either model is capped."""
    if not rows.any() and not columns.any():
        return np.zeros((len(rows), len(columns)), dtype=np.int32)
    both = rows.astype(np.float64) @ columns.T
    return np.asarray(rows.sum(axis=1)[:, None] + columns.sum(axis=1) - both, dtype=np.int32)


def _measure_near(form: SplitForm, values: Array, rows: LogModels, columns: LogModels | None) -> None:
    """Replace the values of near pairs in place; in a square, only below the diagonal."""
    near = values < NEAR
    if columns is None:
        near &= np.tri(len(values), k=-1, dtype=bool)
    i, j = np.nonzero(near)
    if not len(i):
        return
    n_samples, n_classes = rows.shape
    (row_models, left), (column_models, right) = (np.unique(k, return_inverse=True) for k in (i, j))
    totals = np.zeros(len(i))
    step = max(1, NEAR_BYTES // (8 * n_classes * (len(row_models) + len(column_models))))
    for start in range(0, n_samples, step):
        samples = slice(start, start + step)
        a = rows.part(samples, row_models)
        b = (rows if columns is None else columns).part(samples, column_models)
        size = max(1, NEAR_BYTES // (32 * a[0].nbytes))
        pieces = [slice(k, k + size) for k in range(0, len(i), size)]
        for piece, found in zip(
            pieces, run_all([(_near, (form, a, b, left[piece], right[piece])) for piece in pieces]), strict=True
        ):
            totals[piece] += found
    values[i, j] = totals / n_samples


def _near(form: SplitForm, a: Array, b: Array, i: NDArray[np.int64], j: NDArray[np.int64]) -> Array:
    return form.near(a[i], b[j])
