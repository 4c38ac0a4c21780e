"""Laws of distances between trajectories without a common clock."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.trajectories.frechet import SYMMETRISATIONS, closeness_distances, frechet_distances
from tests import families, oracles, oracles_trajectories

COUNTS = np.array([5, 1, 7, 3])


def models():
    return families.dirichlet_cloud(16, 6, 4)


def blocks():
    """All distances, and the block and the steps of runs 0 and 2, which are of different length."""
    distances = oracles.bhattacharyya(models())
    steps = np.diagonal(distances, 1)
    return distances, distances[:5, 6:13], steps[:4], steps[6:12]


def two_runs(block, steps=None, other_steps=None):
    """(model, model) distances of two runs from those between them and along each, and their counts."""
    counts = np.shape(block)
    distances = np.zeros((sum(counts), sum(counts)))
    for start, along in ((0, steps), (counts[0], other_steps)):
        for k, step in enumerate(() if along is None else along):
            distances[start + k, start + k + 1] = distances[start + k + 1, start + k] = step
    distances[: counts[0], counts[0] :] = block
    distances[counts[0] :, : counts[0]] = np.transpose(block)
    return distances, counts


def frechet(block):
    return frechet_distances(*two_runs(block))[0, 1]


def from_point(distances, steps, scale):
    """The distance of a point, which is the shorter trajectory, to one of these steps."""
    return closeness_distances(*two_runs([distances], None, steps), scale, "shorter")[0, 1]


@pytest.mark.parametrize("scale", [0.0, 0.05, 0.4, 5.0])
def test_distance_of_a_point_agrees_with_the_sum(scale):
    _, block, _, steps = blocks()
    expected = [oracles_trajectories.point_to_trajectory(list(row), steps, scale) for row in block]
    assert [from_point(row, steps, scale) for row in block] == pytest.approx(expected, rel=1e-12)


def test_the_kernel_of_far_points_does_not_underflow():
    """exp(-43 / 2e-4) is zero: what counts is which model is nearest."""
    assert from_point([43.0, 44.0, 50.0], [0.1, 0.1], 0.01) == pytest.approx(43.0)
    # A nearer model at which the trajectory stands still has no weight, however small the scale.
    assert from_point([43.0, 1.0, 50.0], [0.1, 0.0], 0.01) == pytest.approx(43.0)


def test_a_constant_trajectory_counts_its_models_alike():
    assert from_point([0.3, 0.3, 0.3], [0.0, 0.0], 0.1) == pytest.approx(0.3)
    assert from_point([0.3], [], 0.1) == 0.3
    for symmetrisation in ("mean", "min", "shorter"):
        found = closeness_distances(*two_runs([[0.2, 0.4], [0.2, 0.4]], [0.0], [0.1]), 0.0, symmetrisation)
        assert found[0, 1] == pytest.approx(0.2)


def test_identical_trajectories_are_at_distance_zero():
    distances = blocks()[0][6:13, 6:13]
    steps = np.diagonal(distances, 1)
    assert closeness_distances(*two_runs(distances, steps, steps))[0, 1] == 0.0
    assert frechet(distances) == 0.0


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (4, 9), (9, 4)])
@pytest.mark.parametrize("seed", range(5))
def test_frechet_agrees_with_the_recursion(shape, seed):
    block = np.random.default_rng(seed).uniform(0, 1, shape)
    assert frechet(block) == oracles_trajectories.frechet(block)
    assert frechet(block.T) == frechet(block)


def test_frechet_bounds_its_ends_and_ignores_pauses():
    _, block, _, _ = blocks()
    leash = frechet(block)
    assert leash >= max(block[0, 0], block[-1, -1])
    assert leash >= max(block.min(axis=0).max(), block.min(axis=1).max())
    pauses = np.repeat(np.repeat(block, [1, 3, 1, 2, 1], axis=0), [2, 1, 1, 1, 1, 1, 4], axis=1)
    assert frechet(pauses) == leash


def test_the_leash_never_goes_back():
    """The second walker visits 0, 1, 0: the first one, going 0, 1 and staying, needs a leash at the end."""
    x, y = np.array([0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    assert frechet(np.abs(x[:, None] - y)) == 1.0


def test_frechet_of_all_pairs_agrees_with_single_pairs():
    distances = blocks()[0]
    starts = np.concatenate([[0], np.cumsum(COUNTS)])
    values = frechet_distances(distances, COUNTS)
    for u in range(4):
        for v in range(4):
            block = distances[starts[u] : starts[u + 1], starts[v] : starts[v + 1]]
            assert values[u, v] == (0.0 if u == v else oracles_trajectories.frechet(block))
    assert np.array_equal(values, values.T)


@pytest.mark.parametrize("symmetrisation", SYMMETRISATIONS)
@pytest.mark.parametrize("scale", [0.0, 0.3])
def test_closeness_agrees_with_the_double_sum(symmetrisation, scale):
    distances = blocks()[0]
    ends = np.cumsum(COUNTS)
    runs = [slice(end - count, end) for end, count in zip(ends, COUNTS, strict=True)]
    steps = [np.diagonal(distances[run, run], 1) for run in runs]

    def one_way(u, v):
        block = distances[runs[u], runs[v]]
        if not len(steps[u]):
            return oracles_trajectories.point_to_trajectory(list(block[0]), steps[v], scale)
        return oracles_trajectories.trajectory_to_trajectory(block, steps[u], steps[v], scale, True)

    values = closeness_distances(distances, COUNTS, scale, symmetrisation)
    assert one_way(0, 2) != pytest.approx(one_way(2, 0), rel=1e-4)
    for u in range(4):
        for v in range(4):
            both = one_way(u, v), one_way(v, u)
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

    def gone(_):
        raise engine.JobCancelled("gone")

    for measure in (frechet_distances, closeness_distances):
        with pytest.raises(engine.JobCancelled):
            measure(distances, COUNTS, progress=gone)


def test_what_has_no_distance_is_refused():
    distances = blocks()[0]
    with pytest.raises(engine.InvalidSpecError, match="counts must say"):
        frechet_distances(distances, [5, 0, 8, 3])
    with pytest.raises(engine.InvalidSpecError, match="counts must say"):
        closeness_distances(distances, [5, 1, 7])
    with pytest.raises(engine.InvalidSpecError, match="symmetrisation must be one of"):
        closeness_distances(distances, COUNTS, symmetrisation="max")
    with pytest.raises(engine.InvalidSpecError, match="scale must be"):
        closeness_distances(distances, COUNTS, -0.1)
