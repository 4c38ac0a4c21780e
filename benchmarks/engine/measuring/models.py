"""Synthetic models: seeded random walks of logits from ignorance to truth.

Runs of a family share a detour; each has its own speed, confidence, mistakes and accumulating noise. The scales
were chosen for a spectrum like that of real runs: one eigenvalue of ten times the size of the next, a negative one
among the first five, explained stress 0.81, 0.83, 0.85 for one, two and three components.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.recording.recorder import Recorder

CHECKPOINTS = 40
"""Number of checkpoints per run."""
FAMILIES = 6
SPLIT = "test"


def labels(n_samples: int, n_classes: int) -> NDArray[np.int64]:
    """Return (sample,) true classes."""
    return np.random.default_rng(7).integers(0, n_classes, n_samples)


def run_logits(run: int, n_samples: int, n_classes: int, n_checkpoints: int = CHECKPOINTS) -> NDArray[np.float32]:
    """Return the (checkpoint, sample, class) float32 logits of one run, deterministic in the run's number."""
    shape = n_samples, n_classes
    difficulty = np.random.default_rng(1).uniform(0.1, 1.0, (n_samples, 1)).astype(np.float32)
    detour = np.random.default_rng([2, run % FAMILIES]).standard_normal(shape, dtype=np.float32)
    own = np.random.default_rng([3, run])
    speed, swing, drift = own.uniform([0.4, 0.2, 0.3], [2.5, 1.0, 1.5])
    confidence = own.uniform(4.0, 30.0)
    # Some samples end in a random class, with the confidence of the others.
    wrong = own.random(n_samples) < own.uniform(0.01, 0.15)
    ends = np.where(wrong, own.integers(0, n_classes, n_samples), labels(*shape))
    goal = np.eye(n_classes, dtype=np.float32)[ends]
    walk = np.float32(0.1) * own.standard_normal(shape, dtype=np.float32)
    times = np.geomspace(0.01, 1.0, n_checkpoints) ** (1.0 / speed)
    logits = np.empty((n_checkpoints, *shape), dtype=np.float32)
    for checkpoint, (time, step) in enumerate(zip(times, np.diff(times, prepend=0.0), strict=True)):
        walk += np.float32(drift * np.sqrt(step)) * own.standard_normal(shape, dtype=np.float32)
        towards = np.float32(confidence * time) * difficulty * goal
        logits[checkpoint] = towards + np.float32(4.0 * swing * time * (1 - time)) * detour + walk
    return logits


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return natural log-probabilities of logits."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def log_probabilities(n_models: int, n_samples: int, n_classes: int) -> NDArray[np.float32]:
    """Return (model, sample, class) log-probabilities of as many runs as needed."""
    models = np.empty((n_models, n_samples, n_classes), dtype=np.float32)
    for run, start in enumerate(range(0, n_models, CHECKPOINTS)):
        part = models[start : start + CHECKPOINTS]
        part[...] = log_softmax(run_logits(run, n_samples, n_classes)[: len(part)])
    return models


def record_runs(study: Path, runs: range, n_samples: int, n_classes: int = 10) -> Iterator[str]:
    """Record runs into a study, one checkpoint after the other as in training, and yield their ids."""
    truth = {SPLIT: labels(n_samples, n_classes)}
    for run in runs:
        hyperparameters = {"architecture": f"family-{run % FAMILIES}", "seed": run}
        with Recorder(study, hyperparameters, truth, run_id=f"run-{run:05d}", n_classes=n_classes) as recorder:
            for step, logits in enumerate(run_logits(run, n_samples, n_classes)):
                recorder.record(step=step, **{SPLIT: logits})
        yield f"run-{run:05d}"
