"""Laws of models interpolated between checkpoints, and of resampled runs."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.trajectories import resampling
from engine.trajectories.geodesics import geodesic
from engine.trajectories.resampling import END_POLICIES, crossings, interpolate, resample
from tests import families, oracles_paths

POSITIONS = np.array([0.0, 1e-6, 0.25, 0.5, 0.9, 1.0])


@pytest.mark.parametrize(
    "models",
    [
        families.dirichlet_cloud(2),
        families.near_twins()[[0, 1]],
        families.near_twins()[[0, 9]],
        families.tiny_probabilities(2),
        np.stack([families.one_hot([0, 1, 2], 3), families.one_hot([0, 2, 1], 3)]),
    ],
    ids=["far", "near", "nearest", "tiny", "one-hot"],
)
def test_interpolation_agrees_with_the_great_circle(models):
    points = interpolate(models[0], models[1], POSITIONS)
    expected = np.stack([oracles_paths.between(models[0], models[1], t) for t in POSITIONS])
    assert np.abs(np.exp(points) - expected).max() < 1e-15
    with np.errstate(divide="ignore"):
        logs = np.log(expected).astype(np.float64)
    assert np.array_equal(np.isneginf(points), np.isneginf(logs))
    assert np.allclose(points, logs, rtol=1e-13, atol=1e-15)


def test_near_twins_move_by_their_share():
    """Where the arc cosine sees no angle at all, the point halfway is still half as far away."""
    random = np.random.default_rng(0)
    p = families.normalised(random.standard_normal((5, 4)))
    q = families.normalised(p + 1e-9 * random.standard_normal(p.shape))
    whole = np.sqrt(np.exp(q)) - np.sqrt(np.exp(p))
    half = np.sqrt(np.exp(interpolate(p, q, [0.5])[0])) - np.sqrt(np.exp(p))
    assert np.abs(half - 0.5 * whole).max() < 1e-15


def test_interpolation_between_equal_models_is_that_model():
    p = families.dirichlet_cloud(1)[0]
    assert np.abs(interpolate(p, p, POSITIONS) - p).max() < 1e-14


def test_probabilities_without_a_float64_root_are_kept():
    """exp(-2000) is zero in float64; halfway between two such, the logarithm is between theirs."""
    p, q = np.array([[0.0, -2000.0, -3000.0]]), np.array([[0.0, -2002.0, -1999.0]])
    point = interpolate(p, q, [0.5])[0, 0]
    # The angle is zero to all digits: the weights are one half each.
    assert point[1] == pytest.approx(-2000 + 2 * np.log(0.5 * (1 + np.exp(-1))), abs=1e-9)
    assert point[2] == pytest.approx(-1999 + 2 * np.log(0.5), abs=1e-9)


def test_only_shared_certainty_stays():
    with np.errstate(divide="ignore"):
        p, q = np.log([[1.0, 0.0, 0.0]]), np.log([[0.5, 0.5, 0.0]])
    point = interpolate(p, q, [0.25])[0, 0]
    assert np.isfinite(point[:2]).all()
    assert np.isneginf(point[2])


def test_rows_are_renormalised_and_stay_so():
    p, q = families.dirichlet_cloud(2)
    points = interpolate(p + 1e-3, q - 1e-3, POSITIONS[1:-1])
    assert np.abs(np.exp(points).sum(axis=2) - 1).max() < 1e-14
    assert np.abs(points - interpolate(p, q, POSITIONS[1:-1])).max() < 1e-12


@pytest.mark.parametrize("n_classes", [2, 10])
def test_between_ignorance_and_truth_is_the_closed_form(n_classes):
    labels = np.arange(4) % n_classes
    ends = geodesic(labels, n_classes, [0.0, 1.0])
    grid = np.linspace(0, 1, 11)
    closed = geodesic(labels, n_classes, grid)
    points = interpolate(ends[0], ends[1], grid)
    assert np.allclose(points, closed, rtol=0, atol=1e-13)


def walk(seed=0, n_checkpoints=9):
    """A run whose clock turns back now and then, and stands still once."""
    models, _ = families.training_family(1, n_checkpoints, 7, 4, seed)
    clock = np.cumsum(np.random.default_rng(seed).uniform(-0.1, 0.3, n_checkpoints))
    clock[5] = clock[4]
    return models, clock


@pytest.mark.parametrize("after", sorted(END_POLICIES))
@pytest.mark.parametrize("seed", range(8))
def test_resampling_agrees_with_a_walk(after, seed):
    models, clock = walk(seed)
    grid = np.concatenate([np.linspace(clock.min() - 0.2, clock.max() + 0.3, 40), clock])
    grid.sort()
    points, inside = resample(models, clock, grid, after=after)
    expected, expected_inside = oracles_paths.resampled(models, clock, grid, after)
    assert points.dtype == np.float32
    assert np.abs(np.exp(points.astype(np.float64)) - expected).max() < 3e-7
    assert inside.tolist() == expected_inside
    assert 0 < inside.sum() < len(grid)


def test_a_run_on_the_grid_is_unchanged_bitwise():
    models, _ = walk()
    grid = np.linspace(0.1, 0.9, len(models))
    points, inside = resample(models, grid, grid)
    assert np.array_equal(points, models)
    assert inside.all()


def test_a_geodesic_run_is_resampled_to_the_geodesic():
    labels = np.array([0, 3, 9, 1])
    clock = np.array([0.0, 0.1, 0.35, 0.8, 1.0])
    grid = np.linspace(0, 1, 21)
    points, inside = resample(geodesic(labels, 10, clock), clock, grid)
    assert np.abs(np.exp(points) - np.exp(geodesic(labels, 10, grid))).max() < 1e-6
    assert inside.all()


def test_a_clock_that_turns_back_is_crossed_once():
    where = crossings([0.0, 0.5, 0.2, 0.6, 0.4], [0.1, 0.3, 0.5, 0.55])
    assert where.later.tolist() == [1, 1, 1, 3]
    assert where.earlier.tolist() == [0, 0, 0, 2]
    assert where.fraction == pytest.approx([0.2, 0.6, 1.0, (0.55 - 0.2) / 0.4])
    assert where.is_inside.all()


def test_constant_clocks_are_reached_at_their_first_checkpoint():
    where = crossings([0.0, 0.5, 0.5, 1.0], [0.5])
    assert (where.earlier[0], where.later[0], where.fraction[0]) == (0, 1, 1.0)


def test_runs_are_held_or_stretched_beyond_their_range():
    clock, grid = [0.2, 0.4, 0.6], [0.1, 0.5, 0.8, 1.0]
    held, stretched = crossings(clock, grid), crossings(clock, grid, after="reference")
    assert held.is_inside.tolist() == stretched.is_inside.tolist() == [False, True, False, False]
    assert held.later.tolist() == [0, 2, 2, 2]
    assert held.earlier.tolist() == [0, 1, 2, 2]
    assert stretched.earlier.tolist() == [0, 1, 1, 1]
    # The last checkpoint counts as being at 1, and 0.5 is a sixth of the way from 0.4.
    assert stretched.fraction == pytest.approx([0.0, 1 / 6, 4 / 6, 1.0])


def test_runs_turning_at_the_end_are_held_there():
    where = crossings([0.0, 0.9, 0.7], [0.8, 0.95])
    assert where.later.tolist() == [1, 2]
    assert where.is_inside.tolist() == [True, False]


@pytest.mark.parametrize("after", sorted(END_POLICIES))
def test_a_single_checkpoint_is_everywhere(after):
    models, _ = walk()
    points, inside = resample(models[:1], [0.5], [0.0, 0.5, 1.0], after=after)
    assert np.array_equal(points, np.repeat(models[:1], 3, axis=0))
    assert inside.tolist() == [False, True, False]


def test_chunks_change_no_bit(monkeypatch):
    models, clock = walk()
    grid = np.linspace(0, 1, 30)
    whole = resample(models, clock, grid)[0]
    monkeypatch.setattr(resampling, "CALL_ELEMENTS", 1)
    assert np.array_equal(resample(models, clock, grid)[0], whole)


def test_what_cannot_be_resampled_is_refused():
    models, clock = walk()
    with pytest.raises(engine.InvalidSpecError, match="after must be one of"):
        resample(models, clock, [0.5], after="extrapolate")
    with pytest.raises(engine.InvalidSpecError, match="clock must be a list of finite numbers"):
        resample(models, np.where(clock == clock.max(), np.nan, clock), [0.5])
    with pytest.raises(engine.InvalidSpecError, match="grid must be"):
        resample(models, clock, [[0.5]])
    with pytest.raises(engine.InvalidSpecError, match="received none"):
        resample(models[:0], [], [0.5])
    with pytest.raises(engine.InvalidPredictionsError, match="9 values"):
        resample(models[:8], clock, [0.5])
    with pytest.raises(engine.InvalidPredictionsError, match="same axes"):
        interpolate(models[0], models[1][:3], [0.5])
    with pytest.raises(engine.InvalidSpecError, match=r"\[0, 1\]"):
        interpolate(models[0], models[1], [1.5])
