"""In-memory study with a count of reads."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import engine
from engine.distances.selection import Selection
from tests import families

N_SAMPLES, N_CLASSES = 30, 10


class StubStudy:
    """In-memory study with the interface of a study on disk; ``reads`` counts the runs read."""

    def __init__(self, lengths=(5, 7, 4, 6), study_id="stub"):
        self.study_id, self.n_classes = study_id, N_CLASSES
        self.models = {f"run{i}": families.training_family(1, n, seed=10 * i)[0] for i, n in enumerate(lengths)}
        labels = families.training_family(1, 2)[1]
        self.splits = {"train": SimpleNamespace(labels=labels, n_samples=N_SAMPLES)}
        self.reads = 0

    @property
    def run_ids(self):
        return list(self.models)

    def probe_set(self, split):
        if split not in self.splits:
            raise engine.InvalidSpecError(f"the study has no split {split!r}")
        return self.splits[split]

    def content_ids(self, run_id, split):
        if run_id not in self.models:
            raise engine.SelectionError(f"no run {run_id!r}")
        return tuple(hashlib.sha256(model.tobytes()).hexdigest() for model in self.models[run_id])

    def predictions(self, split, run_ids):
        self.reads += len(run_ids)
        return SimpleNamespace(log_probabilities=np.concatenate([self.models[run_id] for run_id in run_ids]))

    def log_probabilities(self, split, run_id, checkpoints=None):
        self.reads += checkpoints is None
        return self.models[run_id] if checkpoints is None else self.models[run_id][checkpoints]

    def expected(self, run_ids=None):
        models = np.concatenate([self.models[run_id] for run_id in run_ids or self.run_ids])
        return engine.pairwise_distances(models).values.astype(np.float32)


def only(folder: Path, name: str) -> Path:
    (path,) = folder.rglob(name)
    return path


def select(study, run_ids=None, split="train") -> Selection:
    """Return runs of a stub study, all by default."""
    return Selection.of(study, split, study.run_ids if run_ids is None else run_ids)
