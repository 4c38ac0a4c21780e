"""Laws of the geodesic between any two models."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.distances.kernels.contract import OVERLAP_FLOOR
from engine.trajectories import geodesics, numba_loops
from engine.trajectories.geodesics import PROGRESS_DEFINITIONS, Geodesic, geodesic, progress
from engine.trajectories.resampling import interpolate
from tests import families, oracles, oracles_paths

GRID = np.linspace(0, 1, 21)


def ends(seed=0, n_samples=8):
    """A start and an end whose samples are unequally far apart; two of them agree, one to the last bit."""
    random = np.random.default_rng(seed)
    start = families.normalised(random.standard_normal((n_samples, 5)))
    end = families.normalised(start + random.uniform(0.1, 6.0, (n_samples, 1)) * random.standard_normal(start.shape))
    end[0] = start[0]
    end[1] = families.normalised(start[1] + 1e-10)
    return start, end


def others(n_models=6, n_samples=8):
    return families.dirichlet_cloud(n_models, n_samples, 5, concentration=0.5, seed=3)


@pytest.mark.parametrize("definition", PROGRESS_DEFINITIONS)
@pytest.mark.parametrize("n_classes", [2, 10])
def test_to_the_truth_it_is_the_closed_form(definition, n_classes):
    models, labels = families.training_family(2, 6, 12, n_classes)
    circle = Geodesic.to_truth(labels, n_classes)
    assert circle.angles == pytest.approx(np.arccos(1 / np.sqrt(n_classes)), abs=1e-15)
    assert np.allclose(
        interpolate(circle.start, circle.end, GRID), geodesic(labels, n_classes, GRID), rtol=0, atol=1e-13
    )
    assert np.array_equal(circle.progress(models, definition), progress(models, labels, definition))


def test_angles_are_those_between_square_roots():
    start, end = ends()
    angles = [
        float(oracles_paths.angle(s, t))
        for s, t in zip(oracles_paths.roots(start), oracles_paths.roots(end), strict=True)
    ]
    circle = Geodesic.between(start, end)
    assert circle.angles == pytest.approx(angles, rel=1e-13, abs=1e-8)
    assert circle.angles[:2].tolist() == [0.0, 0.0]


def test_a_small_angle_keeps_its_digits():
    random = np.random.default_rng(1)
    start = families.normalised(random.standard_normal((4, 5)))
    end = families.normalised(start + 1e-6 * random.standard_normal(start.shape))
    expected = [
        float(oracles_paths.angle(s, t))
        for s, t in zip(oracles_paths.roots(start), oracles_paths.roots(end), strict=True)
    ]
    circle = Geodesic.between(start, end)
    assert circle.angles == pytest.approx(expected, rel=1e-9)
    # Along it, the nearest point is still found.
    assert circle.progress(interpolate(circle.start, circle.end, GRID)) == pytest.approx(GRID, abs=1e-6)


@pytest.mark.parametrize("definition", PROGRESS_DEFINITIONS)
def test_progress_of_its_own_points_is_their_position(definition):
    circle = Geodesic.between(*ends())
    assert circle.progress(interpolate(circle.start, circle.end, GRID), definition) == pytest.approx(GRID, abs=1e-7)


@pytest.mark.parametrize("definition", PROGRESS_DEFINITIONS)
@pytest.mark.parametrize("seed", range(3))
def test_bisection_agrees_with_bounded_minimisation(definition, seed):
    start, end = ends(seed)
    models = np.concatenate([others(), families.normalised(0.5 * (start + end) + 0.3 * others(3))])
    found = Geodesic.between(start, end).progress(models, definition)
    expected = [oracles_paths.position_between(model, start, end, definition) for model in models]
    assert found == pytest.approx(expected, abs=1e-5)
    assert ((found > 1e-4) & (found < 1 - 1e-4)).any()


@pytest.mark.parametrize("definition", ["angle", "bhattacharyya"])
def test_the_objective_is_convex_between_any_two_models(definition):
    """Non-negative square roots are at most a right angle apart, in the plane of the circle too."""
    certain = families.one_hot([0, 1, 2, 3, 4, 0, 1, 2], 5)
    pairs = [ends(), (others()[0], others()[1]), (certain, others()[2]), (certain, np.roll(certain, 1, axis=1))]
    for start, end in pairs:
        for model in [*others(3), families.normalised(9 * others(1)[0])]:
            values = [oracles_paths.objective(model, start, end, t, definition) for t in GRID]
            assert (np.diff(values, 2) >= -1e-12).all()


@pytest.mark.parametrize("definition", ["angle", "bhattacharyya"])
def test_the_found_position_is_better_than_its_neighbours(definition):
    start, end = ends(4)
    for model, t in zip(others(), Geodesic.between(start, end).progress(others(), definition), strict=True):
        best = oracles_paths.objective(model, start, end, t, definition)
        for near in np.clip([t - 1e-4, t + 1e-4], 0, 1):
            assert oracles_paths.objective(model, start, end, near, definition) >= best - 1e-15


@pytest.mark.parametrize("definition", PROGRESS_DEFINITIONS)
def test_the_ends_are_at_zero_and_one_exactly(definition):
    start, end = ends()
    found = Geodesic.between(start, end).progress(np.stack([start, end]), definition)
    # A mean of clipped positions may be off by their rounding.
    assert found.tolist() == ([0.0, 1.0] if definition != "mean" else pytest.approx([0.0, 1.0], abs=1e-15))


@pytest.mark.parametrize("definition", PROGRESS_DEFINITIONS)
def test_turning_the_geodesic_round_turns_progress_round(definition):
    start, end = ends(2)
    forth, back = Geodesic.between(start, end), Geodesic.between(end, start)
    assert forth.progress(others(), definition) == pytest.approx(1 - back.progress(others(), definition), abs=1e-9)


@pytest.mark.parametrize("definition", PROGRESS_DEFINITIONS)
def test_samples_with_equal_ends_count_for_nothing(definition):
    start, end = ends()
    with_them = Geodesic.between(start, end).progress(others(), definition)
    without = Geodesic.between(start[2:], end[2:]).progress(others()[:, 2:], definition)
    assert with_them == pytest.approx(without, abs=1e-12)


@pytest.mark.parametrize("definition", PROGRESS_DEFINITIONS)
def test_models_disjoint_from_both_ends_stay_at_start(definition):
    start, end = families.one_hot([0, 1], 4), families.one_hot([1, 0], 4)
    elsewhere = families.one_hot([2, 3], 4)[None]
    assert Geodesic.between(start, end).progress(elsewhere, definition)[0] == 0.0
    values, shared_none = Geodesic.between(start, end).distances(elsewhere, [0.5])
    assert values[0] == pytest.approx(-np.log(OVERLAP_FLOOR))
    assert shared_none.tolist() == [2]


@pytest.mark.parametrize("definition", PROGRESS_DEFINITIONS)
def test_chunks_change_no_bit(definition, monkeypatch):
    circle = Geodesic.between(*ends())
    whole = circle.progress(others(), definition)
    monkeypatch.setattr(numba_loops, "CALL_BYTES", 1)
    assert np.array_equal(circle.progress(others(), definition), whole)


def test_float32_predictions_have_the_same_progress():
    circle = Geodesic.between(*ends())
    models = others()
    assert circle.progress(models.astype(np.float32)) == pytest.approx(circle.progress(models), abs=1e-6)


@pytest.mark.parametrize("seed", range(2))
def test_distances_to_points_agree_with_the_formula(seed, monkeypatch):
    start, end = ends(seed)
    circle = Geodesic.between(start, end)
    positions = np.array([0.0, 0.2, 0.5, 0.7, 0.99, 1.0])
    expected = [
        oracles_paths.objective(model, start, end, t, "bhattacharyya")
        for model, t in zip(others(), positions, strict=True)
    ]
    values, shared_none = circle.distances(others(), positions)
    assert values == pytest.approx(expected, rel=1e-13)
    assert not shared_none.any()
    monkeypatch.setattr(geodesics, "CHUNK_BYTES", 1)
    assert np.array_equal(circle.distances(others(), positions)[0], values)


def test_distance_to_truth_is_half_the_cross_entropy():
    models, labels = families.tiny_probabilities(4), np.arange(20) % 6
    values, _ = Geodesic.to_truth(labels, 6).distances(models, np.ones(4))
    assert values == pytest.approx(-0.5 * models[:, np.arange(20), labels].mean(axis=1), rel=1e-13)
    ignorance, _ = Geodesic.to_truth(labels, 6).distances(models, np.zeros(4))
    uniform = np.full((1, 20, 6), -np.log(6))
    assert ignorance == pytest.approx(oracles.bhattacharyya(models, uniform)[:, 0], rel=1e-12)


def test_probabilities_without_a_float64_root_have_their_distance():
    logits = np.zeros((1, 3, 4))
    logits[0, 0, 1] = 9000.0
    models, labels = families.normalised(logits), np.zeros(3, dtype=int)
    values, shared_none = Geodesic.to_truth(labels, 4).distances(models, [1.0])
    assert values[0] == pytest.approx((9000 + 2 * np.log(4)) / 6, rel=1e-12)
    assert shared_none.tolist() == [0]


def test_distance_of_a_point_to_itself_is_zero():
    circle = Geodesic.between(*ends())
    values, _ = circle.distances(interpolate(circle.start, circle.end, GRID), GRID)
    assert values.max() < 1e-15


def test_the_nearest_position_is_the_nearest():
    circle = Geodesic.between(*ends(1))
    nearest = circle.progress(others(), "bhattacharyya")
    at_nearest, _ = circle.distances(others(), nearest)
    for definition in ("angle", "mean"):
        assert (circle.distances(others(), circle.progress(others(), definition))[0] >= at_nearest - 1e-15).all()


def test_what_is_no_geodesic_is_refused():
    start, end = ends()
    circle = Geodesic.between(start, end)
    with pytest.raises(engine.InvalidSpecError, match="the same model"):
        Geodesic.between(start, start.copy())
    with pytest.raises(engine.InvalidPredictionsError, match="same axes"):
        Geodesic.between(start, end[:3])
    with pytest.raises(engine.InvalidPredictionsError, match=r"\(8, 5\)"):
        circle.progress(others()[:, :3])
    with pytest.raises(engine.InvalidSpecError, match="definition must be one of"):
        circle.progress(others(), "median")
    with pytest.raises(engine.InvalidSpecError, match="one number in"):
        circle.distances(others(), [0.5])
    with pytest.raises(engine.InvalidSpecError, match="one number in"):
        circle.distances(others(), np.full(6, 1.5))
