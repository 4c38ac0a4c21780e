"""Invariants of a recorded run after any interruption."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from engine import open_study, verify_study
from tests.recording import LABELS, log_softmax, logits


@functools.cache
def expected(run_id: str, step: int, split: str) -> np.ndarray:
    """Predictions that `tests.recording.record_step` records at a step."""
    return log_softmax(logits(run_id, step, split))


def assert_sound(study: Path, run_id: str, at_least: int, at_most: int, *, verify: bool = True) -> int:
    """Number of checkpoints of a run, after asserting its range, each checkpoint's content, and verification."""
    snapshot = open_study(study)
    assert snapshot.problems == ()
    count = int(snapshot.runs.loc[run_id, "n_checkpoints"])
    assert at_least <= count <= at_most
    for split in LABELS:
        stored = snapshot.predictions(split, [run_id]).log_probabilities
        right = [expected(run_id, step, split) for step in range(count)]
        np.testing.assert_allclose(stored, np.reshape(right, stored.shape), atol=0.02)
    if verify:
        assert [finding for finding in verify_study(study) if finding.is_error] == []
    return count
