"""Laws of shuffling samples within their classes."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.statistics.shuffling import shuffle_samples, within_class_orders
from engine.trajectories.geodesics import PROGRESS_DEFINITIONS
from tests import families, oracles


def trajectories(n_runs=3, n_points=6):
    models, labels = families.training_family(n_runs, n_points, n_samples=40)
    return families.normalised(models).reshape(n_runs, n_points, 40, 10), labels


def test_orders_stay_within_classes_and_are_independent():
    labels = np.array([2, 0, 2, 5, 0, 2, 2])
    orders = within_class_orders(labels, 400)
    assert (labels[orders] == labels).all()
    assert (np.sort(orders, axis=1) == np.arange(7)).all()
    assert (orders[:, 3] == 3).all()
    # Each of the 2! 4! orders, about equally often.
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 48
    assert counts.max() < 25
    assert np.array_equal(orders, within_class_orders(labels, 400))


def test_loss_progress_and_reference_distances_do_not_change():
    given, labels = trajectories()
    shuffled = shuffle_samples(given, within_class_orders(labels, 3))
    assert not np.array_equal(shuffled, given)
    n_samples, n_classes = given.shape[2:]
    references = np.stack([np.full((n_samples, n_classes), -np.log(n_classes)), families.one_hot(labels, n_classes)])
    for run, other in zip(given, shuffled, strict=True):
        loss, other_loss = (-x[:, np.arange(n_samples), labels].mean(axis=1) for x in (run, other))
        assert np.abs(other_loss - loss).max() < 1e-12
        assert np.abs(oracles.bhattacharyya(other, references) - oracles.bhattacharyya(run, references)).max() < 1e-12
        assert np.abs(oracles.bhattacharyya(other) - oracles.bhattacharyya(run)).max() < 1e-12
        for definition in PROGRESS_DEFINITIONS:
            gap = engine.progress(other, labels, definition) - engine.progress(run, labels, definition)
            assert np.abs(gap).max() < 1e-12


def test_runs_learning_alike_are_closer_than_shuffled_ones():
    given, labels = trajectories(n_runs=1)
    twins = np.concatenate([given, given])
    shuffled = shuffle_samples(twins, within_class_orders(labels, 2))
    assert oracles.bhattacharyya(twins[0], twins[1]).diagonal() == pytest.approx(0.0, abs=1e-12)
    assert oracles.bhattacharyya(shuffled[0], shuffled[1]).diagonal().min() > 1e-6


def test_a_class_is_shuffled_whole_single_samples_stay():
    assert len({tuple(order) for order in within_class_orders([0, 0, 0], 200).tolist()}) == 6
    assert (within_class_orders([0, 1, 2], 5) == np.arange(3)).all()


def test_orders_that_do_not_fit_are_refused():
    given, labels = trajectories()
    with pytest.raises(engine.InvalidPredictionsError, match="an order of the samples for each run"):
        shuffle_samples(given, within_class_orders(labels, 2))
