r"""Divergences that split into a term of each model and a term of both, in float64.

.. math:: D(P, Q) = \frac{1}{N} \sum_n \bigl( o(p^n) + o(q^n) - x(p^n, q^n) \bigr)

The terms o are summed once per model; the terms x by a matrix product, or by a loop where none gives them. What such
a difference loses is 1e-13 of its terms, so the few pairs closer than ``NEAR`` are measured once more by a form
without cancellation, and models that agree are exactly zero apart. Samples are taken a part at a time, so that float64
is held of a part only; the parts add up in the same order however pairs are blocked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.divergences import Block, root_blocks
from engine.kernels.threads import run_all
from engine.values import FloatArray

Array = NDArray[np.float64]

NEAR = 1e-8
"""Pairs under this are measured by the form without cancellation."""
PART_BYTES = 2**26
"""Float64 features of both sides held at a time."""
NEAR_BYTES = 2**25
PIECE_MODELS = 16


@dataclass(frozen=True, slots=True, eq=False)
class LogModels:
    """A block of models as their log-probabilities, on their way through a divergence.

    Attributes:
        log_probabilities: (model, sample, class) as they came, known to be distributions.
        device: where they are measured: torch name.
    """

    log_probabilities: FloatArray
    device: str

    def __len__(self) -> int:
        return len(self.log_probabilities)

    @property
    def shape(self) -> tuple[int, int]:
        """(sample, class)."""
        return self.log_probabilities.shape[1], self.log_probabilities.shape[2]

    def part(self, samples: slice, models: NDArray[np.int64] | slice = slice(None)) -> Array:
        """Return (model, sample, class) float64 logarithms of probabilities that sum to one."""
        chosen = self.log_probabilities[models, samples]
        logs = np.empty(chosen.shape)
        pieces = [slice(k, k + PIECE_MODELS) for k in range(0, len(logs), PIECE_MODELS)]
        run_all([(_renormalise, (chosen[piece], logs[piece])) for piece in pieces])
        return logs


def log_models(
    log_probabilities: FloatArray, device: str, name: str = "log_probabilities", first: int = 0
) -> LogModels:
    """Return models ready to be measured; arguments and refusals are those of :func:`engine.divergences.prepare`."""
    for _ in root_blocks(log_probabilities, name, first):
        pass
    return LogModels(log_probabilities, device)


def _renormalise(log_probabilities: FloatArray, out: Array) -> None:
    np.copyto(out, log_probabilities)
    totals = np.exp(out).sum(axis=2, keepdims=True)
    out -= np.log(totals, out=totals)


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What a form needs of the models of a block, for some samples.

    Attributes:
        own: (model,) sum over these samples of o.
        left, right: (model, feature) float64, as the first and the second model of a pair; or (sample, class, model).
        capped: (model, sample) whether a cap took effect; None where there is none.
    """

    own: Array
    left: Array
    right: Array
    capped: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SplitForm:
    """A divergence that splits.

    Attributes:
        features: (model, sample, class) logarithms of probabilities -> features.
        both: (left of the rows, right of the columns, device, whether they are the same models) -> (row, column) sum
            over the samples of x; where they are the same, only entries on and under the diagonal are used.
        near: two (pair, sample, class) logarithms -> (pair,) sum over the samples of o + o - x without cancellation.
    """

    features: Callable[[Array], Features]
    both: Callable[[Array, Array, str, bool], Array]
    near: Callable[[Array, Array], Array]


def measure(form: SplitForm, rows: LogModels, columns: LogModels | None) -> Block:
    """Return the (row, column) values and numbers of capped samples of two blocks; ``None``: of one with itself."""
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
    """Return (row, column) in how many samples one of the two is true."""
    if not rows.any() and not columns.any():
        return np.zeros((len(rows), len(columns)), dtype=np.int32)
    both = rows.astype(np.float64) @ columns.T
    return np.asarray(rows.sum(axis=1)[:, None] + columns.sum(axis=1) - both, dtype=np.int32)


def _measure_near(form: SplitForm, values: Array, rows: LogModels, columns: LogModels | None) -> None:
    """Replace the values of near pairs in place; of a square, of those under the diagonal."""
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
