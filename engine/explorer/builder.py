"""Computation of scenes in four stages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.cache.blobs import BlobCache
from engine.distances.table import find_divergence
from engine.distances.tiles.streamed import again_if_damaged
from engine.explorer.costs import STAGES, Costs, Work
from engine.jobs import Job
from engine.trajectories.geodesics import POSITIONS, on_geodesic
from engine.trajectories.progress import RunProgress
from engine.values import Distances, Embedding, EmbeddingSpec, PreviewScene, References, Scene

if TYPE_CHECKING:
    from engine.distances.distance_store import DistanceStore
    from engine.distances.selection import Selection
    from engine.distances.tiles.packed import PackedDistances
    from engine.distances.tiles.streamed import TiledDistances
    from engine.explorer.plan import Plan

PREVIEW_STARTS_MODELS = 4000
"""Number of models above which the passes that a preview's starting point saves take longer than the preview."""


class SceneBuilder:
    """Computation of scenes; keeps none.

    Args:
        distances: store of pairwise distances.
        blobs: disk cache of each run's progress.
        costs: cost model, updated with each stage's seconds.
        device: name of the device for the status line.
    """

    def __init__(self, distances: DistanceStore, blobs: BlobCache, costs: Costs, device: str) -> None:
        self.distances = distances
        self._costs = costs
        self._device = device
        self._n_built = 0
        self.progress = RunProgress(blobs)
        # Imported here: it loads the numerical packages, which importing this module must not.
        from engine.explorer.previews.factors import Previews

        self.previews = Previews(distances)

    def work(self, spec: EmbeddingSpec, selection: Selection) -> Work:
        """Return the amount of work that this scene needs."""
        n_missing = self.distances.missing(selection, divergence=spec.divergence)
        # Progress is computed before distances: with no distance missing it is on disk, and the disk need not be read.
        n_unread = int(selection.counts[self.progress.unread(selection)].sum()) if n_missing else 0
        return Work(
            n_models=selection.n_models,
            n_unread=n_unread,
            n_missing=n_missing,
            n_values=selection.n_values,
            n_points=len(POSITIONS),
            effort=find_divergence(spec.divergence).effort,
            n_before=self._n_built,
        )

    def build(self, plan: Plan, job: Job) -> Scene:
        """Return the scene.

        Raises:
            RunFormatError: a selected run turned out damaged.
            JobCancelled: every client withdrew.
        """
        # A wrong amount of work would teach wrong rates.
        planned = [plan.work] if plan.work is not None and plan.work.n_before == self._n_built else []
        return again_if_damaged(
            lambda: self._built(plan, job, planned.pop() if planned else self.work(plan.spec, plan.selection))
        )

    def _built(self, plan: Plan, job: Job, work: Work) -> Scene:
        began = time.perf_counter()
        spec, selection = plan.spec, plan.selection
        stages = _Stages(job, self._costs, work)
        points = on_geodesic(selection.study, spec.split)
        with stages.enter("load") as report:
            models = plan.models(self.progress.of(selection, report=report))
        with stages.enter("distances") as report:
            distances = self.distances.operator(
                selection, points if spec.fit_references else None,
                divergence=spec.divergence, progress=report, cancelled=job.cancelled, is_fresh=True,
            )  # fmt: skip
        rectangle = None
        with stages.enter("references") as report:
            if not spec.fit_references:
                rectangle = self.distances.references(selection, points, divergence=spec.divergence, is_fresh=True)
        with stages.enter("eigenpairs"):
            embedding, references = _embed(spec, distances, rectangle, self._start(spec, selection))
        self._n_built += 1
        return Scene(
            key=plan.key,
            spec=spec,
            embedding=embedding,
            models=models,
            references=references,
            n_capped=distances.n_capped,
            device=self._device,
            seconds=time.perf_counter() - began,
            is_streamed=distances.is_streamed,
        )

    def can_preview(self, spec: EmbeddingSpec, selection: Selection) -> bool:
        """Return whether everything that a preview needs is in memory."""
        found = self.previews.find(selection, spec.divergence)
        return found is not None and not self.progress.unread(selection).any()

    def preview(self, plan: Plan) -> PreviewScene | None:
        """Return the preview of a scene, within milliseconds; None if it is not possible from memory."""
        began = time.perf_counter()
        spec, selection = plan.spec, plan.selection
        preview = self.previews.find(selection, spec.divergence)
        if preview is None or self.progress.unread(selection).any():
            return None
        from engine.embedding.inpca import project

        embedding = preview.embed(spec.run_ids, spec.n_components)
        points = on_geodesic(selection.study, spec.split)
        rectangle = self.distances.references(selection, points, divergence=spec.divergence, is_fresh=True)
        references = References(project(embedding, rectangle.values), POSITIONS.copy(), fitted=False)
        models = plan.models(self.progress.of(selection))
        return PreviewScene(plan.key, spec, embedding, models, references, time.perf_counter() - began)

    def _start(self, spec: EmbeddingSpec, selection: Selection) -> NDArray[np.float64] | None:
        """Return starting coordinates for the eigensolver, or None; they save passes at equal accuracy."""
        if spec.fit_references or selection.n_models < PREVIEW_STARTS_MODELS:
            return None
        preview = self.previews.find(selection, spec.divergence)
        return None if preview is None else preview.embed(spec.run_ids, spec.n_components).coordinates


def _embed(
    spec: EmbeddingSpec,
    distances: PackedDistances | TiledDistances,
    rectangle: Distances | None,
    start: NDArray[np.float64] | None,
) -> tuple[Embedding, References]:
    """Return the embedding of the models and the reference points projected into it.

    Without ``rectangle`` the reference points are fitted together with the models: the diagnostics are then those of
    the joint embedding, and only its coordinates are split.
    """
    from engine.embedding.inpca import embed, project

    joint = embed(distances, spec.n_components, start=start)
    if rectangle is not None:
        return joint, References(project(joint, rectangle.values), POSITIONS.copy(), fitted=False)
    n_models = distances.n_models - len(POSITIONS)
    models = replace(
        joint, coordinates=joint.coordinates[:n_models].copy(), row_means=joint.row_means[:n_models].copy()
    )
    return models, References(joint.coordinates[n_models:].copy(), POSITIONS.copy(), fitted=True)


class _Stages:
    """Progress of a job over its stages, weighted by their predicted seconds."""

    def __init__(self, job: Job, costs: Costs, work: Work) -> None:
        self._job = job
        self._costs = costs
        self._work = work
        self._seconds = costs.predict(work)

    @contextmanager
    def enter(self, stage: str) -> Iterator[Callable[[float], None]]:
        total = sum(self._seconds.values())
        before = sum(self._seconds[earlier] for earlier in STAGES[: STAGES.index(stage)])

        def report(fraction: float) -> None:
            self._job.report(stage, (before + fraction * self._seconds[stage]) / total)
            self._job.check()

        report(0.0)
        began = time.perf_counter()
        yield report
        self._costs.learn(self._work, stage, time.perf_counter() - began)
        report(1.0)
