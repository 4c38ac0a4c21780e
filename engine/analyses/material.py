"""What analyses are made from: the selected runs of a study, their predictions, distances and progress."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.options import Offer
from engine.array_bytes import decode_arrays, encode_arrays
from engine.cache import BlobCache
from engine.configurations import configuration_codes, seed_columns
from engine.errors import CacheError
from engine.jobs import Job
from engine.memory import check_budget, memory_budget
from engine.run_progress import RunProgress
from engine.run_table import is_differing
from engine.values import Distances, FloatArray

if TYPE_CHECKING:
    from engine.distances import DistanceStore
    from engine.store import Study

MATERIAL_VERSION = 1
"""Part of every name under which material is remembered: raise it when numbers made from it can change."""

_MAGIC = b"ARRAY1\n\0"


def offer_of(study: Study, run_ids: Sequence[str]) -> Offer:
    """What options can be chosen from, for some runs of a study."""
    runs = study.runs.loc[list(run_ids)]
    differing = [name for name in study.hyperparameters if is_differing(runs[name].tolist())]
    seeds = seed_columns(differing)
    return Offer(runs, tuple([name for name in differing if name not in seeds] + list(seeds)))


class Material:
    """What one analysis is made from.

    Args:
        study, split, run_ids, divergence: the selection, as a study can answer it.
        distances: where pairs are measured once.
        run_progress: how far along the geodesic runs are.
        blobs: keeps what several analyses share.
        job: told how far the computation is, and asked whether to go on.
        memory: bytes that may be taken; None takes half of what is free.
    """

    def __init__(
        self,
        study: Study,
        split: str,
        run_ids: tuple[str, ...],
        divergence: str,
        *,
        distances: DistanceStore,
        run_progress: RunProgress,
        blobs: BlobCache,
        job: Job,
        memory: int | None = None,
    ) -> None:
        self.study = study
        self.split = split
        self.run_ids = run_ids
        self.divergence = divergence
        self.labels: NDArray[np.int64] = study.splits[split].labels
        self.class_names = study.class_names
        self.n_classes = study.n_classes
        self.n_samples = study.splits[split].n_samples
        self.distance_store = distances
        self._run_progress = run_progress
        self._blobs = blobs
        self._job = job
        self._memory = memory
        self._content = [study.content_ids(run_id, split) for run_id in run_ids]

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(run,) checkpoints of each run."""
        return np.array([len(content) for content in self._content], dtype=np.int64)

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
        """One row per run, indexed by run_id: the hyperparameters that differ among them, seeds last."""
        return self.runs[list(offer_of(self.study, self.run_ids).differing)]

    @cached_property
    def configurations(self) -> NDArray[np.int64]:
        """(run,) equal for runs that are repetitions of one another; counted from zero."""
        return configuration_codes(self.runs, self.study.hyperparameters)

    @property
    def n_seeds(self) -> int:
        """The most repetitions that one configuration has."""
        return int(np.bincount(self.configurations).max())

    def log_probabilities(self, run_id: str, checkpoints: Sequence[int] | None = None) -> FloatArray:
        """(checkpoint, sample, class) float32 log-probabilities of a run.

        Raises:
            RunFormatError: the run turned out damaged.
        """
        return self.study.log_probabilities(self.split, run_id, checkpoints)

    def predictions(self) -> NDArray[np.float32]:
        """(model, sample, class) float32 log-probabilities of all runs.

        Raises:
            MemoryBudgetError: they do not fit; go through :meth:`log_probabilities` run by run instead.
        """
        n_models = int(self.counts.sum())
        needed = 4 * n_models * self.n_samples * self.n_classes
        check_budget(needed, memory_budget(self._memory), f"The predictions of {n_models} checkpoints")
        return np.concatenate([np.asarray(self.log_probabilities(run_id), np.float32) for run_id in self.run_ids])

    def progress(self, definition: str = "angle") -> NDArray[np.float64]:
        """(model,) progress along the geodesic; see :func:`engine.progress`."""
        parts = []
        for run_id in self.run_ids:
            self.check()
            parts.append(self._run_progress.of(self.study, self.split, run_id, definition))
        return np.concatenate(parts)

    def distances(self) -> Distances:
        """(model, model) float32 distances between all checkpoints; computed where they are not yet."""
        return self.distance_store.matrix(
            self.study, self.split, self.run_ids, divergence=self.divergence, cancelled=self._job.cancelled
        )

    def references(self, divergence: str | None = None) -> NDArray[np.float32]:
        """(point, model) distances of the geodesic's 51 points, P0 first and P* last, to all checkpoints.

        Args:
            divergence: another than the selection's, where what is asked is about one.
        """
        rectangle, _ = self.distance_store.references(
            self.study,
            self.split,
            self.run_ids,
            divergence=divergence or self.divergence,
            cancelled=self._job.cancelled,
        )
        return np.asarray(rectangle.values, np.float32)

    def report(self, fraction: float) -> None:
        """Say how much is done, from 0 to 1, and stop here if nobody wants the result any more.

        Raises:
            JobCancelled: nobody does.
        """
        self._job.report("analysis", fraction)
        self._job.check()

    def is_cancelled(self) -> bool:
        """Whether nobody wants the result any more; for what stops by itself."""
        return self._job.cancelled()

    def check(self) -> None:
        """Stop here if nobody wants the result any more. Raises JobCancelled."""
        self._job.check()

    def remember(self, name: str, question: Any, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return what ``make`` returned when it was first asked for about these runs; kept over restarts.

        Args:
            name: what it is; raise ``MATERIAL_VERSION``, or choose another name, when its numbers change.
            question: JSON that it depends on besides the selection, such as a clock and a number of points.
            make: called where it is not kept.
        """
        canonical = json.dumps(
            [self.split, self.divergence, self._content, self.study.splits[self.split].order_hash, question],
            separators=(",", ":"),
        )
        key = f"{name}-v{MATERIAL_VERSION}-{hashlib.sha256(canonical.encode()).hexdigest()}"
        if (blob := self._blobs.get(key)) is not None:
            try:
                return decode_arrays(_MAGIC, blob)[1]["values"]
            except (CacheError, ValueError, KeyError, TypeError):
                pass
        values = make()
        self._blobs.put(key, encode_arrays(_MAGIC, {}, {"values": values}))
        return values
