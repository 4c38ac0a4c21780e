r"""Distances over random groups of samples, so that samples can be left out of them.

Distances are means over samples, :math:`D = \frac1N \sum_n d_n`. Without some samples they are a mean over the others,
which costs as much as D to compute from predictions. Instead the samples are partitioned once, at random, into K
groups; D is computed for each (one pass over all samples, K matrices), and D without a group is a mixture of the
others. As groups are random, the variance among their means is in expectation that among samples over the group's
size; the random partition changes it by about :math:`\sqrt{2 / (K - 1)}`. With K = N it is the jackknife of single
samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.distances.pairwise import pairwise_distances
from engine.errors import InvalidSpecError, SelectionError
from engine.machine import check_budget, memory_budget
from engine.values import FloatArray

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

N_GROUPS = 40
LEAST_GROUPS = 8
"""Least number of groups, or of samples where each is one, for an interval."""
MIXED_TOGETHER = 8
"""Number of mixtures computed per pass over the groups' distances."""
CHECKED_MODELS = 8
"""Number of models on which a divergence is tested to be a mean over samples."""
LINEAR = 1e-5
"""Relative tolerance of that test, for rounding."""


def deal(n_samples: int, n_groups: int = N_GROUPS, seed: int = 0) -> NDArray[np.int64]:
    """Return the group of each sample: random groups whose sizes differ by at most one.

    Raises:
        InvalidSpecError: fewer than two groups or samples, so no variation.
    """
    if min(n_samples, n_groups) < 2:
        raise InvalidSpecError(
            f"Leaving out samples needs at least 2 samples in 2 groups, received {n_samples} and {n_groups}."
        )
    places = np.arange(n_samples) % min(n_groups, n_samples)
    return np.random.default_rng(seed).permutation(places)


def left_out_shares(groups: NDArray[np.int64]) -> Array:
    """Return (group, group) the share of each group, rows summing to one, where one of them is left out in turn.

    Raises:
        SelectionError: fewer than ``LEAST_GROUPS`` groups.
    """
    sizes = np.bincount(groups)
    if len(sizes) < LEAST_GROUPS:
        raise SelectionError(
            f"With samples drawn again an interval needs at least {LEAST_GROUPS} of them, and the probe set has "
            f"{len(sizes)}: let configurations be drawn again."
        )
    shares = np.where(np.eye(len(sizes), dtype=bool), 0.0, sizes)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def check_mean_over_samples(
    log_probabilities: FloatArray, groups: NDArray[np.int64], divergence: str, device: str | None = None
) -> None:
    """Raise unless the distances over groups add up to those over all samples, tested on a few models.

    Args:
        log_probabilities: (model, sample, class), of any models.
        groups: (sample,) from :func:`deal`.
        divergence, device: as of :func:`engine.pairwise_distances`.

    Raises:
        InvalidSpecError: the divergence is not a mean over samples.
    """
    few = log_probabilities[:CHECKED_MODELS]
    whole = pairwise_distances(few, divergence=divergence, device=device).values
    total = np.zeros(whole.shape)
    for group in range(int(groups.max()) + 1):
        part = np.ascontiguousarray(few[:, groups == group])
        total += part.shape[1] * pairwise_distances(part, divergence=divergence, device=device).values
    if np.abs(total / len(groups) - whole).max() > LINEAR * max(1.0, float(whole.max())):
        raise InvalidSpecError(
            f"Leaving out samples needs a divergence that is a mean over samples, and {divergence} is none: "
            "choose another."
        )


class GroupedDistances:
    """Distances between models, computed separately for each group of samples.

    Args:
        log_probabilities: (model, sample, class) natural logarithms.
        groups: (sample,) from :func:`deal`.
        divergence, device: as of :func:`engine.pairwise_distances`.
        memory: most bytes to use; None takes half of what is free.
        check: called between groups with the completed fraction; raises to cancel.

    Raises:
        InvalidSpecError: the divergence is not a mean over samples.
        MemoryBudgetError: the groups' distances do not fit.
    """

    def __init__(
        self,
        log_probabilities: FloatArray,
        groups: NDArray[np.int64],
        divergence: str = "bhattacharyya",
        *,
        device: str | None = None,
        memory: int | None = None,
        check: Callable[[float], None] | None = None,
    ) -> None:
        self.n_models = len(log_probabilities)
        self.divergence = divergence
        self._sizes = np.bincount(groups)
        n_pairs = self.n_models * (self.n_models - 1) // 2
        check_budget(
            4 * n_pairs * (len(self._sizes) + MIXED_TOGETHER) + 16 * self.n_models**2,
            memory_budget(memory),
            f"The distances of {self.n_models} models in {len(self._sizes)} groups of samples",
            "take fewer groups, or fewer checkpoints",
        )
        check_mean_over_samples(log_probabilities, groups, divergence, device)
        self._pairs = np.empty((len(self._sizes), n_pairs), dtype=np.float32)
        for group, row in enumerate(self._pairs):
            if check is not None:
                check(group / len(self._sizes))
            part = np.ascontiguousarray(log_probabilities[:, groups == group])
            _pack(pairwise_distances(part, divergence=divergence, device=device).values, row)

    def mixtures(self, shares: ArrayLike) -> Iterator[Floats]:
        """Yield the distances of each mixture in turn.

        Args:
            shares: (mixture, group) share of each group, rows summing to one.

        Yields:
            (model, model) float32, symmetric; the same buffer every time.
        """
        weights = np.asarray(shares, dtype=np.float32)
        square = np.zeros((self.n_models, self.n_models), dtype=np.float32)
        for start in range(0, len(weights), MIXED_TOGETHER):
            for pairs in weights[start : start + MIXED_TOGETHER] @ self._pairs:
                _unpack(pairs, square)
                yield square

    def whole(self) -> Floats:
        """Return (model, model) float32 distances over all samples."""
        return next(self.mixtures((self._sizes / self._sizes.sum())[None])).copy()


@njit(nogil=True, cache=True)
def _pack(square, pairs):  # type: ignore[no-untyped-def]
    place = 0
    for i in range(1, square.shape[0]):
        for j in range(i):
            pairs[place] = square[i, j]
            place += 1


@njit(nogil=True, cache=True)
def _unpack(pairs, square):  # type: ignore[no-untyped-def]
    place = 0
    for i in range(1, square.shape[0]):
        for j in range(i):
            square[i, j] = pairs[place]
            square[j, i] = pairs[place]
            place += 1
