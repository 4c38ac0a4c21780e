"""Laws of the tests by permutation: against loops, complete enumeration, and chance itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest

import engine
from engine import permutation_tests
from engine.factors import differences, make_factor
from engine.permutation_tests import arrangements, holm, mantel, permanova, permutations
from tests import families, oracles, oracles_statistics


def divergences(n_units, seed=0):
    """Bhattacharyya distances of scattered models: the centred matrix has negative eigenvalues."""
    matrix = oracles.bhattacharyya(families.dirichlet_cloud(n_units, n_samples=2, n_classes=3, seed=seed))
    if n_units >= 8:
        assert np.linalg.eigvalsh(oracles.centred(matrix)).min() < -1e-3
    return matrix


def pushed_apart(matrix, factor, amount):
    return matrix + amount * matrix.mean() * differences(factor)


@pytest.mark.parametrize("levels", [[0, 0, 0, 0, 1, 1, 1, 1], [0, 1, 2, 0, 0, 2, 0, 1], [0, 1, 1, 1, 1, 1, 1, 1]])
def test_pseudo_f_agrees_with_sums_over_pairs(levels):
    matrix = divergences(8)
    test = permanova(matrix, make_factor("x", map(str, levels)), n_permutations=10)
    assert (test.statistic, test.share) == pytest.approx(oracles_statistics.pseudo_f(matrix, levels), rel=1e-10)
    assert test.degrees == len(set(levels)) - 1


def test_total_variation_is_the_trace_of_the_centred_matrix():
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


def test_mantel_agrees_with_the_correlation_over_pairs():
    matrix = divergences(9)
    for factor in (make_factor("x", list("aabbbccca")), make_factor("rate", np.geomspace(1, 9, 9))):
        expected = oracles_statistics.mantel_correlation(matrix, differences(factor))
        assert mantel(matrix, factor, n_permutations=10).statistic == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("levels", [[0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1]])
def test_small_sets_are_enumerated_and_agree_with_enumeration(levels):
    matrix = divergences(len(levels), seed=3)
    factor = make_factor("x", map(str, levels))
    matrix = pushed_apart(matrix, factor, 0.3)
    test = permanova(matrix, factor, n_permutations=999)
    assert test.is_exact
    assert test.p_value == pytest.approx(
        oracles_statistics.exact_p_value(lambda groups: oracles_statistics.pseudo_f(matrix, groups)[0], levels)
    )
    pairs = mantel(matrix, factor, n_permutations=999)
    assert pairs.p_value == pytest.approx(
        oracles_statistics.exact_p_value(
            lambda groups: oracles_statistics.mantel_correlation(matrix, np.not_equal.outer(groups, groups) * 1.0),
            levels,
        )
    )
    assert min(test.p_value, pairs.p_value) >= test.smallest_p - 1e-12


@pytest.mark.parametrize("levels", [[0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1], [0, 1, 1, 1]])
def test_smallest_p_is_reached_where_levels_lie_far_apart(levels):
    factor = make_factor("x", map(str, levels))
    matrix = pushed_apart(divergences(len(levels)), factor, 50.0)
    test = permanova(matrix, factor, n_permutations=999)
    assert test.p_value == pytest.approx(test.smallest_p)
    assert test.smallest_p == pytest.approx(1 / arrangements(levels))


def test_arrangements_count_what_matters():
    assert arrangements([0, 0, 1, 1]) == 3
    assert arrangements([0, 0, 1]) == 3
    assert arrangements([0, 1, 2]) == 1
    assert arrangements([0, 1, 0, 1], blocks=[0, 0, 1, 1]) == 4
    assert arrangements(np.arange(2000) % 3) > 1e100


def test_a_strong_factor_is_found_and_sampling_agrees_with_enumeration():
    factor = make_factor("x", list("aaaabbbb"))
    matrix = pushed_apart(divergences(8), factor, 0.15)
    exact = permanova(matrix, factor, n_permutations=50_000)
    drawn = permanova(matrix, factor, n_permutations=9_999)
    assert exact.is_exact
    assert not drawn.is_exact
    assert drawn.p_value == pytest.approx(exact.p_value, abs=4 * np.sqrt(exact.p_value / 9_999))
    strong = pushed_apart(divergences(20), make_factor("x", ["a", "b"] * 10), 3.0)
    assert permanova(strong, make_factor("x", ["a", "b"] * 10)).p_value == 1 / 1000
    assert mantel(strong, make_factor("x", ["a", "b"] * 10)).p_value == 1 / 1000


@pytest.mark.parametrize("test", [permanova, mantel])
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


def test_what_others_fix_has_no_share_of_its_own():
    rate = make_factor("rate", [1, 2, 3, 4] * 3)
    optimizer = make_factor("optimizer", list("aabb") * 3)
    test = permanova(divergences(12), optimizer, given=[rate])
    assert test.degrees == 0
    assert test.share == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(test.p_value)


def test_blocks_keep_units_among_themselves():
    blocks = [0, 0, 0, 1, 1, 2, 1, 1]
    orders, is_exact = permutations(8, 500, 0, blocks)
    assert is_exact
    assert len(orders) == 6 * 24 - 1
    assert (np.array(blocks)[orders] == blocks).all()
    drawn, is_exact = permutations(8, 50, 0, blocks)
    assert not is_exact
    assert (np.array(blocks)[drawn] == blocks).all()
    assert (np.sort(drawn, axis=1) == np.arange(8)).all()
    factor = make_factor("x", list("abababab"))
    matrix = divergences(8)
    within = permanova(matrix, factor, blocks=blocks, n_permutations=200)
    assert within.n_permutations == 143
    assert within.p_value * 144 == pytest.approx(round(within.p_value * 144))


def test_nothing_depends_on_the_chunks_or_the_order_of_units(monkeypatch):
    factor = make_factor("x", list("aabbccaabb"))
    matrix = pushed_apart(divergences(10), factor, 0.1)
    whole = permanova(matrix, factor), mantel(matrix, factor)
    monkeypatch.setattr(permutation_tests, "CHUNK_ELEMENTS", 1)
    monkeypatch.setattr(permutation_tests, "CHUNK_PERMUTATIONS", 3)
    assert (permanova(matrix, factor), mantel(matrix, factor)) == whole
    order = np.random.default_rng(0).permutation(10)
    turned = make_factor("x", np.array(list("aabbccaabb"))[order].tolist())
    assert permanova(matrix[np.ix_(order, order)], turned).statistic == pytest.approx(whole[0].statistic)


def test_nothing_to_test_is_said_and_not_significant():
    zero, same = np.zeros((6, 6)), make_factor("x", ["a"] * 6)
    two_levels = make_factor("x", list("aabbab"))
    assert np.isnan(permanova(zero, two_levels).p_value)
    assert np.isnan(mantel(zero, two_levels).p_value)
    assert np.isnan(permanova(divergences(6), same).p_value)
    assert np.isnan(mantel(divergences(6), same).p_value)
    names = make_factor("name", list("abcdef"))
    assert np.isnan(permanova(divergences(6), names).p_value)
    pair = np.array([[0.0, 1.0], [1.0, 0.0]])
    for test in (permanova, mantel):
        found = test(pair, make_factor("rate", [0.1, 0.2]))
        assert np.isnan(found.p_value)
        assert found.smallest_p >= 0.5
    assert np.isnan(mantel(np.zeros((1, 1)), make_factor("x", [1])).p_value)


def test_holm_agrees_with_its_steps():
    assert holm([0.01, 0.04, 0.03, np.nan]).tolist()[:3] == pytest.approx([0.03, 0.06, 0.06])
    assert np.isnan(holm([0.01, np.nan])[1])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert len(holm([])) == 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(engine.InvalidSpecError, match="square"):
        permanova(np.zeros((2, 3)), make_factor("x", [1, 2]))
    with pytest.raises(engine.InvalidSpecError, match="x must have a value for each of the 3 units, received 2"):
        mantel(np.zeros((3, 3)), make_factor("x", [1, 2]))
    with pytest.raises(engine.InvalidSpecError, match="blocks"):
        permanova(divergences(6), make_factor("x", list("aabbab")), blocks=[0, 1])


def test_it_stops_when_nobody_waits():
    def gone():
        raise engine.JobCancelled("gone")

    for test in (permanova, mantel):
        with pytest.raises(engine.JobCancelled):
            test(divergences(9), make_factor("x", list("aabbccaab")), check=gone)
