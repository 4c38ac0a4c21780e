"""Laws of permutation tests, against loops, enumeration and chance."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import f_oneway, kstest, nct
from scipy.stats import t as student

import engine
from engine.statistics.factors import make_factor, strata_of
from engine.statistics.permutation import permanova as permanova_module
from engine.statistics.permutation.dispersion import permdisp
from engine.statistics.permutation.orders import arrangements, permutations
from engine.statistics.permutation.outcome import holm
from engine.statistics.permutation.permanova import centred, permanova
from engine.statistics.permutation.power import power
from tests import families, oracles, oracles_statistics


def divergences(n_units, seed=0):
    """Bhattacharyya distances of scattered models: the centred matrix has negative eigenvalues."""
    matrix = oracles.bhattacharyya(families.dirichlet_cloud(n_units, n_samples=2, n_classes=3, seed=seed))
    if n_units >= 8:
        assert np.linalg.eigvalsh(oracles.centred(matrix)).min() < -1e-3
    return matrix


def pushed_apart(matrix, factor, amount):
    return matrix + amount * matrix.mean() * oracles_statistics.differences(factor)


@pytest.mark.parametrize("levels", [[0, 0, 0, 0, 1, 1, 1, 1], [0, 1, 2, 0, 1, 2, 0, 1, 2], [0, 1, 1, 1, 1, 1, 1, 1]])
def test_pseudo_f_agrees_with_sums_over_pairs(levels):
    matrix = divergences(len(levels))
    test = permanova(matrix, make_factor("x", map(str, levels)), n_permutations=10)
    assert (test.statistic, test.share) == pytest.approx(oracles_statistics.pseudo_f(matrix, levels), rel=1e-10)
    assert test.degrees == len(set(levels)) - 1


def test_total_variation_is_the_centred_trace():
    matrix = divergences(9)
    assert np.tril(matrix).sum() / 9 == pytest.approx(np.trace(oracles.centred(matrix)))


def test_divergences_are_not_squared_again():
    """Of points with squared Euclidean distances, R^2 is that of an ordinary analysis of variance."""
    points = np.random.default_rng(1).normal(size=(12, 3))
    squared = ((points[:, None] - points) ** 2).sum(axis=2)
    groups = np.repeat([0, 1, 2], 4)
    means = np.stack([points[groups == group].mean(axis=0) for group in groups])
    expected = ((means - points.mean(axis=0)) ** 2).sum() / ((points - points.mean(axis=0)) ** 2).sum()
    assert permanova(squared, make_factor("x", map(str, groups))).share == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("levels", [[0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1]])
def test_small_sets_are_enumerated_and_agree_with_enumeration(levels):
    matrix = divergences(len(levels), seed=3)
    factor = make_factor("x", map(str, levels))
    matrix = pushed_apart(matrix, factor, 0.3)
    test = permanova(matrix, factor, n_permutations=999)
    assert test.n_permutations == math.factorial(len(levels)) - 1
    assert test.p_value == pytest.approx(
        oracles_statistics.exact_p_value(lambda groups: oracles_statistics.pseudo_f(matrix, groups)[0], levels)
    )
    assert test.p_value >= test.smallest_p - 1e-12


@pytest.mark.parametrize("levels", [[0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1], [0, 1, 1, 1]])
def test_smallest_p_is_reached_by_separate_levels(levels):
    factor = make_factor("x", map(str, levels))
    matrix = pushed_apart(divergences(len(levels)), factor, 50.0)
    test = permanova(matrix, factor, n_permutations=999)
    assert test.p_value == pytest.approx(test.smallest_p)
    assert test.smallest_p == pytest.approx(1 / arrangements(levels))


def test_arrangements_count_what_matters():
    assert arrangements([0, 0, 1, 1]) == 3
    assert arrangements([0, 0, 1]) == 3
    assert arrangements([0, 1, 2]) == 1
    assert arrangements(np.arange(2000) % 3) > 1e100


def test_sampling_finds_a_strong_factor_like_enumeration():
    factor = make_factor("x", list("aaaabbbb"))
    matrix = pushed_apart(divergences(8), factor, 0.15)
    exact = permanova(matrix, factor, n_permutations=50_000)
    drawn = permanova(matrix, factor, n_permutations=9_999)
    assert exact.n_permutations == math.factorial(8) - 1
    assert drawn.n_permutations == 9_999
    assert drawn.p_value == pytest.approx(exact.p_value, abs=4 * np.sqrt(exact.p_value / 9_999))
    strong = pushed_apart(divergences(20), make_factor("x", ["a", "b"] * 10), 3.0)
    assert permanova(strong, make_factor("x", ["a", "b"] * 10)).p_value == 1 / 1000


@pytest.mark.parametrize("test", [permanova, permdisp])
def test_p_values_of_chance_are_uniform(test):
    """Labels without meaning: 400 p-values of 99 permutations each, against the uniform steps they can take."""
    random = np.random.default_rng(5)
    matrix = divergences(14)
    found = [
        test(matrix, make_factor("x", map(str, random.permutation([0] * 5 + [1] * 5 + [2] * 4))), n_permutations=99,
             seed=repeat).p_value
        for repeat in range(400)
    ]  # fmt: skip
    # Spread within their steps of 1/100, they must pass for uniform numbers.
    spread = np.array(found) - random.random(len(found)) / 100
    assert kstest(spread, "uniform").pvalue > 0.01
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.03)


def test_p_values_beyond_others_are_uniform_too():
    """A strong given factor, and labels without meaning that go along with it: residuals have to be permuted."""
    random = np.random.default_rng(6)
    given = make_factor("given", ["a"] * 9 + ["b"] * 9)
    found = []
    for repeat in range(300):
        points = random.normal(size=(18, 2)) + 6.0 * given.codes[:, None]
        squared = ((points[:, None] - points) ** 2).sum(axis=2)
        labels = np.where(random.random(18) < 0.75, given.codes, 1 - given.codes)
        test = permanova(squared, make_factor("x", map(str, labels)), given=[given], n_permutations=99, seed=repeat)
        if test.degrees:
            found.append(test.p_value)
    assert len(found) > 280
    spread = np.array(found) - random.random(len(found)) / 100
    assert kstest(spread, "uniform").pvalue > 0.01


def test_beyond_others_agrees_with_least_squares():
    random = np.random.default_rng(2)
    points = random.normal(size=(15, 4))
    squared = ((points[:, None] - points) ** 2).sum(axis=2)
    given, levels = random.integers(0, 3, 15), random.integers(0, 2, 15)
    test = permanova(squared, make_factor("x", map(str, levels)), given=[make_factor("g", map(str, given))])
    added, left = oracles_statistics.added_variation(points, np.eye(2)[levels][:, 1:], np.eye(3)[given][:, 1:])
    assert test.statistic == pytest.approx((added / 1) / (left / (15 - 4)), rel=1e-10)
    assert test.share == pytest.approx(added / ((points - points.mean(axis=0)) ** 2).sum(), rel=1e-10)


def scattered(n_units, levels, widths, rng, shift=0.0, n_axes=5):
    """Squared distances of normal points whose levels have the given widths, and means that lie apart by the shift."""
    points = rng.normal(size=(n_units, n_axes)) * np.asarray(widths)[levels][:, None]
    points[:, 0] += shift * levels
    return points, ((points[:, None] - points) ** 2).sum(axis=2)


@pytest.mark.parametrize("sizes", [(4, 9), (3, 5, 7), (2, 2, 3, 8)])
def test_unequal_levels_are_compared_by_welch(sizes):
    levels = np.repeat(np.arange(len(sizes)), sizes)
    points, squared = scattered(sum(sizes), levels, [1.0, 3.0, 0.5, 2.0], np.random.default_rng(3))
    test = permanova(squared, make_factor("x", map(str, levels)))
    assert test.statistic == pytest.approx(oracles_statistics.welch(points, levels.tolist()), rel=1e-9)


def test_spread_agrees_with_distances_from_the_mean():
    levels = np.repeat([0, 1, 2], [4, 6, 5])
    points, squared = scattered(15, levels, [1.0, 2.0, 1.0], np.random.default_rng(4))
    spread = oracles_statistics.spreads(points, levels.tolist())
    groups = [spread[levels == level] for level in range(3)]
    assert permdisp(squared, make_factor("x", map(str, levels))).statistic == pytest.approx(f_oneway(*groups).statistic)


def test_a_wide_small_level_is_no_difference():
    """F would reject in about half of these studies; what is wrong with them is said by the test of spread."""
    rng, levels = np.random.default_rng(7), np.repeat([0, 1], [6, 18])
    factor = make_factor("x", map(str, levels))
    tests = [
        (permanova(squared, factor, n_permutations=99).p_value, permdisp(squared, factor, n_permutations=99).p_value)
        for _, squared in (scattered(24, levels, [3.0, 1.0], rng) for _ in range(200))
    ]
    apart, wide = (np.array(tests) <= 0.05).mean(axis=0)
    assert apart < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    assert wide > 0.95


def test_strata_give_exact_tests_beyond_a_strong_factor():
    """A confounded label without meaning: uniform within strata, and found where it has a meaning."""
    rng = np.random.default_rng(8)
    given = np.repeat([0, 1], 16)
    found, planted = [], []
    for repeat in range(300):
        labels = np.where(rng.random(32) < 0.75, given, 1 - given)
        points, squared = scattered(32, given, [1.0, 1.0], rng, shift=8.0)
        factor, other = make_factor("x", map(str, labels)), make_factor("g", map(str, given))
        settings = {"given": [other], "strata": strata_of([other], 32), "n_permutations": 99, "seed": repeat}
        found.append(permanova(squared, factor, **settings).p_value)
        points[:, 1] += 2.5 * labels
        moved = ((points[:, None] - points) ** 2).sum(axis=2)
        planted.append(permanova(moved, factor, **settings).p_value)
    spread = np.array(found) - rng.random(len(found)) / 100
    assert kstest(spread, "uniform").pvalue > 0.01
    assert np.mean(np.array(planted) <= 0.05) > 0.8


def test_strata_keep_units_in_their_places():
    codes = np.array([2, 0, 2, 1, 0, 0, 1])
    for orders in (permutations(7, 10_000, 0, codes), permutations(7, 20, 0, codes)):
        assert (codes[orders] == codes).all()
        assert (np.sort(orders, axis=1) == np.arange(7)).all()
    assert len(set(map(tuple, permutations(7, 10_000, 0, codes).tolist()))) == 2 * 6 * 2 - 1


def test_arrangements_within_strata_are_enumerated():
    rng = np.random.default_rng(9)
    for _ in range(20):
        codes, strata = rng.integers(0, 3, 6), rng.integers(0, 2, 6)
        orders = permutations(6, 10_000, 0, strata)
        seen = {tuple(codes), *(tuple(codes[order]) for order in orders)}
        names = [dict(zip(range(3), renamed, strict=True)) for renamed in itertools.permutations(range(3))]
        classes = {frozenset(tuple(name[code] for code in labels) for name in names) & seen for labels in seen}
        assert arrangements(codes, strata) == len(classes)


def test_shares_by_chance_are_those_of_free_labels():
    factor = make_factor("x", list("abcde") * 6)
    test = permanova(divergences(30), factor, n_permutations=1999)
    assert test.chance_share == pytest.approx(4 / 29, rel=0.03)
    assert test.omega_squared < test.share
    rng = np.random.default_rng(10)
    omegas = []
    for _ in range(200):
        _, squared = scattered(30, factor.codes, np.ones(5), rng)
        omegas.append(permanova(squared, factor, n_permutations=9).omega_squared)
    assert np.mean(omegas) == pytest.approx(0.0, abs=4 * np.std(omegas) / np.sqrt(200))


def test_power_is_that_of_simulated_tests():
    """Of one coordinate, it is the power of a two-sided t-test."""
    rng = np.random.default_rng(11)
    values = rng.normal(size=16)
    gram = centred((values[:, None] - values) ** 2, [])
    assert power(gram, 15, 0.0) == pytest.approx(0.05, abs=0.04)
    critical = student.ppf(0.975, 14)
    expected = 1 - nct.cdf(critical, 14, 1.5 * np.sqrt(4)) + nct.cdf(-critical, 14, 1.5 * np.sqrt(4))
    assert power(gram, 15, 1.5) == pytest.approx(expected, abs=0.09)
    flat = centred(((rng.normal(size=(16, 9))[:, None] - rng.normal(size=(16, 9))) ** 2).sum(axis=2), [])
    assert power(flat, 15, 1.5) < power(gram, 15, 1.5)


def test_a_factor_fixed_by_others_has_no_share():
    rate = make_factor("rate", [1, 2, 3, 4] * 3)
    optimizer = make_factor("optimizer", list("aabb") * 3)
    test = permanova(divergences(12), optimizer, given=[rate])
    assert test.degrees == 0
    assert test.share == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(test.p_value)


def test_few_units_are_permuted_in_every_way():
    orders = permutations(5, 500, 0)
    assert len(set(map(tuple, orders.tolist()))) == 5 * 4 * 3 * 2 - 1
    assert not (orders == np.arange(5)).all(axis=1).any()
    assert (np.sort(permutations(8, 50, 0), axis=1) == np.arange(8)).all()


def test_results_do_not_depend_on_chunks_or_order(monkeypatch):
    factor = make_factor("x", list("aabbccaabb"))
    matrix = pushed_apart(divergences(10), factor, 0.1)
    whole = permanova(matrix, factor)
    monkeypatch.setattr(permanova_module, "CHUNK_ELEMENTS", 1)
    found = permanova(matrix, factor)
    assert found.p_value == whole.p_value
    assert found.statistic == pytest.approx(whole.statistic, rel=1e-12)
    order = np.random.default_rng(0).permutation(10)
    turned = make_factor("x", np.array(list("aabbccaabb"))[order].tolist())
    assert permanova(matrix[np.ix_(order, order)], turned).statistic == pytest.approx(whole.statistic)


def test_nothing_to_test_is_said_and_not_significant():
    zero, same = np.zeros((6, 6)), make_factor("x", ["a"] * 6)
    two_levels = make_factor("x", list("aabbab"))
    assert np.isnan(permanova(zero, two_levels).p_value)
    assert np.isnan(permdisp(zero, two_levels).p_value)
    assert np.isnan(permanova(divergences(6), same).p_value)
    assert np.isnan(permdisp(divergences(6), same).p_value)
    names = make_factor("name", list("abcdef"))
    assert np.isnan(permanova(divergences(6), names).p_value)
    pair = np.array([[0.0, 1.0], [1.0, 0.0]])
    found = permanova(pair, make_factor("rate", [0.1, 0.2]))
    assert np.isnan(found.p_value)
    assert found.smallest_p >= 0.5
    assert np.isnan(permdisp(pair, make_factor("rate", [0.1, 0.2])).p_value)
    assert np.isnan(permanova(np.zeros((1, 1)), make_factor("x", [1])).p_value)
    assert np.isnan(permdisp(divergences(5), make_factor("x", list("aaabb"))).p_value), "a level of two has no spread"


def test_holm_agrees_with_its_steps():
    assert holm([0.01, 0.04, 0.03, np.nan]).tolist()[:3] == pytest.approx([0.03, 0.06, 0.06])
    assert np.isnan(holm([0.01, np.nan])[1])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert len(holm([])) == 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(engine.InvalidSpecError, match="square"):
        permanova(np.zeros((2, 3)), make_factor("x", [1, 2]))
    with pytest.raises(engine.InvalidSpecError, match="x must have a value for each of the 3 units, received 2"):
        permdisp(np.zeros((3, 3)), make_factor("x", [1, 2]))


def test_it_stops_when_cancelled():
    def gone():
        raise engine.JobCancelled("gone")

    for test in (permanova, permdisp):
        with pytest.raises(engine.JobCancelled):
            test(divergences(9), make_factor("x", list("aabbccabc")), check=gone)
