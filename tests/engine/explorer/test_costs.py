"""Cost predictions from measured times."""

import pytest

from engine.explorer.costs import STAGES, Costs, Work

LARGE = Work(n_models=2000, n_unread=2000, n_missing=2_000_000, n_values=10_000, n_points=51)


def test_every_stage_is_predicted():
    assert set(Costs().predict(LARGE)) == set(STAGES)


def test_nothing_to_do_takes_next_to_no_time():
    nothing = Work(n_models=3, n_unread=0, n_missing=0, n_values=10_000, n_points=51)
    assert sum(Costs().predict(nothing).values()) < 0.05


@pytest.mark.parametrize("seconds", [0.5, 500.0])
@pytest.mark.parametrize("stage", STAGES)
def test_predictions_approach_what_was_measured(stage, seconds):
    costs = Costs()
    for _ in range(30):
        costs.learn(LARGE, stage, seconds)
    assert costs.predict(LARGE)[stage] == pytest.approx(seconds, rel=0.05)


def test_a_stage_with_nothing_to_do_teaches_nothing():
    costs = Costs()
    before = costs.predict(LARGE)
    costs.learn(Work(n_models=3, n_unread=0, n_missing=0, n_values=10, n_points=51), "distances", 10.0)
    costs.learn(Work(n_models=3, n_unread=1, n_missing=1, n_values=10, n_points=51), "load", 1e-6)
    assert costs.predict(LARGE) == pytest.approx(before, rel=1e-3)


@pytest.mark.parametrize("stage", STAGES)
def test_what_little_work_took_says_little_about_much(stage):
    """A run of one's own, whose first checkpoints are embedded while everything is loaded, comes before a study."""
    costs = Costs()
    before = costs.predict(LARGE)[stage]
    costs.learn(Work(n_models=287, n_unread=7, n_missing=2000, n_values=120, n_points=51), stage, 3.0)
    assert costs.predict(LARGE)[stage] == pytest.approx(before, rel=0.2)
