r"""Float64 oracle of distances on some pairs, independent of the kernels.

.. math:: D_{ij} = -\frac{1}{N} \sum_n \log \sum_c \sqrt{p^n_{ic} p^n_{jc}}

with probabilities renormalised in float64. Its own rounding is 1e-16 per sample: 1e-8 of the smallest distance judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SMALLEST_JUDGED = 1e-8
"""Least distance in nats for which relative errors are computed."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Largest absolute error, and largest relative error of distances of at least ``SMALLEST_JUDGED``."""

    absolute: float
    relative: float


class Oracle:
    """Exact distances of some pairs of models: neighbours within runs, which are close, and random pairs.

    Args:
        log_probabilities: (model, sample, class).
        n_pairs: number of pairs of each kind.
    """

    def __init__(self, log_probabilities: NDArray[np.float32], n_pairs: int = 150) -> None:
        random = np.random.default_rng(5)
        n_models = len(log_probabilities)
        first = random.choice(n_models - 1, min(n_pairs, n_models - 1), replace=False)
        rows = np.concatenate([first, random.integers(0, n_models, n_pairs)])
        columns = np.concatenate([first + 1, random.integers(0, n_models, n_pairs)])
        different = rows != columns
        self.rows, self.columns = rows[different], columns[different]
        self.distances = np.array(
            [
                exact_distance(log_probabilities[i], log_probabilities[j])
                for i, j in zip(self.rows, self.columns, strict=True)
            ]
        )

    def errors(self, distances: NDArray[np.float64]) -> Errors:
        """Return the errors of (model, model) distances at the oracle's pairs."""
        gaps = np.abs(distances[self.rows, self.columns] - self.distances)
        judged = self.distances >= SMALLEST_JUDGED
        return Errors(float(gaps.max()), float((gaps[judged] / self.distances[judged]).max()))


def exact_distance(p: NDArray[np.float32], q: NDArray[np.float32]) -> float:
    """Return the distance between two (sample, class) log-probabilities in float64."""
    left, right = (np.exp(model.astype(np.float64)) for model in (p, q))
    left, right = (model / model.sum(axis=1, keepdims=True) for model in (left, right))
    return float(-np.log(np.sqrt(left * right).sum(axis=1)).mean())
