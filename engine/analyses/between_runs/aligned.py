"""Runs of a selection aligned at equal values of a clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.analysis import Options
from engine.analyses.material import Material
from engine.analyses.options import Number, Option, levels_of
from engine.analyses.training.clocks import CLOCK, ClockReadings, read_clock
from engine.analyses.training.reindexed import POLICY
from engine.errors import InvalidSpecError, SelectionError
from engine.statistics.thinning import evenly
from engine.trajectories.geodesics import geodesic
from engine.trajectories.mean_distance import distances_along
from engine.trajectories.resampling import END_POLICIES, Crossings, crossings, models_at

Array = NDArray[np.float64]
Chunk = NDArray[np.float32]
CHUNK_BYTES = 2**28
"""Bytes of the log-probabilities of all runs per chunk of the clock."""


def alignment_options(n_points: int) -> tuple[Option, ...]:
    """Return the options of the clock, with `n_points` points by default."""
    return (CLOCK, Number("points", "grid points", 1, 400, n_points, is_whole=True), POLICY)


@dataclass(frozen=True, slots=True, eq=False)
class RunDistances:
    """Distances between trajectories at equal clock.

    Attributes:
        among_runs: (run, run) float64 means over the clock, symmetric with a diagonal of zeros.
        to_geodesic: (run,) float64 the same to the geodesic; NaN unless the clock is progress.
        between, within: (point,) float64 mean distances at each value of the clock between runs of different
            configurations, and between the seeds of one; NaN if there is no such pair.
        n_capped: number of capped (pair, sample, point) terms.
    """

    among_runs: Array
    to_geodesic: Array
    between: Array
    within: Array
    n_capped: int

    @property
    def with_geodesic(self) -> Array:
        """Return (run + 1, run + 1) distances with the geodesic as the last trajectory."""
        return np.block([[self.among_runs, self.to_geodesic[:, None]], [self.to_geodesic, np.zeros(1)]])


class AlignedRuns:
    """Runs of a selection at equal values of a clock.

    Args:
        material: the selection.
        options: of :func:`alignment_options`.
    """

    def __init__(self, material: Material, options: Options) -> None:
        self._material = material
        self.clock: str = options["clock"]
        self.n_points: int = options["points"]
        self.after: str = options["after"]

    @cached_property
    def _readings(self) -> ClockReadings:
        readings = read_clock(self._material, self.clock)
        if not readings.can_be_read.all():
            raise InvalidSpecError(
                f"Trajectories are compared at equal {readings.clock.title}, which {(~readings.can_be_read).sum()} of "
                f"{len(readings.can_be_read)} selected runs did not record: choose another clock, or leave them out."
            )
        return readings

    @property
    def title(self) -> str:
        """Axis label of the clock."""
        return self._readings.clock.title

    @property
    def is_progress(self) -> bool:
        """Whether the clock is progress, so that the geodesic itself is a trajectory."""
        return self.clock.startswith("progress")

    @cached_property
    def values(self) -> list[Array]:
        """(checkpoint,) values of the clock for each run.

        Raises:
            InvalidSpecError: a run did not record the quantity of this clock.
        """
        return [self._readings.of_run(self._material, run) for run in range(len(self._material.run_ids))]

    @cached_property
    def grid(self) -> Array:
        """(point,) values of the clock, equally spaced up to its highest possible value, or the highest of any run."""
        largest = float(self._readings.values.max())
        return self._readings.clock.grid(self.n_points, self._material.n_classes, largest)

    @cached_property
    def crossings(self) -> list[Crossings]:
        """Crossings of the clock's values by each run."""
        return [crossings(values, self.grid, after=self.after) for values in self.values]

    def run(self, index: int, points: slice = slice(None)) -> NDArray[np.float32]:
        """Return (point, sample, class) log-probabilities of a run, reading only the checkpoints needed."""
        whole = self.crossings[index]
        earlier, later = whole.earlier[points], whole.later[points]
        first, last = int(earlier.min()), int(later.max())
        which = None if (first, last) == (0, len(self.values[index]) - 1) else list(range(first, last + 1))
        logs = self._material.log_probabilities(self._material.run_ids[index], which)
        here = Crossings(earlier - first, later - first, whole.fraction[points], whole.is_inside[points])
        return models_at(logs, here)

    def geodesic(self, points: slice = slice(None)) -> NDArray[np.float32]:
        """Return (point, sample, class) log-probabilities of the geodesic P0 to P*, at positions equal to progress."""
        material = self._material
        return geodesic(material.labels, material.n_classes, self.grid[points]).astype(np.float32)

    def chunks(
        self, points: slice = slice(None), runs: Sequence[int] | None = None, *, with_geodesic: bool = False
    ) -> Iterator[NDArray[np.float32]]:
        """Yield (run, point, sample, class) log-probabilities of successive intervals of the clock.

        Args:
            points: slice of the clock's values.
            runs: indices of runs; None means all.
            with_geodesic: whether the geodesic follows the runs; requires progress as the clock.
        """
        material = self._material
        runs = range(len(material.run_ids)) if runs is None else runs
        n_runs = len(runs) + with_geodesic
        first, last, _ = points.indices(self.n_points)
        step = max(1, CHUNK_BYTES // (4 * n_runs * material.n_samples * material.n_classes))
        for start in range(first, last, step):
            part = slice(start, min(start + step, last))
            chunk = np.empty((n_runs, part.stop - start, material.n_samples, material.n_classes), np.float32)
            for place, index in enumerate(runs):
                if place % 16 == 0:
                    material.check()
                chunk[place] = self.run(index, part)
            if with_geodesic:
                chunk[-1] = self.geodesic(part)
            yield chunk

    def distances(self, points: slice = slice(None), divergence: str | None = None) -> RunDistances:
        """Return distances between all runs at equal clock, computed once for all analyses.

        Args:
            points: slice of the clock's values: a prefix, a snapshot.
            divergence: key of ``DIVERGENCES``; None means the selection's.
        """
        material = self._material
        divergence = divergence or material.divergence
        n_runs = len(material.run_ids)
        first, last, _ = points.indices(self.n_points)
        question = [self.clock, self.n_points, self.after, first, last, divergence, material.configurations.tolist()]

        def make() -> Array:
            is_between, is_within = pairs_of(material.configurations)
            total, profile, n_capped = np.zeros((n_runs, n_runs)), [], 0
            to_geodesic = np.zeros(n_runs) if self.is_progress else np.full(n_runs, np.nan)
            chunks = self.chunks(points, with_geodesic=self.is_progress)
            for values, capped in distances_along(chunks, divergence=divergence):
                among = values[:n_runs, :n_runs]
                total += among
                if self.is_progress:
                    to_geodesic += values[-1, :n_runs]
                n_capped += capped
                profile.append([among[pairs].mean() if pairs.any() else np.nan for pairs in (is_between, is_within)])
                material.report(0.95 * len(profile) / (last - first))
            n_points = last - first
            parts = (total / n_points, to_geodesic / n_points, np.array(profile).T, np.array(float(n_capped)))
            return np.concatenate([part.ravel() for part in parts])

        flat = material.remember("trajectory-distances", question, make)
        among, to_geodesic, profile = np.split(flat[:-1], [n_runs**2, n_runs**2 + n_runs])
        between, within = profile.reshape(2, -1)
        return RunDistances(among.reshape(n_runs, n_runs), to_geodesic, between, within, int(flat[-1]))

    def distances_of_versions(
        self, name: str, runs: NDArray[np.int64], n_versions: int, versions: Callable[[Chunk], Iterable[Chunk]]
    ) -> Array:
        """Return (version, run, run) distances of altered trajectories, means over the clock; computed once.

        Args:
            name: name of the versions, as of :meth:`Material.remember`.
            runs: indices of the runs.
            n_versions: number of versions.
            versions: returns all versions of a chunk of trajectories.
        """
        material = self._material

        def make() -> Array:
            total, done = np.zeros((n_versions, len(runs), len(runs))), 0
            for chunk in self.chunks(runs=runs.tolist()):
                along = distances_along(versions(chunk), divergence=material.divergence)
                for place, (values, _) in enumerate(along):
                    total[place // chunk.shape[1]] += values
                    done += 1
                    material.report(done / (n_versions * self.n_points))
            return total / self.n_points

        return material.remember(name, [self.clock, self.n_points, self.after, n_versions, runs.tolist()], make)

    def notes(self) -> tuple[str, ...]:
        """Return notes on the alignment, as display text."""
        readings, values, end = self._readings, self.values, self.grid[-1]
        notes = [*readings.notes, *([readings.turning] if readings.turning else [])]
        if n_short := sum(bool(own.max() < end) for own in values):
            notes.append(
                f"{n_short} of {len(values)} runs do not reach the end of the grid, {self.title} {end:.4g}: "
                f"{END_POLICIES[self.after]}."
            )
        if n_late := sum(bool(own[0] > self.grid[0]) for own in values):
            notes.append(
                f"{n_late} of {len(values)} runs begin beyond the grid's first value, {self.title} {self.grid[0]:.4g}; "
                "before, they are at their first checkpoint."
            )
        if n_alone := sum(len(own) == 1 for own in values):
            notes.append(f"{n_alone} runs have a single checkpoint, and are there at all values of the clock.")
        return tuple(notes)


def pairs_of(codes: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return (run, run) masks of each pair once: of different codes, and of one code."""
    is_same = codes[:, None] == codes
    return np.triu(~is_same, 1), np.triu(is_same, 1)


def compared_runs(material: Material, most: int, purpose: str) -> tuple[NDArray[np.int64], list[str]]:
    """Return indices of at most ``most`` runs, evenly spread, and a note if these are not all.

    Raises:
        SelectionError: there is one run only; ``purpose`` begins the message.
    """
    n_runs = len(material.run_ids)
    if n_runs < 2:
        raise SelectionError(f"{purpose} need at least two runs, received one: select more.")
    note = f"{most} of {n_runs} runs are compared, taken evenly from their list."
    return evenly(n_runs, most), [note] if n_runs > most else []


def pair_table(
    material: Material, runs: NDArray[np.int64], kinds: NDArray[np.object_], columns: Mapping[str, NDArray[Any]]
) -> pd.DataFrame:
    """Return one row per pair of runs i < j: both names, columns of (pair,) values, and its kind from (run, run)."""
    i, j = np.triu_indices(len(runs), 1)
    names = np.array(material.run_ids, dtype=object)[runs]
    return pd.DataFrame({"run_id": names[i], "other_run_id": names[j], **columns, "pair": kinds[i, j]})


def configuration_names(material: Material) -> list[str]:
    """Return (configuration,) display names, from the hyperparameters that differ."""
    table = material.hyperparameters
    columns = [name for name in table if name not in material.replicates.columns]
    first = np.unique(material.configurations, return_index=True)[1]
    if not columns:
        return [material.run_ids[index] for index in first]
    texts = [levels_of(table[name]).to_numpy() for name in columns]
    return [", ".join(f"{name} {text[k]}" for name, text in zip(columns, texts, strict=True)) for k in first]
