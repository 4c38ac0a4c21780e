"""Coverage of every interval that the page draws, in simulated studies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

import engine
from benchmarks.calibration.fakes import Array, Design, checkpoints, on_samples, simulate
from engine.statistics.intervals.differences import between_minus_within, strata_leaving_pairs
from engine.statistics.intervals.jackknife import LOGARITHM, Interval, jackknife
from engine.statistics.intervals.means import mean_of_each, mean_over_configurations, mean_over_seeds
from engine.statistics.intervals.sample_groups import GroupedDistances, deal, left_out_shares
from engine.statistics.intervals.spectra import LeftOutSpectra, spectra_without_blocks, spectra_without_samples
from engine.trajectories.mean_distance import between_groups

N_LARGE, N_LARGE_STUDIES = 500, 6
"""Configurations of the large studies that tell the truth, and their number."""
PAIRS = ("all configurations", "within a level", "between levels")


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often an interval holds the truth.

    Attributes:
        quantity, case: what the interval is of, and the design.
        n_units: number of units that are drawn again.
        covered: share of the simulated studies with an interval whose interval holds the truth.
        n_studies: their number.
        missing: share of studies without an interval.
    """

    quantity: str
    case: str
    n_units: int
    covered: float
    n_studies: int
    missing: float


class Tally:
    """Counts of intervals by quantity."""

    def __init__(self) -> None:
        self._held: dict[str, list[bool]] = {}
        self._n_studies: dict[str, int] = {}

    def add(self, quantity: str, low: ArrayLike, high: ArrayLike, truth: ArrayLike) -> None:
        """Count the interval of a study."""
        self._n_studies[quantity] = self._n_studies.get(quantity, 0) + 1
        held = self._held.setdefault(quantity, [])
        if np.isfinite(low):
            held.append(bool(low <= truth <= high))

    def rows(self, case: str, n_units: int) -> Iterator[Coverage]:
        """Yield a row per quantity."""
        for quantity, held in self._held.items():
            share = float(np.mean(held)) if held else np.nan
            yield Coverage(quantity, case, n_units, share, len(held), 1 - len(held) / self._n_studies[quantity])


def masks(levels: ArrayLike) -> dict[str, Array]:
    """Return (configuration, configuration) masks of the pairs of ``PAIRS``."""
    codes = np.asarray(levels)
    same = codes[:, None] == codes
    return dict(zip(PAIRS, (np.ones_like(same), same & (codes == 0), ~same), strict=True))


@cache
def true_means(design: Design) -> dict[str, float]:
    """Return the mean distances of some large studies, and the distance of levels beyond that within."""
    found: dict[str, list[float]] = {}
    for place in range(N_LARGE_STUDIES):
        study = simulate(design, np.random.default_rng([77, place]))
        distances = study.distances()
        for name, mask in masks(study.levels).items():
            found.setdefault(name, []).append(distances[np.triu(mask, 1)].mean())
        (one,) = between_minus_within(distances, study.levels, study.other)
        found.setdefault("between minus within", []).append(one.estimate)
        pairs = simulate(replace(design, n_configurations=200, n_seeds=2), np.random.default_rng([78, place]))
        found.setdefault("seeds of one configuration", []).append(np.diag(pairs.distances(), 1)[::2].mean())
    return {name: float(np.mean(values)) for name, values in found.items()}


def over_configurations(design: Design, case: str, n_studies: int) -> Iterator[Coverage]:
    """Yield the coverage of mean distances and differences, for the level."""
    truth, tally = true_means(replace(design, n_configurations=N_LARGE, n_seeds=1)), Tally()
    for place in range(n_studies):
        study = simulate(design, np.random.default_rng([1, place, design.n_configurations]))
        runs = study.distances()
        matrix = between_groups(runs, study.codes)
        found: dict[str, Interval] = {}
        if design.strong == 0:
            for name, mask in masks(study.levels).items():
                found[name] = mean_over_configurations(matrix, mask, study.levels)
            found["seeds of one configuration"] = mean_of_each(np.diag(runs, 1)[::2])
        for name, interval in found.items():
            tally.add(name, interval.low, interval.high, truth[name])
        strata, _ = strata_leaving_pairs(study.levels, [study.other])
        for one in between_minus_within(matrix, study.levels, strata):
            tally.add("between minus within", one.low, one.high, truth["between minus within"])
    yield from tally.rows(case, design.n_configurations)


def over_seeds(n_seeds: int, n_studies: int, n_configurations: int = 16) -> Iterator[Coverage]:
    """Yield the coverage of mean distances for the same configurations with other seeds."""
    design, tally, n_choices = Design(n_configurations, n_seeds, effect=1.0), Tally(), 8
    for choice in range(n_choices):
        many = simulate(replace(design, n_seeds=60), np.random.default_rng([2, choice]), np.random.default_rng(choice))
        true = between_groups(many.distances(), many.codes)
        for place in range(n_studies // n_choices):
            seeds = np.random.default_rng([3, choice, place])
            study = simulate(design, np.random.default_rng([2, choice]), seeds)
            distances = study.distances()
            for name, mask in masks(study.levels).items():
                found = mean_over_seeds(distances, study.codes, mask)
                tally.add(f"{name}, other seeds", found.low, found.high, true[np.triu(mask, 1)].mean())
    yield from tally.rows(f"{n_configurations} configurations, {n_seeds} seeds", n_configurations * n_seeds)


def over_samples(n_samples: int, n_studies: int, n_models: int = 12) -> Iterator[Coverage]:
    """Yield the coverage of distances, explained stress and eigenvalues for other samples."""
    tally, spectra = Tally(), []
    large = on_samples(n_models, 100_000, np.random.default_rng(4))
    true = engine.pairwise_distances(large).values
    for place in range(n_studies):
        models = on_samples(n_models, n_samples, np.random.default_rng([5, place, n_samples]))
        groups = deal(n_samples, seed=place)
        shares = left_out_shares(groups)
        grouped = GroupedDistances(models, groups)
        pairs = [square[[2, 2], [3, 10]] for square in grouped.mixtures(shares)]
        found = jackknife(grouped.whole()[[2, 2], [3, 10]], np.array(pairs), scale=LOGARITHM)
        for name, k, pair in (("near pair", 0, (2, 3)), ("far pair", 1, (2, 10))):
            tally.add(f"distance of a {name}, other samples", found.low[k], found.high[k], true[pair])
        spectra.append(spectra_without_samples(grouped, shares, 4))
    _count_spectra(tally, spectra, "samples")
    yield from tally.rows(f"{n_samples} samples", min(n_samples, 40))


def over_spectra(design: Design, case: str, n_studies: int) -> Iterator[Coverage]:
    """Yield the coverage of explained stress and eigenvalues for other configurations."""
    tally, spectra = Tally(), []
    for place in range(n_studies):
        study = simulate(design, np.random.default_rng([6, place, design.n_configurations]), n_points=4)
        distances = engine.pairwise_distances(checkpoints(study))
        spectra.append(spectra_without_blocks(distances, np.repeat(study.codes, 4), 4))
    _count_spectra(tally, spectra, "configurations")
    yield from tally.rows(case, design.n_configurations)


def _count_spectra(tally: Tally, spectra: list[LeftOutSpectra], over: str) -> None:
    """Count the intervals of spectra, whose truth is the mean over the studies of the same size."""
    stress = [found.stress_interval() for found in spectra]
    moduli = [found.modulus_interval() for found in spectra]
    for name, intervals in ((f"explained stress, other {over}", stress), (f"eigenvalues, other {over}", moduli)):
        truth = np.mean([one.estimate for one in intervals], axis=0)
        for one in intervals:
            for k in range(3):
                tally.add(f"{name}: {k + 1}", one.low[k], one.high[k], truth[k])
