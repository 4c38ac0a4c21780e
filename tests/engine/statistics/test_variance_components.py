"""Variance components against sums over pairs, and against known components."""

from __future__ import annotations

import numpy as np
import pytest

from engine import InvalidSpecError
from engine.statistics.variance_components import variance_components


def slow_components(divergences, groups):
    """From the definitions, in loops over pairs."""
    n, names = len(groups), sorted(set(groups))
    members = {name: [i for i in range(n) if groups[i] == name] for name in names}
    total = sum(divergences[i][j] for i in range(n) for j in range(i)) / n
    within = sum(sum(divergences[i][j] for i in of for j in of if j < i) / len(of) for of in members.values())
    sigma = within / (n - len(names))
    n_0 = (n - sum(len(of) ** 2 for of in members.values()) / n) / (len(names) - 1)
    return sigma, ((total - within) / (len(names) - 1) - sigma) / n_0, within / total


def squared(points, signs=1.0):
    """Squared distances, with the signs of the axes."""
    return (signs * (points[:, None] - points) ** 2).sum(axis=2)


@pytest.mark.parametrize("signs", [[1, 1, 1], [1, 1, -0.5]], ids=["Euclidean", "with a time-like axis"])
def test_components_are_those_of_the_definitions(signs):
    random = np.random.default_rng(1)
    groups = random.integers(0, 4, 14)
    divergences = squared(random.normal(size=(14, 3)), signs)
    found = variance_components(divergences, groups)
    expected = slow_components(divergences.tolist(), groups.tolist())
    assert (found.within, found.between, found.share_of_squares) == pytest.approx(expected)
    same = [divergences[i, j] for i in range(14) for j in range(i) if groups[i] == groups[j]]
    apart = [divergences[i, j] for i in range(14) for j in range(i) if groups[i] != groups[j]]
    assert found.pair_ratio == pytest.approx(np.mean(same) / np.mean(apart))


def test_sums_of_squares_are_those_of_signed_coordinates():
    """Brute force: all coordinates of InPCA in float64, and their squares about means, time-like ones negative."""
    random = np.random.default_rng(6)
    divergences = np.sqrt(squared(random.normal(size=(11, 3)))) ** 3
    groups = np.array([0, 0, 0, 1, 1, 2, 2, 3, 3, 3, 3])
    centring = np.eye(11) - 1 / 11
    values, vectors = np.linalg.eigh(-0.5 * centring @ divergences @ centring)
    assert values.min() < -0.1
    coordinates, signs = vectors * np.sqrt(np.abs(values)), np.sign(values)
    means = np.stack([coordinates[groups == group].mean(axis=0) for group in groups])
    within = (signs * (coordinates - means) ** 2).sum()
    between = (signs * means**2).sum()
    n_0 = (11 - (9 + 4 + 4 + 16) / 11) / 3
    found = variance_components(divergences, groups)
    assert found.within == pytest.approx(within / 7)
    assert found.between == pytest.approx((between / 3 - within / 7) / n_0)
    assert found.share_of_squares == pytest.approx(within / (within + between))
    assert found.share_of_squares_by_chance == 0.7


def test_equally_near_runs_share_the_place():
    apart = 1.0 - np.eye(6)
    assert variance_components(apart, [0, 0, 1, 1, 2, 2]).nearest == pytest.approx(1 / 5)


@pytest.mark.parametrize("sizes", [[2] * 12, [5] * 6, [1, 1, 2, 2, 3, 5, 5]])
def test_known_components_are_found_without_bias(sizes):
    random, groups = np.random.default_rng(2), np.repeat(np.arange(len(sizes)), sizes)
    within, between = [], []
    for _ in range(600):
        points = 0.7 * random.normal(size=(len(groups), 5)) + 1.3 * random.normal(size=(len(sizes), 5))[groups]
        found = variance_components(squared(points), groups)
        within.append(found.within)
        between.append(found.between)
    for values, truth in ((within, 5 * 0.49), (between, 5 * 1.69)):
        error = np.std(values) / np.sqrt(len(values))
        assert abs(np.mean(values) - truth) < 4 * error


def test_labels_without_meaning_have_no_variance_between():
    random = np.random.default_rng(3)
    groups = np.repeat(np.arange(10), 2)
    found = [variance_components(squared(random.normal(size=(20, 4))), groups) for _ in range(400)]
    assert np.mean([each.between for each in found]) == pytest.approx(0.0, abs=0.1)
    assert np.mean([each.pair_ratio for each in found]) == pytest.approx(1.0, abs=0.03)
    assert np.mean([each.nearest for each in found]) == pytest.approx(found[0].nearest_by_chance, abs=0.02)
    assert found[0].nearest_by_chance == pytest.approx(1 / 19)
    assert all(0 < each.share_within <= 1 for each in found)


def test_runs_without_repetitions_have_no_number():
    found = variance_components(squared(np.random.default_rng(4).normal(size=(6, 2))), np.arange(6))
    for value in (found.within, found.between, found.pair_ratio, found.nearest, found.share_within):
        assert np.isnan(value)


def test_equal_seeds_leave_nothing_within():
    points = np.repeat(np.random.default_rng(5).normal(size=(5, 3)), 2, axis=0)
    found = variance_components(squared(points), np.repeat(np.arange(5), 2))
    assert found.within == pytest.approx(0.0, abs=1e-12)
    assert found.pair_ratio == pytest.approx(0.0, abs=1e-12)
    assert found.nearest == 1.0


def test_one_configuration_is_refused_in_words():
    with pytest.raises(InvalidSpecError, match="needs two of them"):
        variance_components(np.zeros((3, 3)), [0, 0, 0])
    with pytest.raises(InvalidSpecError, match="square"):
        variance_components(np.zeros((3, 2)), [0, 1, 1])
