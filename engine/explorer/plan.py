"""Embedding request resolved against a study: runs, key and amount of work."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.cache.blobs import content_key
from engine.distances.selection import Selection
from engine.errors import InvalidSpecError, SelectionError
from engine.store.study import Study
from engine.values import MINIMUM_MODELS, SCENE_VERSION, EmbeddingSpec, Scene

if TYPE_CHECKING:
    from engine.explorer.costs import Work


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """An embedding request, resolved once; made by :meth:`Explorer.plan`.

    Attributes:
        key: key of the scene.
        spec: the embedding, with the usable runs only.
        selection: these runs in their snapshot of the study.
        work: what the computation needs; None if the scene is kept.
        seconds: predicted seconds, from measured rates; 0 if the scene is kept.
        is_kept: whether the scene is in the cache.
        can_preview: whether there is a preview to show until the scene is computed.
    """

    key: str
    spec: EmbeddingSpec
    selection: Selection
    work: Work | None
    seconds: float
    is_kept: bool
    can_preview: bool

    def models(self, progress: NDArray[np.float64]) -> pd.DataFrame:
        """Return the table of the scene's models, with their (model,) progress."""
        study = self.selection.study
        checkpoints = study.checkpoints.set_index("run_id", drop=False).loc[list(self.spec.run_ids)]
        models = checkpoints[["run_id", "checkpoint", "step", "epoch", *study.metrics]].reset_index(drop=True)
        models.insert(4, "progress", progress)
        return models


def answerable(spec: EmbeddingSpec, study: Study) -> EmbeddingSpec:
    """Return the spec with the usable runs of the study.

    The runs are in study order, without damaged runs and runs without a checkpoint.

    Raises:
        InvalidSpecError: a split the study does not have, or an unknown divergence.
        SelectionError: an unknown run, or fewer than three checkpoints, with the number missing.
    """
    from engine.distances.table import DIVERGENCES

    study.probe_set(spec.split)
    if spec.divergence not in DIVERGENCES:
        raise InvalidSpecError(f"divergence must be one of {', '.join(DIVERGENCES)}, received {spec.divergence!r}.")
    left_out = {problem.run_id: problem.reason for problem in study.problems}
    unknown = [run_id for run_id in spec.run_ids if run_id not in study.runs.index and run_id not in left_out]
    if unknown:
        names = ", ".join(map(repr, unknown[:3])) + (f" and {len(unknown) - 3} more" if len(unknown) > 3 else "")
        raise SelectionError(f"The study {study.study_id} has no run {names}: select runs that are in its table.")
    wanted = set(spec.run_ids)
    counts = study.runs["n_checkpoints"]
    counts = counts[counts.index.isin(wanted) & (counts > 0)]
    n_models = int(counts.sum())
    if n_models < MINIMUM_MODELS:
        raise SelectionError(_too_few(n_models, [left_out[run_id] for run_id in spec.run_ids if run_id in left_out]))
    return replace(spec, run_ids=tuple(counts.index))


def _too_few(n_models: int, reasons: list[str]) -> str:
    missing = MINIMUM_MODELS - n_models
    damaged = f" {len(reasons)} selected run(s) cannot be used: {reasons[0]}" if reasons else ""
    return (
        f"The selection holds {n_models} checkpoint{'' if n_models == 1 else 's'}, and an embedding needs at least "
        f"{MINIMUM_MODELS}: {missing} more {'is' if missing == 1 else 'are'} missing. Select more runs, or runs with "
        f"more checkpoints.{damaged}"
    )


def scene_key(spec: EmbeddingSpec, selection: Selection) -> str:
    """Return the content-addressed key of a scene: equal specs on equal data have equal keys.

    Hashed are the spec, the content ids of the selected checkpoints and the labels; never a time or a file name.
    """
    question = {"spec": asdict(spec), "content": selection.contents, "labels": selection.order_hash}
    return content_key(f"v{SCENE_VERSION}", question)


def as_embedded(scene: Scene, key: str, study: Study) -> Selection | None:
    """Return the runs as they were when a scene was embedded; None if those checkpoints are no longer on disk.

    Of runs with later commits, the checkpoints after the embedded ones are left out.

    Args:
        scene: the scene.
        key: key under which the scene was computed.
        study: current snapshot.
    """
    spec = scene.spec
    if not all(run_id in study.run_folders for run_id in spec.run_ids):
        return None
    selection = Selection.of(study, spec.split, spec.run_ids)
    if scene_key(spec, selection) == key:
        return selection
    then = Selection.of(study.first(scene.models["run_id"].value_counts().to_dict()), spec.split, spec.run_ids)
    return then if scene_key(spec, then) == key else None
