r"""Bootstrap of InPCA spectra over samples and over seeds.

*Over samples.* Distances are means over samples, :math:`D = \frac1N \sum_n d_n`, so a bootstrap replicate is
:math:`D^* = \sum_n w_n d_n` with the shares :math:`w_n` of a resample. Computing it from predictions costs as much as D
itself. Instead the samples are partitioned once, at random, into K groups; D is computed for each (one pass over all
samples, K matrices), groups are resampled instead of samples, and a replicate is a mixture of K matrices. As groups are
random, the variance among their means is in expectation that among samples over the group's size: replicates have the
spread of single-sample replicates, up to (K - 1) / K in the variance (2.5 % too small for K = 40; resampling single
samples has the same factor with N) and up to the random partition, about :math:`\sqrt{2 / (K - 1)}` of the variance.
With K = N it is the bootstrap of single samples.

*Over seeds.* Within each configuration its runs are resampled with replacement, keeping their number. A run drawn twice
counts twice, at distance zero from itself.

Replicates are noisier than the estimate, because they have fewer distinct samples or runs. Their eigenvalues are on
average above the estimate's and their explained stress below; :attr:`Replicates.bias` is the mean difference.
Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), ch. 6, 10, 13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from engine.distances.pairwise import pairwise_distances
from engine.embedding.inpca import embed
from engine.errors import InvalidSpecError
from engine.machine import check_budget, memory_budget
from engine.values import Distances, DistanceSums, FloatArray

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

N_GROUPS = 40
MIXED_TOGETHER = 8
"""Number of replicates computed per pass over the groups' distances."""
CHECKED_MODELS = 8
"""Number of models on which a divergence is tested to be a mean over samples."""
LINEAR = 1e-5
"""Relative tolerance of that test, for rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Replicates:
    """A quantity and its bootstrap replicates.

    Attributes:
        estimate: (...) value from all data.
        draws: (replicate, ...) values of the replicates.
    """

    estimate: Array
    draws: Array

    def band(self, level: float = 0.95) -> tuple[Array, Array]:
        """Return lower and upper percentiles with a share ``level`` of the replicates between them."""
        tail = 0.5 * (1.0 - level)
        low, high = np.quantile(self.draws, [tail, 1.0 - tail], axis=0)
        return low, high

    @property
    def bias(self) -> Array:
        """Mean of the replicates minus the estimate."""
        return np.asarray(self.draws.mean(axis=0) - self.estimate)


@dataclass(frozen=True, slots=True, eq=False)
class Spectra:
    """Spectra of the replicates.

    Attributes:
        eigenvalues: signed; in decreasing modulus in each replicate.
        explained_stress: of the first k components.
    """

    eigenvalues: Replicates
    explained_stress: Replicates


def deal(n_samples: int, n_groups: int = N_GROUPS, seed: int = 0) -> NDArray[np.int64]:
    """Return the group of each sample: random groups whose sizes differ by at most one.

    Raises:
        InvalidSpecError: fewer than two groups or samples, so no variation.
    """
    if min(n_samples, n_groups) < 2:
        raise InvalidSpecError(
            f"A bootstrap over samples needs at least 2 samples in 2 groups, received {n_samples} and {n_groups}."
        )
    places = np.arange(n_samples) % min(n_groups, n_samples)
    return np.random.default_rng(seed).permutation(places)


def draw_groups(groups: NDArray[np.int64], n_repeats: int, seed: int = 0) -> Array:
    """Return (replicate, group) shares, rows summing to one, of as many groups drawn with replacement as there are."""
    sizes = np.bincount(groups)
    counts = np.random.default_rng(seed).multinomial(len(sizes), np.full(len(sizes), 1.0 / len(sizes)), size=n_repeats)
    shares = counts * sizes
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def draw_runs(configurations: ArrayLike, n_repeats: int, seed: int = 0) -> NDArray[np.int64]:
    """Return (replicate, run) indices of runs, resampled among the runs of the same configuration."""
    codes = np.asarray(configurations)
    random = np.random.default_rng(seed)
    drawn = np.empty((n_repeats, len(codes)), dtype=np.int64)
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        drawn[:, members] = random.choice(members, size=(n_repeats, len(members)))
    return drawn


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
            f"A bootstrap over samples needs a divergence that is a mean over samples, and {divergence} is none: "
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
        """Yield the distances of each replicate in turn.

        Args:
            shares: (replicate, group) share of each group, rows summing to one.

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


def sample_spectra(
    grouped: GroupedDistances, shares: Array, n_components: int = 10, check: Callable[[float], None] | None = None
) -> Spectra:
    """Return the spectra of InPCA over resampled samples.

    Args:
        grouped: distances by groups of samples.
        shares: (replicate, group) from :func:`draw_groups`.
        n_components: number of components; fewer if the estimate's rank is lower.
        check: called between replicates with the completed fraction.
    """
    everything = np.arange(grouped.n_models)
    replicates = ((square, everything) for square in grouped.mixtures(shares))
    return _spectra(grouped.whole(), replicates, len(shares), grouped.divergence, n_components, check)


def seed_spectra(
    distances: Distances,
    counts: ArrayLike,
    drawn: NDArray[np.int64],
    n_components: int = 10,
    check: Callable[[float], None] | None = None,
) -> Spectra:
    """Return the spectra of InPCA over resampled runs.

    Args:
        distances: (model, model) among the models of all runs, in run order.
        counts: (run,) number of models of each run.
        drawn: (replicate, run) indices of runs, from :func:`draw_runs`.
        n_components, check: as of :func:`sample_spectra`.
    """
    sizes = np.asarray(counts)
    starts = np.cumsum(sizes) - sizes
    values = np.asarray(distances.values, dtype=np.float32)

    def redrawn() -> Iterator[tuple[Floats, NDArray[np.int64]]]:
        for runs in drawn:
            rows = np.concatenate([np.arange(starts[run], starts[run] + sizes[run]) for run in runs])
            yield values[np.ix_(rows, rows)], rows

    return _spectra(values, redrawn(), len(drawn), distances.divergence, n_components, check)


def _spectra(
    estimate: Floats,
    replicates: Iterator[tuple[Floats, NDArray[np.int64]]],
    n_replicates: int,
    divergence: str,
    n_components: int,
    check: Callable[[float], None] | None,
) -> Spectra:
    """Return the estimate's spectrum and those of (distances, indices of their models) replicates."""
    first = embed(_measured(estimate, divergence), n_components, whole_spectrum=False)
    eigenvalues, stress = [], []
    for done, (square, models) in enumerate(replicates):
        if check is not None:
            check(done / n_replicates)
        # The estimate's eigenvectors approximate the replicate's.
        start = first.coordinates[models] if first.n_components else None
        found = embed(_measured(square, divergence), n_components, whole_spectrum=False, start=start)
        eigenvalues.append(found.eigenvalues)
        stress.append(found.explained_stress)
    # Replicates of lower rank have fewer components; missing eigenvalues are zero and the explained stress is one.
    width = first.n_components
    return Spectra(
        Replicates(first.eigenvalues, np.array([_padded(row, width, 0.0) for row in eigenvalues])),
        Replicates(first.explained_stress, np.array([_padded(row, width, 1.0) for row in stress])),
    )


def _padded(row: Array, width: int, value: float) -> Array:
    return np.concatenate([row[:width], np.full(max(0, width - len(row)), value)])


def _measured(square: Floats, divergence: str) -> Distances:
    """Return the distances with their sums, so that ``embed`` neither checks nor copies them."""
    rows = square.sum(axis=1, dtype=np.float64)
    squares = float(np.einsum("ij,ij->", square, square, dtype=np.float64))
    # A view, because values set their arrays read-only.
    return Distances(square[:], divergence, 0, "cpu", DistanceSums(rows, squares))


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
