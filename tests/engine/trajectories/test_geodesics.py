"""Laws of the geodesic from ignorance to truth, and of progress."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.trajectories import numba_loops
from engine.trajectories.geodesics import PROGRESS_DEFINITIONS, geodesic, progress
from engine.trajectories.progress import uncompiled_progress
from tests import families, oracles

GRID = np.linspace(0, 1, 21)


@pytest.mark.parametrize("n_classes", [2, 10, 100])
def test_geodesic_agrees_with_the_great_circle(n_classes):
    labels = np.array([0, 1, 1, n_classes - 1])
    ignorance, truth = np.full((4, n_classes), 1 / n_classes), np.eye(n_classes)[labels]
    points = np.exp(geodesic(labels, n_classes, GRID))
    expected = np.stack([oracles.great_circle(ignorance, truth, t) for t in GRID])
    assert np.abs(points - expected).max() < 1e-13
    assert np.abs(points.sum(axis=2) - 1).max() < 1e-13


def test_geodesic_begins_at_ignorance_and_ends_at_truth():
    points = geodesic([2, 0], 4, [0.0, 1.0])
    assert np.array_equal(points[0], np.full((2, 4), -np.log(4)))
    assert np.array_equal(points[1], families.one_hot([2, 0], 4))


def test_distances_along_the_geodesic_are_minus_log_cosine():
    theta = np.arccos(1 / np.sqrt(10))
    t = GRID[:-1]
    values = engine.pairwise_distances(geodesic([1, 2, 3], 10, t)).values
    assert np.abs(values + np.log(np.cos((t[:, None] - t) * theta))).max() < 1e-6


@pytest.mark.parametrize("definition", PROGRESS_DEFINITIONS)
@pytest.mark.parametrize("n_classes", [2, 10, 1000])
def test_progress_of_the_geodesic_is_its_position(definition, n_classes):
    labels = np.arange(5) % n_classes
    assert progress(geodesic(labels, n_classes, GRID), labels, definition) == pytest.approx(GRID, abs=1e-7)


@pytest.mark.parametrize("definition", PROGRESS_DEFINITIONS)
def test_label_smoothing_lies_on_the_geodesic(definition):
    labels, n_classes = np.array([0, 3, 9]), 10
    share = np.array([0.1, 0.5, 0.99])
    mixtures = np.log((1 - share[:, None, None]) / n_classes + share[:, None, None] * np.eye(n_classes)[labels])
    theta = np.arccos(1 / np.sqrt(n_classes))
    expected = 1 - np.arccos(np.sqrt((1 - share) / n_classes + share)) / theta
    assert progress(mixtures, labels, definition) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("definition", ["angle", "bhattacharyya"])
@pytest.mark.parametrize("sharpness", [0.5, 3.0, 8.0])
def test_bisection_agrees_with_bounded_minimisation(definition, sharpness):
    models, labels = families.training_family(3, 5)
    models = families.normalised(sharpness * models)
    assert progress(models, labels, definition) == pytest.approx(oracles.progress(models, labels, definition), abs=1e-5)


def test_the_objective_is_convex_for_bisection():
    models, labels = families.training_family(2, 6)
    truth = np.eye(10)[labels]
    ignorance = np.full_like(truth, 0.1)
    points = np.stack([oracles.great_circle(ignorance, truth, t) for t in GRID])
    for p in oracles.probabilities(models):
        angles = np.arccos(np.clip(np.sqrt(p * points).sum(axis=2), 0, 1)).sum(axis=1)
        assert (np.diff(angles, 2) >= -1e-9).all()


@pytest.mark.parametrize("accuracy", [0.1, 0.2, 0.3, 0.8])
def test_hard_predictions_have_their_known_progress(accuracy):
    n_samples, n_classes = 200, 10
    labels = np.arange(n_samples) % n_classes
    right = np.arange(n_samples) < round(accuracy * n_samples)
    hard = families.one_hot(np.where(right, labels, (labels + 1) % n_classes), n_classes)[None]
    assert progress(hard, labels, "mean")[0] == pytest.approx(accuracy, abs=1e-12)
    saturated = accuracy > 1 / (1 + np.sqrt(n_classes - 1))
    assert (progress(hard, labels, "angle")[0] == 1.0) == saturated


def test_progress_is_exactly_bounded():
    ends = np.stack([families.one_hot([1, 0], 3), families.one_hot([0, 1], 3)])
    assert progress(ends, [0, 1]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("definition", PROGRESS_DEFINITIONS)
def test_progress_does_not_depend_on_the_chunks(definition, monkeypatch):
    models, labels = families.training_family(3, 7)
    whole = progress(models, labels, definition)
    monkeypatch.setattr(numba_loops, "CALL_BYTES", 1)
    assert np.array_equal(progress(models, labels, definition), whole)


@pytest.mark.parametrize("sharpness", [0.0, 0.5, 3.0, 8.0])
def test_progress_without_compiled_code_is_the_same(sharpness):
    models, labels = families.training_family(3, 7)
    models = families.normalised(sharpness * models).astype(np.float32)
    assert np.abs(uncompiled_progress(models, labels) - progress(models, labels)).max() < 1e-8


def test_progress_without_compiled_code_has_the_same_ends():
    labels = np.array([1, 0, 2, 1])
    points = geodesic(labels, 3, GRID)
    found = uncompiled_progress(points, labels)
    assert found == pytest.approx(GRID, abs=1e-8)
    assert (found[0], found[-1]) == (0.0, 1.0)


def test_progress_ignores_sample_order_and_wrong_classes():
    models, labels = families.training_family(2, 5)
    order = np.random.default_rng(0).permutation(30)
    assert progress(models[:, order], labels[order]) == pytest.approx(progress(models, labels), abs=1e-12)


def test_what_has_no_geodesic_is_refused():
    models, labels = families.training_family(1, 3)
    with pytest.raises(engine.InvalidSpecError, match="definition must be one of"):
        progress(models, labels, "median")
    with pytest.raises(engine.InvalidSpecError, match="29 labels for 30 samples"):
        progress(models, labels[:29])
    with pytest.raises(engine.InvalidSpecError, match=r"0\.\.9, received 0\.\.10"):
        progress(models, np.where(labels == labels.max(), 10, 0))
    with pytest.raises(engine.InvalidSpecError, match="integers"):
        geodesic([0.5], 3, [0.0])
    with pytest.raises(engine.InvalidSpecError, match=r"\[0, 1\]"):
        geodesic([0], 3, [1.5])
    with pytest.raises(engine.InvalidSpecError, match="at least 2"):
        geodesic([0], 1, [0.5])
