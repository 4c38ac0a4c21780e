"""Spectra of shuffled runs beside those of scenes, computed by a worker that gives way to scenes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.cache.blobs import BlobCache, content_key
from engine.distances.selection import Selection
from engine.distances.table import find_divergence
from engine.errors import SceneNotReadyError
from engine.explorer.answers import Answers, Codec
from engine.explorer.costs import Costs, Work
from engine.explorer.plan import scene_key
from engine.jobs import Job, Jobs
from engine.machine import check_budget, memory_budget
from engine.trajectories.geodesics import on_geodesic
from engine.values import JobStatus, Scene

if TYPE_CHECKING:
    from engine.statistics.shuffled_spectra import ShuffledSpectra

VERSION = 1
"""Part of every key: raise it when the numbers of a comparison, or its verdict, change."""
MEMORY_LIMIT = 2**24

_KEY = re.compile(r"shuffled-[0-9a-f]{64}")


class Comparisons:
    """Shuffled runs' spectra by the key of a scene, computed on demand, cached on disk.

    All methods raise SceneNotReadyError if there is no scene of the key, or if its runs have changed since.

    Args:
        find_scene: key -> the scene, and its runs as they were embedded.
        find_device: returns the device to compute on; called in the worker.
        scenes: jobs of scenes, which go first.
        costs: cost model of scenes.
        blobs: disk cache.
        memory: memory budget in bytes; None for half of the free memory.
    """

    def __init__(
        self,
        find_scene: Callable[[str], tuple[Scene, Selection]],
        find_device: Callable[[], str | None],
        scenes: Jobs,
        costs: Costs,
        blobs: BlobCache,
        memory: int | None = None,
    ) -> None:
        self._find_scene = find_scene
        self._find_device = find_device
        self._scenes = scenes
        self._costs = costs
        self._memory = memory
        self._answers = Answers(_codec(), blobs, MEMORY_LIMIT)
        self.close = self._answers.close

    def seconds(self, key: str) -> float:
        """Return the predicted seconds of a comparison; 0 if it is kept."""
        from engine.statistics.shuffled_spectra import N_SHUFFLES

        scene, selection = self._find_scene(key)
        if self._answers.get(_key_of(scene, selection)) is not None:
            return 0.0
        n_models = selection.n_models
        effort = find_divergence(scene.spec.divergence).effort
        work = Work(n_models, 0, n_models * (n_models + 1) // 2, selection.n_values, 0, effort)
        return N_SHUFFLES * sum(self._costs.predict(work).values())

    def request(self, key: str, client: str = "") -> JobStatus:
        """Return the status of a comparison without waiting; ``"done"`` at once if it is kept.

        Args:
            key: key of the scene.
            client: name of the client; its newer request withdraws the older ones.
        """
        scene, selection = self._find_scene(key)
        name = _key_of(scene, selection)

        def compute(job: Job) -> None:
            self._answers.fill(name, lambda: self._compare(scene, selection, job), job)

        return self._answers.request(name, compute, client)

    def wait(self, key: str, timeout: float | None = None) -> JobStatus:
        """Return the status once the computation is over or ``timeout`` seconds have passed."""
        return self._answers.wait(_key_of(*self._find_scene(key)), timeout)

    def cancel(self, key: str, client: str = "") -> JobStatus:
        """Withdraw a client's request and return the status."""
        return self._answers.cancel(_key_of(*self._find_scene(key)), client)

    def get(self, key: str) -> ShuffledSpectra:
        """Return the spectra of the shuffled runs; SceneNotReadyError if they are not kept."""
        found = self._answers.get(_key_of(*self._find_scene(key)))
        if found is None:
            raise SceneNotReadyError("No shuffled runs are kept for this scene: ask for the comparison again.")
        return found

    def find(self, key: str) -> ShuffledSpectra:
        """Return the spectra of the shuffled runs of a scene from the cache, or compute them; blocks.

        Each run's predictions are dealt out anew among the samples of a class, five times, in one order for all of
        its checkpoints; see :mod:`engine.statistics.shuffled_spectra`.

        Args:
            key: key of the scene; divergence, split, runs and fitted reference points are the scene's.

        Raises:
            SceneNotReadyError: no scene of this key, or its checkpoints are no longer on disk.
            EngineError: fewer than two runs, or samples that cannot be shuffled, with the reason.
            JobCancelled: the explorer was closed meanwhile.
        """
        self._answers.finish(lambda client: self.request(key, client))
        return self.get(key)

    def _compare(self, scene: Scene, selection: Selection, job: Job) -> ShuffledSpectra:
        from engine.statistics.shuffled_spectra import shuffled_spectra

        def report(fraction: float) -> None:
            self._scenes.give_way(job.check)
            job.report("shuffles", fraction)
            job.check()

        report(0.0)
        spec, study = scene.spec, selection.study
        # The runs and a shuffle of them; pairwise_distances checks what it needs itself.
        n_bytes = 8 * selection.n_models * selection.n_values
        check_budget(n_bytes, memory_budget(self._memory), f"A shuffle of {selection.n_models} checkpoints")
        runs = []
        for run_id in selection.run_ids:
            report(0.0)
            runs.append(np.asarray(study.log_probabilities(spec.split, run_id), np.float32))
        points = on_geodesic(study, spec.split).load(None) if spec.fit_references else None
        return shuffled_spectra(
            runs, study.splits[spec.split].labels, spec.divergence,
            points=points, device=self._find_device(), memory=self._memory, report=report,
        )  # fmt: skip


def _key_of(scene: Scene, selection: Selection) -> str:
    return content_key("shuffled", [VERSION, scene_key(scene.spec, selection)])


def _codec() -> Codec[ShuffledSpectra]:
    def build(fields: dict[str, Any]) -> ShuffledSpectra:
        from engine.statistics.shuffled_spectra import ShuffledSpectra

        return ShuffledSpectra(**fields)

    return Codec(
        "comparison with shuffled runs",
        _KEY,
        b"SHUFFLE1",
        build,
        lambda s: 2 * s.eigenvalues.nbytes,
        lambda s: s.seconds,
    )
