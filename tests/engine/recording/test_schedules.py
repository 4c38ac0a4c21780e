"""Checkpoint schedules: rising, complete, of the requested length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import InvalidSpecError
from engine.recording.schedules import logarithmic_steps, steps_every, study_steps


@given(st.integers(1, 10**6), st.integers(2, 200))
def test_logarithmic_steps_reach_the_end_in_requested_number(n_steps: int, n_checkpoints: int) -> None:
    steps = logarithmic_steps(n_steps, n_checkpoints)
    assert steps[0] == 0
    assert steps[-1] == n_steps
    assert list(steps) == sorted(set(steps))
    assert len(steps) == min(n_checkpoints, n_steps + 1)


def test_logarithmic_steps_grow_by_a_factor() -> None:
    assert logarithmic_steps(1000, 12) == (0, 1, 2, 4, 8, 16, 32, 63, 126, 251, 501, 1000)
    assert logarithmic_steps(3, 40) == (0, 1, 2, 3)


def test_every_interval_and_the_last() -> None:
    assert steps_every(10, 4) == (0, 4, 8, 10)
    assert steps_every(8, 4) == (0, 4, 8)


@pytest.mark.parametrize(
    ("batch_size", "n_epochs", "count"),
    [(200, 200, 67), (500, 200, 62), (1000, 200, 67), (200, 300, 73), (500, 300, 68), (1000, 300, 73)],
)
def test_the_studys_schedule_has_the_studys_counts(batch_size: int, n_epochs: int, count: int) -> None:
    per_epoch = 50_000 // batch_size
    steps = study_steps(per_epoch, n_epochs)
    assert len(steps) == count
    assert steps[:3] == (0, 1, 1 + per_epoch // 4)
    assert steps[-1] == per_epoch * n_epochs
    # The ends of epochs 5 to 25, counted from 0.
    assert set(range(6 * per_epoch, 26 * per_epoch + 1, per_epoch)) <= set(steps)


@pytest.mark.parametrize(
    "make", [lambda: logarithmic_steps(0), lambda: steps_every(5, 0), lambda: study_steps(3, True)]
)
def test_lengths_that_are_none_are_refused(make: object) -> None:
    with pytest.raises(InvalidSpecError, match="at least 1"):
        make()  # type: ignore[operator]
