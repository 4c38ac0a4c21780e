"""Laws of the lengths of trajectories and geodesics."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import engine
from engine.trajectories import lengths
from engine.trajectories.geodesics import Geodesic, geodesic
from engine.trajectories.lengths import arc_length, geodesic_lengths, path_lengths, steps_of
from engine.trajectories.resampling import interpolate
from tests import families, oracles_paths


def as_tuple(found):
    return found.angle, found.fisher_rao, found.arc


@pytest.mark.parametrize(
    "models",
    [
        families.dirichlet_cloud(5),
        families.near_twins(),
        families.tiny_probabilities(4),
        families.training_family(1, 9)[0],
        np.stack([families.one_hot([0, 1, 2], 3), families.one_hot([0, 2, 1], 3), np.full((3, 3), -np.log(3))]),
    ],
    ids=["far", "near", "tiny", "run", "one-hot"],
)
def test_lengths_agree_with_the_sums(models):
    assert as_tuple(path_lengths(models)) == pytest.approx(oracles_paths.lengths(models), rel=1e-9)


def test_steps_between_near_twins_keep_their_digits():
    models = families.near_twins()
    steps = steps_of(models)
    expected = [oracles_paths.step_distance(p, q) for p, q in itertools.pairwise(models)]
    assert min(expected) < 1e-8
    assert steps.distances == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("n_classes", [2, 10, 100])
def test_the_geodesic_to_truth_has_known_lengths(n_classes):
    """Sampled finely, the sum of angles is theta, and sqrt(8) times that of sqrt(d_B) is 2 theta."""
    labels, theta = np.arange(3) % n_classes, np.arccos(1 / np.sqrt(n_classes))
    fine = path_lengths(geodesic(labels, n_classes, np.linspace(0, 1, 4001)))
    assert fine.angle == pytest.approx(theta, rel=1e-12)
    assert fine.fisher_rao == pytest.approx(2 * theta, rel=1e-6)
    assert fine.arc == pytest.approx(theta / np.sqrt(2), rel=1e-6)
    ends = geodesic(labels, n_classes, [0.0, 1.0])
    assert as_tuple(geodesic_lengths(*ends)) == pytest.approx((theta, 2 * theta, theta / np.sqrt(2)), rel=1e-13)


def test_a_geodesic_is_as_long_as_its_steps():
    start, end = families.dirichlet_cloud(2)
    circle = Geodesic.between(start, end)
    fine = path_lengths(interpolate(start, end, np.linspace(0, 1, 2001)))
    whole = geodesic_lengths(start, end)
    assert as_tuple(fine) == pytest.approx(as_tuple(whole), rel=1e-6)
    assert whole.angle == pytest.approx(circle.angles.mean(), rel=1e-13)
    # Samples that move unequally: the root of a mean of squares is above the mean.
    assert whole.fisher_rao > 2 * whole.angle * 1.01


@pytest.mark.parametrize("seed", range(3))
def test_no_path_is_shorter_than_the_geodesic(seed):
    models, _ = families.training_family(1, 9, seed=seed)
    for path in (models, families.dirichlet_cloud(7, seed=seed), models[::-1]):
        detour, straight = path_lengths(path), geodesic_lengths(path[0], path[-1])
        assert all(a >= b for a, b in zip(as_tuple(detour), as_tuple(straight), strict=True))


def test_lengths_ignore_direction_and_repeated_checkpoints():
    models, _ = families.training_family(1, 9)
    whole = as_tuple(path_lengths(models))
    assert as_tuple(path_lengths(models[::-1])) == pytest.approx(whole, rel=1e-13)
    assert as_tuple(path_lengths(np.repeat(models, 2, axis=0))) == pytest.approx(whole, rel=1e-13)


def test_arc_length_adds_up_to_the_whole():
    models, _ = families.training_family(1, 9)
    covered = arc_length(models)
    assert covered[0] == 0
    assert (np.diff(covered) > 0).all()
    assert covered[-1] == pytest.approx(path_lengths(models).fisher_rao, rel=1e-14)
    assert covered[4] == pytest.approx(path_lengths(models[:5]).fisher_rao, rel=1e-14)


def test_single_checkpoints_and_equal_models_have_no_length():
    model = families.dirichlet_cloud(1)
    assert as_tuple(path_lengths(model)) == (0.0, 0.0, 0.0)
    assert arc_length(model).tolist() == [0.0]
    assert as_tuple(geodesic_lengths(model[0], model[0])) == (0.0, 0.0, 0.0)


def test_chunks_change_no_bit(monkeypatch):
    models, _ = families.training_family(1, 20)
    whole = steps_of(models)
    monkeypatch.setattr(lengths, "STEPS_PER_CALL", 1)
    parts = steps_of(models)
    assert np.array_equal(parts.angles, whole.angles)
    assert np.array_equal(parts.squares, whole.squares)
    assert np.array_equal(parts.distances, whole.distances)


def test_what_has_no_length_is_refused():
    with pytest.raises(engine.InvalidPredictionsError, match="none empty"):
        path_lengths(np.zeros((0, 3, 2)))
    with pytest.raises(engine.InvalidPredictionsError, match="same axes"):
        geodesic_lengths(np.zeros((3, 2)), np.zeros((4, 2)))
