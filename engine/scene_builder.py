"""From a question and a study to a scene: progress, distances, reference points, eigenpairs."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.cache import BlobCache
from engine.costs import STAGES, Costs, Work
from engine.divergence_table import find_divergence
from engine.jobs import Job
from engine.run_progress import RunProgress
from engine.values import Distances, Embedding, EmbeddingSpec, PreviewScene, References, Scene

if TYPE_CHECKING:
    from engine.distances import DistanceStore
    from engine.packed_distances import PackedDistances
    from engine.store import Study
    from engine.tiled_distances import TiledDistances

SCENE_VERSION = 2
"""Part of every key: raise it when the numbers of a scene, or of anything it is made from, can change."""
POSITIONS = np.linspace(0.0, 1.0, 51)
"""Where the geodesic is sampled; the first point is P0, the last P*."""
PREVIEW_STARTS_MODELS = 4000
"""From here on the passes that a preview saves take longer than the preview."""


def scene_key(spec: EmbeddingSpec, study: Study) -> str:
    """Return the content-addressed name of a scene: the same question on the same data has the same key.

    It holds the question, the content ids of the selected checkpoints and the labels; never a time or a file name.
    """
    content = [study.content_ids(run_id, spec.split) for run_id in spec.run_ids]
    question = {"spec": asdict(spec), "content": content, "labels": study.splits[spec.split].order_hash}
    canonical = json.dumps(question, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"v{SCENE_VERSION}-{hashlib.sha256(canonical.encode()).hexdigest()}"


def study_as_embedded(scene: Scene, key: str, study: Study) -> Study | None:
    """Return a study as it was when a scene was made from it; None where what was embedded is not there any more.

    Runs that have committed more since still hold what was embedded, and their other checkpoints are left aside.

    Args:
        scene: whose question it is.
        key: that it was computed under.
        study: as it is now.
    """
    if not all(run_id in study.run_folders for run_id in scene.spec.run_ids):
        return None
    if scene_key(scene.spec, study) == key:
        return study
    then = study.first(scene.models["run_id"].value_counts().to_dict())
    return then if scene_key(scene.spec, then) == key else None


class SceneBuilder:
    """Computes scenes; holds no scene itself.

    Args:
        distances: where pairs are measured once.
        blobs: keeps each run's progress over restarts.
        costs: told how long each stage took.
        device: words for the status line.
    """

    def __init__(self, distances: DistanceStore, blobs: BlobCache, costs: Costs, device: str) -> None:
        self.distances = distances
        self._costs = costs
        self._device = device
        self.progress = RunProgress(blobs)
        # With it comes whatever computes, which the module must not wait for.
        from engine.previews import Previews

        self.previews = Previews(distances, POSITIONS.tolist())

    def work(self, spec: EmbeddingSpec, study: Study) -> Work:
        """How much there is to do for this scene."""
        counts = study.runs.loc[list(spec.run_ids), "n_checkpoints"]
        n_missing = self.distances.missing(study, spec.split, spec.run_ids, divergence=spec.divergence)
        # Whatever was measured once had its progress computed just before, so there is no need to ask the disk.
        unread = [run_id for run_id in spec.run_ids if n_missing and not self.progress.knows(study, spec.split, run_id)]
        return Work(
            n_models=int(counts.sum()),
            n_unread=int(counts.loc[unread].sum()),
            n_missing=n_missing,
            n_values=study.splits[spec.split].n_samples * study.n_classes,
            n_points=len(POSITIONS),
            effort=find_divergence(spec.divergence).effort,
        )

    def build(self, key: str, spec: EmbeddingSpec, study: Study, job: Job) -> Scene:
        """Return the scene.

        Raises:
            RunFormatError: a selected run turned out damaged.
            JobCancelled: nobody wants it any more.
        """
        began = time.perf_counter()
        stages = _Stages(job, self._costs, self.work(spec, study))
        with stages.enter("load") as report:
            models = self._models(spec, study, report)
        with stages.enter("distances") as report:
            distances = self.distances.selection(
                study, spec.split, spec.run_ids, POSITIONS if spec.fit_references else None,
                divergence=spec.divergence, progress=report, cancelled=job.cancelled,
            )  # fmt: skip
        rectangle = None
        with stages.enter("references") as report:
            if not spec.fit_references:
                rectangle, _ = self.distances.references(
                    study, spec.split, spec.run_ids, POSITIONS, divergence=spec.divergence
                )
        with stages.enter("eigenpairs"):
            embedding, references = _embed(spec, distances, rectangle, self._start(spec, study, distances.n_models))
        return Scene(
            key=key,
            spec=spec,
            embedding=embedding,
            models=models,
            references=references,
            n_capped=distances.n_capped,
            device=self._device,
            seconds=time.perf_counter() - began,
            is_streamed=distances.is_streamed,
        )

    def can_preview(self, spec: EmbeddingSpec, study: Study) -> bool:
        """Whether everything that a preview needs is in memory."""
        return self.previews.find(spec, study) is not None and all(
            self.progress.knows(study, spec.split, run_id) for run_id in spec.run_ids
        )

    def preview(self, key: str, spec: EmbeddingSpec, study: Study) -> PreviewScene | None:
        """What can be said of a scene within milliseconds; None where that is nothing."""
        began = time.perf_counter()
        preview = self.previews.find(spec, study)
        if preview is None or not self.can_preview(spec, study):
            return None
        from engine.inpca import project

        embedding = preview.embed(spec.run_ids, spec.n_components)
        rectangle, _ = self.distances.references(study, spec.split, spec.run_ids, POSITIONS, divergence=spec.divergence)
        references = References(project(embedding, rectangle.values), POSITIONS.copy(), fitted=False)
        models = self._models(spec, study, lambda _: None)
        return PreviewScene(key, spec, embedding, models, references, time.perf_counter() - began)

    def _start(self, spec: EmbeddingSpec, study: Study, n_models: int) -> NDArray[np.float64] | None:
        """Coordinates to begin a solution with: it is as exact as without, and there sooner."""
        if spec.fit_references or n_models < PREVIEW_STARTS_MODELS:
            return None
        preview = self.previews.find(spec, study)
        return None if preview is None else preview.embed(spec.run_ids, spec.n_components).coordinates

    def _models(self, spec: EmbeddingSpec, study: Study, report: Callable[[float], None]) -> pd.DataFrame:
        checkpoints = study.checkpoints.set_index("run_id", drop=False).loc[list(spec.run_ids)]
        models = checkpoints[["run_id", "checkpoint", "step", "epoch", *study.metrics]].reset_index(drop=True)
        progress = []
        for done, run_id in enumerate(spec.run_ids):
            report(done / len(spec.run_ids))
            progress.append(self.progress.of(study, spec.split, run_id))
        models.insert(4, "progress", np.concatenate(progress))
        return models


def _embed(
    spec: EmbeddingSpec,
    distances: PackedDistances | TiledDistances,
    rectangle: Distances | None,
    start: NDArray[np.float64] | None,
) -> tuple[Embedding, References]:
    """The embedding of the models, and the reference points projected into it; without a rectangle, fitted with them.

    Fitted together, the diagnostics are those of the joint embedding, and only its coordinates are split up.
    """
    from engine.inpca import embed, project

    joint = embed(distances, spec.n_components, start=start)
    if rectangle is not None:
        return joint, References(project(joint, rectangle.values), POSITIONS.copy(), fitted=False)
    n_models = distances.n_models - len(POSITIONS)
    models = replace(
        joint, coordinates=joint.coordinates[:n_models].copy(), row_means=joint.row_means[:n_models].copy()
    )
    return models, References(joint.coordinates[n_models:].copy(), POSITIONS.copy(), fitted=True)


class _Stages:
    """Turns fractions of stages into a fraction of the whole, weighted by their predicted seconds."""

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
