"""Laws of distances between trajectories at equal clock."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.trajectories.geodesics import geodesic
from engine.trajectories.mean_distance import (
    between_groups,
    distances_along,
    point_at,
    points_until,
    trajectory_distances,
)
from engine.trajectories.resampling import resample
from tests import families, oracles, oracles_trajectories

GRID = np.linspace(0.0, 1.0, 6)


def resampled(n_runs=4, n_points=6, n_samples=12, n_classes=5):
    """Runs of a family at shares of their training time, and one that is certain from the start."""
    models, labels = families.training_family(n_runs, 8, n_samples, n_classes)
    runs = models.reshape(n_runs, 8, n_samples, n_classes)
    points = [resample(run, np.linspace(0, 1, 8), np.linspace(0, 1, n_points))[0] for run in runs]
    certain = np.broadcast_to(families.one_hot(labels, n_classes), points[0].shape).astype(np.float32)
    return np.stack([*points, certain])


def test_distances_agree_with_the_double_loop():
    runs = resampled()
    values = trajectory_distances(runs)
    assert values.dtype == np.float64
    assert np.abs(values - oracles_trajectories.trajectory_distances(runs)).max() < 1e-6
    assert np.array_equal(values, values.T)
    assert not np.diagonal(values).any()


def test_near_twins_keep_their_digits():
    twins = families.near_twins(5, 20, 4)
    runs = np.stack([twins[:3], twins[1:4], twins[2:5]])
    exact = np.mean([oracles.near_bhattacharyya(runs[:, point]) for point in range(3)], axis=0)
    off = ~np.eye(3, dtype=bool)
    assert (np.abs(trajectory_distances(runs) / np.where(off, exact, 1.0) - 1)[off] < 2e-4).all()


def test_identical_runs_and_single_runs_have_distance_zero():
    run = resampled()[:1]
    assert np.array_equal(trajectory_distances(np.concatenate([run, run, run])), np.zeros((3, 3)))
    assert np.array_equal(trajectory_distances(run), [[0.0]])


def test_geodesics_shifted_along_the_clock_have_closed_form():
    labels, theta = np.array([0, 3, 3, 1]), np.arccos(1 / np.sqrt(10))
    shifts = np.array([0.0, 0.1, 0.3])
    runs = np.stack([geodesic(labels, 10, 0.5 * GRID + shift) for shift in shifts])
    expected = -np.log(np.cos((shifts[:, None] - shifts) * theta))
    assert np.abs(trajectory_distances(runs) - expected).max() < 1e-6


def test_chunks_of_the_clock_change_no_bit():
    runs = resampled()
    whole = [values for values, _ in distances_along([runs])]
    parts = [values for values, _ in distances_along(runs[:, k : k + 1] for k in range(runs.shape[1]))]
    assert np.array_equal(whole, parts)
    assert np.array_equal(trajectory_distances(runs), sum(whole) / len(whole))


def test_overlaps_that_are_capped_are_counted():
    p = np.stack([families.one_hot([0, 1, 2, 0], 3), families.one_hot([0, 1, 1, 1], 3)])[:, None]
    (values, n_capped), *rest = distances_along([p])
    assert not rest
    assert n_capped == 2
    assert values[0, 1] == pytest.approx(-2 * np.log(oracles.FLOOR) / 4)


def test_prefixes_and_snapshots_are_parts_of_the_grid():
    runs = resampled()
    assert points_until(GRID, 0.4) == slice(0, 3)
    assert points_until(GRID, 0.0) == slice(0, 1)
    assert points_until(GRID, 5.0) == slice(0, 6)
    assert points_until(0.1 * np.arange(11), 0.3) == slice(0, 4)
    assert point_at(GRID, 0.49) == slice(2, 3)
    snapshot = trajectory_distances(runs[:, point_at(GRID, 0.6)])
    assert np.abs(snapshot - oracles.bhattacharyya(runs[:, 3])).max() < 1e-6
    with pytest.raises(engine.InvalidSpecError, match="later end"):
        points_until(GRID, -0.5)


def test_groups_are_averaged_over_all_pairs_of_seeds():
    distances = trajectory_distances(resampled(5))
    groups = np.array([0, 1, 0, 1, 1, 2])
    between = between_groups(distances, groups)
    members = [np.flatnonzero(groups == group) for group in range(3)]
    for a, first in enumerate(members):
        for b, second in enumerate(members):
            pairs = [distances[u, v] for u in first for v in second]
            assert between[a, b] == (0.0 if a == b else pytest.approx(np.mean(pairs), rel=1e-12))
    assert np.array_equal(between, between.T)


def test_seeds_of_one_each_are_the_runs_themselves():
    distances = trajectory_distances(resampled())
    assert np.allclose(between_groups(distances, np.arange(5)), distances, rtol=1e-14)


def test_what_has_no_distance_is_refused():
    with pytest.raises(engine.InvalidPredictionsError, match=r"\(run, point, sample, class\)"):
        trajectory_distances(resampled()[0])
    with pytest.raises(engine.InvalidPredictionsError, match="sum to one"):
        trajectory_distances(np.zeros((2, 1, 3, 4), dtype=np.float32))
    with pytest.raises(engine.InvalidSpecError, match="divergence must be one of"):
        trajectory_distances(resampled(), divergence="cosine")
    with pytest.raises(engine.InvalidSpecError, match="without a gap"):
        between_groups(np.zeros((2, 2)), [0, 2])


@pytest.mark.parametrize("divergence", engine.DIVERGENCES)
def test_every_divergence_can_be_followed_along_a_clock(divergence):
    rng = np.random.default_rng(8)
    chunk = families.normalised(rng.normal(size=(3, 4, 6, 5)) * 3).astype(np.float32)
    found = [values for values, _ in distances_along([chunk[:, :2], chunk[:, 2:]], divergence=divergence)]
    for point, values in enumerate(found):
        alone = engine.pairwise_distances(np.ascontiguousarray(chunk[:, point]), divergence=divergence, device="cpu")
        np.testing.assert_allclose(values, alone.values, atol=1e-9)
