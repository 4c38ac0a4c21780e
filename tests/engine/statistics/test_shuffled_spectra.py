"""Spectra of shuffled runs and of random walks, against float64 from the formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from engine.distances.pairwise import pairwise_distances
from engine.errors import SelectionError
from engine.statistics.shuffled_spectra import (
    FEWEST_RUNS,
    LEVEL,
    TESTED,
    ShuffledSpectra,
    shuffled_spectra,
    spectrum_of,
    unrelated_walks,
)
from engine.statistics.shuffling import within_class_orders
from engine.values import Distances
from tests import families, oracles


def cloud(n_runs=3, n_checkpoints=7):
    """Runs with imaginary components, and labels of three classes."""
    models = families.dirichlet_cloud(n_runs * n_checkpoints, n_samples=12)
    return list(models.reshape(n_runs, n_checkpoints, 12, 5)), np.arange(12) % 3


def slowly(runs, orders, points=None, divergence="bhattacharyya"):
    """Eigenvalues and explained stress of one shuffle, from the formula, run by run and sample by sample."""
    models = [checkpoint[list(order)] for run, order in zip(runs, orders, strict=True) for checkpoint in run]
    distances = oracles.divergence(divergence, np.stack([*models, *([] if points is None else points)]))
    eigenvalues = oracles.eigenpairs(distances)[0]
    squares = np.cumsum(eigenvalues**2) / (eigenvalues**2).sum()
    return eigenvalues, 1 - np.sqrt(np.clip(1 - squares, 0, None))


@pytest.mark.parametrize("divergence", ["bhattacharyya", "symmetrised_kl"])
@pytest.mark.parametrize("has_labels", [True, False])
@pytest.mark.parametrize("has_points", [True, False])
def test_spectra_of_shuffles_are_those_of_formulas(divergence, has_labels, has_points):
    runs, labels = cloud()
    points = families.dirichlet_cloud(2, n_samples=12, seed=5) if has_points else None
    found = shuffled_spectra(
        runs, labels if has_labels else None, divergence, n_shuffles=2, n_components=18, points=points
    )
    orders = within_class_orders(labels if has_labels else np.zeros(12), 6).reshape(2, 3, 12)
    assert (found.n_runs, found.is_within_classes) == (3, has_labels)
    assert (found.eigenvalues < 0).any() or divergence != "bhattacharyya"
    for shuffle in range(2):
        eigenvalues, stress = slowly(runs, orders[shuffle], points, divergence)
        np.testing.assert_allclose(found.eigenvalues[shuffle], eigenvalues[:18], atol=2e-5)
        np.testing.assert_allclose(found.explained_stress[shuffle], stress[:18], atol=1e-5)


def test_shuffles_differ_from_the_runs_and_each_other():
    runs, labels = families.learning_runs(4, shared=0.9)
    found = shuffled_spectra(runs, labels, n_shuffles=3, n_components=5).eigenvalues
    real = spectrum_of(Distances(pairwise_distances(np.concatenate(runs)).values, "", 0, ""), 5)[0]
    every = np.stack([real, *found])
    assert np.abs(every[:, None] - every)[~np.eye(4, dtype=bool)].max(axis=1).min() > 1e-3


def test_beyond_its_rank_a_spectrum_is_zero():
    runs = [np.log(np.full((2, 4, 2), 0.5, np.float32)), families.coins([0.9]).repeat(4, axis=1).astype(np.float32)]
    found = shuffled_spectra(runs, [0, 0, 1, 1], n_shuffles=2, n_components=4)
    assert (found.eigenvalues[:, 0] > 0).all()
    np.testing.assert_allclose(found.eigenvalues[:, 1:], 0, atol=1e-9)
    np.testing.assert_allclose(found.explained_stress, 1)


@pytest.mark.parametrize(
    ("n_runs", "labels", "reason"),
    [(1, [0, 0, 1, 1], "at least two runs"), (3, [0, 1, 2, 3], "Every class has a single sample")],
)
def test_what_no_shuffle_changes_is_refused(n_runs, labels, reason):
    runs = [families.dirichlet_cloud(3, n_samples=4) for _ in range(n_runs)]
    with pytest.raises(SelectionError, match=reason):
        shuffled_spectra(runs, labels)


def test_one_class_is_shuffled_whole():
    runs, _ = cloud()
    one_class, no_labels = (shuffled_spectra(runs, labels, n_shuffles=2) for labels in (np.full(12, 2), None))
    np.testing.assert_array_equal(one_class.eigenvalues, no_labels.eigenvalues)


def given(spectra, n_runs=20):
    return ShuffledSpectra(n_runs, True, np.asarray(spectra, float), np.ones(np.shape(spectra)))


def test_a_limit_is_a_tenth_or_chance():
    # Relative spreads 0, 0.1 and 0.2 of three ranks, so 0.129 pooled, with half of 3 (4 - 1) degrees of freedom.
    draws = np.array([[1.0, 1, 1, 1], 1 + 0.1 * np.array([-1, -1, 1, 1]) * np.sqrt(3) / 2])
    draws = np.stack([8 * draws[0], 4 * draws[1], 2 * (2 * draws[1] - 1)], axis=1)
    pooled = np.sqrt((0.1**2 + 0.2**2) / 3)
    chance = 1 + t.ppf(1 - LEVEL / TESTED, 4.5) * pooled * np.sqrt(1 + 1 / 4)
    np.testing.assert_allclose(given(draws).limits(1), chance * np.array([8, 4, 2]))
    np.testing.assert_allclose(given([[8.0, 4, 2]] * 4).limits(1), 1.1 * np.array([8, 4, 2]))
    # No imaginary component was solved for: there may be some, up to the smallest modulus.
    np.testing.assert_allclose(given([[8.0, 4, 2]] * 4).limits(-1), 1.1 * np.array([2, 2, 2]))
    np.testing.assert_allclose(given([[8.0, -4, 2]] * 4).limits(-1), 1.1 * np.array([4, 2, 2]))


@pytest.mark.parametrize(
    ("eigenvalues", "above"),
    [
        ([100, -8, 4, 2, 1], ()),
        ([100, -8, 4.3, 2, 1], ()),
        ([100, -8, 4.5, 2, 1], (3,)),
        # What a found direction pushes down a rank is none of its own, and one beyond it is.
        ([100, -8, 6, 4, 2], (3,)),
        ([100, -8, 6, 5, 2], (3, 4)),
        ([100, -9, 4, 2, 1], (2,)),
        ([100, 9, -8, 4, 2], (2,)),
        ([120, -8, 4, 2, 1], (1,)),
        ([], ()),
    ],
)
def test_components_are_compared_by_sign_and_rank(eigenvalues, above):
    assert given([[100.0, -8, 4, 2, 1]] * 5).above(eigenvalues) == above


def test_the_verdict_is_said_in_words():
    null = [[100.0, 8, 4]] * 5
    assert given(null).in_words([100.0, 8, 4]) == "no component above shuffled runs"
    assert given(null).in_words([100.0, 12, 4]) == "component 2 above shuffled runs"
    assert given(null).in_words([150.0, 130, 120]) == "components 1, 2 and 3 above shuffled runs"
    assert given(null, FEWEST_RUNS).above([100, 12, 4]) == (2,)
    assert given(null, FEWEST_RUNS - 1).above([100, 12, 4]) is None
    assert given(null, FEWEST_RUNS - 1).in_words([100.0, 12, 4]).startswith("too few runs to say")


def verdicts(n_studies, **study):
    """Components above the shuffled runs' in simulated studies."""
    found = []
    for seed in range(n_studies):
        runs, labels = families.learning_runs(**study, seed=seed)
        null = shuffled_spectra(runs, labels, n_components=20)
        found.append(null.above(spectrum_of(pairwise_distances(np.concatenate(runs)), 20)[0]))
    return found


@pytest.mark.full
@pytest.mark.parametrize(("n_runs", "n_samples"), [(10, 30), (16, 60)])
def test_unrelated_runs_are_rarely_called_related(n_runs, n_samples):
    found = verdicts(100, n_runs=n_runs, n_samples=n_samples)
    assert sum(map(bool, found)) <= 5


@pytest.mark.full
def test_a_direction_that_runs_share_is_found():
    assert all(2 in found for found in verdicts(8, n_runs=16, n_samples=60, shared=0.8))


@pytest.mark.parametrize(("n_walks", "n_points"), [(1, 2), (1, 27), (2, 5), (7, 11)])
def test_unrelated_walks_have_the_spectrum_of_sums(n_walks, n_points):
    # Every step of every walk goes along an axis of its own.
    steps = np.eye(n_walks * n_points).reshape(n_walks, n_points, -1)
    places = np.cumsum(steps, axis=1).reshape(n_walks * n_points, -1)
    squared = ((places[:, None] - places) ** 2).sum(axis=-1)
    expected = oracles.eigenpairs(squared)[0][:-1]
    np.testing.assert_allclose(unrelated_walks(n_walks, n_points), expected, atol=1e-9)


def test_one_long_walk_has_the_published_shares():
    eigenvalues = unrelated_walks(1, 100_000)
    np.testing.assert_allclose(eigenvalues[:3] / eigenvalues.sum(), [0.608, 0.152, 0.0675], atol=5e-4)
