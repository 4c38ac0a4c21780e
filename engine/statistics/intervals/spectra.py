r"""Intervals of InPCA spectra, with configurations or samples left out.

One block of models or of samples is left out at a time and the rest is embedded. The interval is for the mean over
studies *of the same size*: explained stress falls and small eigenvalues rise with the number of configurations, so that
the value of infinitely many is another one, of which these are no intervals (in simulations with 8 to 30 configurations
they hold that of the third component in 0.69 to 0.94 of studies). Eigenvalues are compared per model, since their sum
grows with the number of models.
Scales: the logit of explained stress, the logarithm of moduli.
Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), ch. 11; Snijders and Borgatti, Connections 22
(1999) 61 (leaving out actors of a network); Shao and Wu, Ann. Stat. 17 (1989) 1176 (leaving out blocks).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.embedding.inpca import embed
from engine.errors import SelectionError
from engine.statistics.intervals.jackknife import LEVEL, LOGARITHM, LOGIT, Array, Interval, jackknife
from engine.statistics.intervals.sample_groups import GroupedDistances
from engine.values import Distances, DistanceSums

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

LEAST_BLOCKS = 8
"""Least number of blocks: coverage was simulated from eight on."""
MOST_BLOCKS = 40
"""Most blocks: more configurations are left out several at a time, at random."""


@dataclass(frozen=True, slots=True, eq=False)
class LeftOutSpectra:
    """Spectra of a selection and of its parts.

    Attributes:
        eigenvalues, stress: (component,) signed eigenvalues in decreasing modulus, explained stress of the first k.
        left_out_eigenvalues, left_out_stress: (block, component) the same without a block; eigenvalues are scaled to
            the whole number of models.
    """

    eigenvalues: Array
    stress: Array
    left_out_eigenvalues: Array
    left_out_stress: Array

    def stress_interval(self, level: float = LEVEL) -> Interval:
        """Return the interval of each explained stress; NaN where no distance is left to explain."""
        return jackknife(self.stress, self.left_out_stress, level=level, scale=LOGIT)

    def modulus_interval(self, level: float = LEVEL) -> Interval:
        """Return the interval of each eigenvalue's modulus."""
        return jackknife(np.abs(self.eigenvalues), np.abs(self.left_out_eigenvalues), level=level, scale=LOGARITHM)


def blocks_of(configurations: ArrayLike, seed: int = 0) -> Ints:
    """Return the block of each run: its configuration, or one of ``MOST_BLOCKS`` random groups of configurations.

    Args:
        configurations: (run,) codes.
        seed: seed of the grouping.

    Raises:
        SelectionError: fewer than ``LEAST_BLOCKS`` configurations.
    """
    codes = np.unique(np.asarray(configurations), return_inverse=True)[1]
    n_configurations = int(codes.max(initial=-1)) + 1
    if n_configurations < LEAST_BLOCKS:
        raise SelectionError(
            f"With configurations drawn again an interval needs at least {LEAST_BLOCKS} of them, and here "
            f"{'is one' if n_configurations == 1 else f'are {n_configurations}'}: select more, or let samples be drawn "
            "again."
        )
    places = np.arange(n_configurations) % MOST_BLOCKS
    return np.asarray(np.random.default_rng(seed).permutation(places)[codes], dtype=np.int64)


def spectra_without_blocks(
    distances: Distances, blocks: ArrayLike, n_components: int = 10, check: Callable[[float], None] | None = None
) -> LeftOutSpectra:
    """Return the spectra of InPCA with one block of models left out at a time.

    Args:
        distances: (model, model).
        blocks: (model,) codes of the blocks, 0, 1, ...
        n_components: number of components; fewer if the estimate's rank is lower.
        check: called between embeddings with the completed fraction; raises to cancel.
    """
    values = np.asarray(distances.values, dtype=np.float32)
    codes = np.asarray(blocks)
    kept = [np.flatnonzero(codes != block) for block in range(int(codes.max()) + 1)]
    parts = ((np.ascontiguousarray(values[np.ix_(rows, rows)]), rows) for rows in kept)
    return _spectra(values, parts, [len(rows) for rows in kept], distances.divergence, n_components, check)


def spectra_without_samples(
    grouped: GroupedDistances, shares: Array, n_components: int = 10, check: Callable[[float], None] | None = None
) -> LeftOutSpectra:
    """Return the spectra of InPCA with one group of samples left out at a time.

    Args:
        grouped: distances by groups of samples.
        shares: (group, group) from :func:`.sample_groups.left_out_shares`.
        n_components, check: as of :func:`spectra_without_blocks`.
    """
    everything = np.arange(grouped.n_models)
    parts = ((square, everything) for square in grouped.mixtures(shares))
    sizes = [grouped.n_models] * len(shares)
    return _spectra(grouped.whole(), parts, sizes, grouped.divergence, n_components, check)


def _spectra(
    whole: Floats,
    parts: Iterator[tuple[Floats, Ints]],
    sizes: Sequence[int],
    divergence: str,
    n_components: int,
    check: Callable[[float], None] | None,
) -> LeftOutSpectra:
    """Return the spectra of the whole and of parts, each given with the indices of its models."""
    first = embed(_measured(whole, divergence), n_components, whole_spectrum=False)
    width = first.n_components
    eigenvalues, stress = np.zeros((len(sizes), width)), np.ones((len(sizes), width))
    for done, (square, models) in enumerate(parts):
        if check is not None:
            check(done / len(sizes))
        # The whole's eigenvectors approximate the part's.
        start = first.coordinates[models] if width else None
        found = embed(_measured(square, divergence), n_components, whole_spectrum=False, start=start)
        # A part of lower rank has fewer components: its other eigenvalues are zero and its explained stress is one.
        n_found = min(width, found.n_components)
        eigenvalues[done, :n_found] = found.eigenvalues[:n_found] * (len(whole) / sizes[done])
        stress[done, :n_found] = found.explained_stress[:n_found]
    return LeftOutSpectra(first.eigenvalues, first.explained_stress, eigenvalues, stress)


def _measured(square: Floats, divergence: str) -> Distances:
    """Return the distances with their sums, so that ``embed`` neither checks nor copies them."""
    # A view, because values set their arrays read-only.
    return Distances(square[:], divergence, 0, "cpu", DistanceSums.of(square))
