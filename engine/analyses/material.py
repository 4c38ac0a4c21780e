"""Input of analyses: runs of a selection with predictions, distances and progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.options import Offer
from engine.analyses.replicates import AUTOMATIC, Replicates, find_replicates
from engine.cache.blobs import BlobCache, content_key
from engine.jobs import Job
from engine.machine import check_budget, memory_budget
from engine.store.hyperparameters import configuration_codes, is_differing
from engine.trajectories.geodesics import on_geodesic
from engine.trajectories.progress import RunProgress, kept_array
from engine.values import Distances, FloatArray

if TYPE_CHECKING:
    from engine.distances.distance_store import DistanceStore
    from engine.distances.selection import Selection
    from engine.store.study import Study

MATERIAL_VERSION = 2
"""Part of every key of remembered material: raise it when numbers made from it can change."""


_FOUND: WeakKeyDictionary[Study, Replicates] = WeakKeyDictionary()
"""Columns that were found, by snapshot of a study."""


def replicates_of(study: Study, choice: str = AUTOMATIC) -> Replicates:
    """Return the columns in which repetitions differ among all runs of a study, found or as chosen."""
    if choice != AUTOMATIC:
        return find_replicates(study.runs, study.differing, choice)
    # A request asks several times, and thousands of runs take a tenth of a second.
    if study not in _FOUND:
        _FOUND[study] = find_replicates(study.runs, study.differing)
    return _FOUND[study]


def offer_of(study: Study, run_ids: Sequence[str]) -> Offer:
    """Return the values that options can take for some runs of a study."""
    runs = study.runs.loc[list(run_ids)]
    differing = [name for name in study.hyperparameters if is_differing(runs[name].tolist())]
    found = replicates_of(study)
    last = [name for name in differing if name in found.columns]
    return Offer(runs, tuple([name for name in differing if name not in last] + last), found)


class Material:
    """Input of one analysis.

    Args:
        selection: the runs.
        divergence: key of ``DIVERGENCES``.
        distances: store that measures each pair once.
        run_progress: progress of runs along the geodesic.
        blobs: cache of material shared by several analyses.
        job: receives progress and signals cancellation.
        replicates: value of the option :data:`.REPLICATES`.
        memory: most bytes to use; None takes half of what is free.

    Attributes:
        counts: (run,) number of checkpoints of each run.
        memory: as given, for :func:`.memory_budget`.
        is_cancelled, check: as ``cancelled`` and ``check`` of :class:`.Job`.
    """

    def __init__(
        self,
        selection: Selection,
        divergence: str,
        *,
        distances: DistanceStore,
        run_progress: RunProgress,
        blobs: BlobCache,
        job: Job,
        replicates: str = AUTOMATIC,
        memory: int | None = None,
    ) -> None:
        study, split = selection.study, selection.split
        self.study = study
        self.split = split
        self.run_ids = selection.run_ids
        self.selection = selection
        self.counts = selection.counts
        self.divergence = divergence
        self.labels: NDArray[np.int64] = study.splits[split].labels
        self.class_names = study.class_names
        self.n_classes = study.n_classes
        self.n_samples = study.splits[split].n_samples
        self.distance_store = distances
        self._run_progress = run_progress
        self._blobs = blobs
        self._job = job
        self.is_cancelled, self.check = job.cancelled, job.check
        self.memory = memory
        self._choice = replicates

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """(run,) row of each run's first checkpoint among all models."""
        return np.cumsum(self.counts) - self.counts

    @cached_property
    def models(self) -> pd.DataFrame:
        """One row per model, in the order of the runs: run_id, checkpoint, step, epoch, time, metrics."""
        table = self.study.checkpoints.set_index("run_id", drop=False).loc[list(self.run_ids)]
        return table.reset_index(drop=True)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """One row per run, indexed by run_id: all hyperparameters, n_checkpoints, status, final metrics."""
        return self.study.runs.loc[list(self.run_ids)]

    @cached_property
    def hyperparameters(self) -> pd.DataFrame:
        """One row per run, indexed by run_id: the hyperparameters that differ among them, replicates last."""
        return self.runs[list(offer_of(self.study, self.run_ids).differing)]

    @cached_property
    def replicates(self) -> Replicates:
        """Columns in which repetitions of a configuration differ."""
        return replicates_of(self.study, self._choice)

    @cached_property
    def configurations(self) -> NDArray[np.int64]:
        """(run,) configuration index, equal for repetitions; counted from zero."""
        columns = [name for name in self.hyperparameters if name not in self.replicates.columns]
        return configuration_codes(self.runs, columns)

    @property
    def n_seeds(self) -> int:
        """Largest number of repetitions of a configuration."""
        return int(np.bincount(self.configurations).max())

    def log_probabilities(self, run_id: str, checkpoints: Sequence[int] | None = None) -> FloatArray:
        """Return (checkpoint, sample, class) float32 log-probabilities of a run.

        Raises:
            RunFormatError: the run is damaged.
        """
        return self.study.log_probabilities(self.split, run_id, checkpoints)

    def predictions(self) -> NDArray[np.float32]:
        """Return (model, sample, class) float32 log-probabilities of all runs.

        Raises:
            MemoryBudgetError: they do not fit; use :meth:`log_probabilities` run by run instead.
        """
        n_models = int(self.counts.sum())
        needed = 4 * n_models * self.n_samples * self.n_classes
        check_budget(needed, memory_budget(self.memory), f"The predictions of {n_models} checkpoints")
        return np.concatenate([np.asarray(self.log_probabilities(run_id), np.float32) for run_id in self.run_ids])

    def progress(self, definition: str = "angle") -> NDArray[np.float64]:
        """Return (model,) progress along the geodesic; see :func:`engine.progress`."""
        return self._run_progress.of(self.selection, definition, lambda _: self.check())

    def distances(self) -> Distances:
        """Return (model, model) float32 distances between all checkpoints; missing ones are computed."""
        return self.distance_store.matrix(self.selection, divergence=self.divergence, cancelled=self.is_cancelled)

    def references(self, divergence: str | None = None) -> NDArray[np.float32]:
        """Return (point, model) distances of the geodesic's 51 points, P0 first and P* last, to all checkpoints.

        Args:
            divergence: key of ``DIVERGENCES``; None means the selection's.
        """
        distances = self.distance_store.references(
            self.selection,
            on_geodesic(self.study, self.split),
            divergence=divergence or self.divergence,
            cancelled=self.is_cancelled,
        )
        return np.asarray(distances.values, np.float32)

    def report(self, fraction: float) -> None:
        """Report the completed fraction, from 0 to 1, and raise if the job was cancelled.

        Raises:
            JobCancelled: no client wants the result any more.
        """
        self._job.report("analysis", fraction)
        self.check()

    def remember(self, name: str, question: Any, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return the result of ``make`` for these runs, computed once and cached over restarts.

        Args:
            name: name of the result; raise ``MATERIAL_VERSION``, or choose another name, when its numbers change.
            question: JSON value that it depends on besides the selection, such as a clock and a number of points.
            make: called if the result is not cached.
        """
        selection = self.selection
        question = [self.split, self.divergence, selection.contents, selection.order_hash, question]
        return kept_array(self._blobs, content_key(f"{name}-v{MATERIAL_VERSION}", question), make)
