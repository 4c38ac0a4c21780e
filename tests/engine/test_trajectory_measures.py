"""Laws of distances between trajectories without a common clock."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.trajectory_measures import (
    SYMMETRISATIONS,
    closeness_distances,
    discrete_frechet,
    frechet_distances,
    point_to_trajectory,
    trajectory_to_trajectory,
)
from tests import families, oracles, oracles_trajectories

COUNTS = np.array([5, 1, 7, 3])


def models():
    return families.dirichlet_cloud(16, 6, 4)


def blocks():
    """All distances, and the block and the steps of runs 0 and 2, which are of different length."""
    distances = oracles.bhattacharyya(models())
    steps = np.diagonal(distances, 1)
    return distances, distances[:5, 6:13], steps[:4], steps[6:12]


@pytest.mark.parametrize("scale", [0.0, 0.05, 0.4, 5.0])
def test_point_to_trajectory_agrees_with_the_sum(scale):
    _, block, _, steps = blocks()
    expected = [oracles_trajectories.point_to_trajectory(list(row), steps, scale) for row in block]
    assert point_to_trajectory(block, steps, scale) == pytest.approx(expected, rel=1e-12)


def test_the_kernel_of_far_points_does_not_underflow():
    """exp(-43 / 2e-4) is zero: what counts is which model is nearest."""
    assert point_to_trajectory([[43.0, 44.0, 50.0]], [0.1, 0.1], 0.01)[0] == pytest.approx(43.0)
    # A nearer model at which the trajectory stands still has no weight, however small the scale.
    assert point_to_trajectory([[43.0, 1.0, 50.0]], [0.1, 0.0], 0.01)[0] == pytest.approx(43.0)


def test_a_trajectory_that_stands_still_counts_its_models_alike():
    assert point_to_trajectory([[0.3, 0.3, 0.3]], [0.0, 0.0], 0.1)[0] == pytest.approx(0.3)
    assert point_to_trajectory([[0.3]], [], 0.1)[0] == 0.3
    there, back = trajectory_to_trajectory(np.array([[0.2, 0.4], [0.2, 0.4]]), [0.0], [0.1])
    assert there == pytest.approx(0.2)
    assert back == pytest.approx(0.2)


@pytest.mark.parametrize("scale", [0.0, 0.3])
@pytest.mark.parametrize("per_length", [True, False])
def test_trajectory_to_trajectory_agrees_with_the_double_sum(scale, per_length):
    _, block, steps, other = blocks()
    there, back = trajectory_to_trajectory(block, steps, other, scale, per_length=per_length)
    slow = oracles_trajectories.trajectory_to_trajectory
    assert there == pytest.approx(slow(block, steps, other, scale, per_length), rel=1e-12)
    assert back == pytest.approx(slow(block.T, other, steps, scale, per_length), rel=1e-12)
    assert there != pytest.approx(back, rel=1e-4)


def test_identical_trajectories_are_at_distance_zero():
    distances = blocks()[0][6:13, 6:13]
    steps = np.diagonal(distances, 1)
    assert trajectory_to_trajectory(distances, steps, steps) == (0.0, 0.0)
    assert discrete_frechet(distances) == 0.0


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (4, 9), (9, 4)])
@pytest.mark.parametrize("seed", range(5))
def test_frechet_agrees_with_the_recursion(shape, seed):
    block = np.random.default_rng(seed).uniform(0, 1, shape)
    assert discrete_frechet(block) == oracles_trajectories.frechet(block)
    assert discrete_frechet(block.T) == discrete_frechet(block)


def test_frechet_is_no_shorter_than_its_ends_and_ignores_pauses():
    _, block, _, _ = blocks()
    leash = discrete_frechet(block)
    assert leash >= max(block[0, 0], block[-1, -1])
    assert leash >= max(block.min(axis=0).max(), block.min(axis=1).max())
    pauses = np.repeat(np.repeat(block, [1, 3, 1, 2, 1], axis=0), [2, 1, 1, 1, 1, 1, 4], axis=1)
    assert discrete_frechet(pauses) == leash


def test_the_leash_never_goes_back():
    """The second walker visits 0, 1, 0: the first one, going 0, 1 and staying, needs a leash at the end."""
    x, y = np.array([0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    assert discrete_frechet(np.abs(x[:, None] - y)) == 1.0


def test_all_pairs_of_runs_agree_with_single_pairs():
    distances = blocks()[0]
    starts = np.concatenate([[0], np.cumsum(COUNTS)])
    values = frechet_distances(distances, COUNTS)
    for u in range(4):
        for v in range(4):
            block = distances[starts[u] : starts[u + 1], starts[v] : starts[v + 1]]
            assert values[u, v] == (0.0 if u == v else discrete_frechet(block))
    assert np.array_equal(values, values.T)


@pytest.mark.parametrize("symmetrisation", SYMMETRISATIONS)
@pytest.mark.parametrize("scale", [0.0, 0.3])
@pytest.mark.parametrize("per_length", [True, False])
def test_closeness_of_all_pairs_agrees_with_single_pairs(symmetrisation, scale, per_length):
    distances = blocks()[0]
    ends = np.cumsum(COUNTS)
    runs = [slice(end - count, end) for end, count in zip(ends, COUNTS, strict=True)]
    steps = [np.diagonal(distances[run, run], 1) for run in runs]
    values = closeness_distances(distances, COUNTS, scale, symmetrisation, per_length=per_length)
    for u in range(4):
        for v in range(4):
            both = trajectory_to_trajectory(
                distances[runs[u], runs[v]], steps[u], steps[v], scale, per_length=per_length
            )
            shorter = both[0 if np.sqrt(steps[u]).sum() < np.sqrt(steps[v]).sum() else 1]
            expected = {"mean": np.mean(both), "min": min(both), "shorter": shorter}[symmetrisation]
            assert values[u, v] == (0.0 if u == v else pytest.approx(expected, rel=1e-12))
    assert np.array_equal(values, values.T)


def test_steps_between_runs_belong_to_neither():
    """Exchanging runs exchanges rows and columns, though other models are then neighbours in the matrix."""
    distances = blocks()[0]
    order = np.concatenate([np.arange(6, 13), np.arange(5), [13, 14, 15], [5]])
    swapped = closeness_distances(distances[np.ix_(order, order)], COUNTS[[2, 0, 3, 1]], 0.2)
    places = np.ix_([2, 0, 3, 1], [2, 0, 3, 1])
    assert np.allclose(swapped, closeness_distances(distances, COUNTS, 0.2)[places], rtol=1e-12)


def test_single_precision_distances_are_taken_as_they_are():
    distances = blocks()[0].astype(np.float32)
    assert np.array_equal(frechet_distances(distances, COUNTS), frechet_distances(distances.astype(float), COUNTS))


def test_work_is_reported_and_can_be_cancelled():
    distances, seen = blocks()[0], []
    frechet_distances(distances, COUNTS, progress=seen.append)
    assert seen[-1] == 1.0
    for measure in (frechet_distances, closeness_distances):
        with pytest.raises(engine.JobCancelled):
            measure(distances, COUNTS, cancelled=lambda: True)


def test_what_has_no_distance_is_refused():
    distances, block, steps, other = blocks()
    with pytest.raises(engine.InvalidSpecError, match="counts must say"):
        frechet_distances(distances, [5, 0, 8, 3])
    with pytest.raises(engine.InvalidSpecError, match="counts must say"):
        closeness_distances(distances, [5, 1, 7])
    with pytest.raises(engine.InvalidSpecError, match="symmetrisation must be one of"):
        closeness_distances(distances, COUNTS, symmetrisation="max")
    with pytest.raises(engine.InvalidSpecError, match="scale must be"):
        point_to_trajectory(block, other, -0.1)
    with pytest.raises(engine.InvalidSpecError, match="steps must hold"):
        trajectory_to_trajectory(block, steps, steps)
    with pytest.raises(engine.InvalidSpecError, match="none empty"):
        discrete_frechet(np.zeros((3, 0)))
    with pytest.raises(engine.InvalidSpecError, match="at least one model"):
        point_to_trajectory(np.zeros((3, 0)), [])
