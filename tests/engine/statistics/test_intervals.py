"""Laws of confidence intervals: textbook cases, loops, and what has none."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from scipy import stats

import engine
from engine.distances import bhattacharyya
from engine.statistics.intervals.differences import between_minus_within, strata_leaving_pairs
from engine.statistics.intervals.jackknife import INVERSE_CUBE_ROOT, LOGARITHM, LOGIT, PLAIN, jackknife
from engine.statistics.intervals.means import mean_of_each, mean_over_configurations, mean_over_seeds
from engine.statistics.intervals.sample_groups import N_GROUPS, GroupedDistances, deal, left_out_shares
from engine.statistics.intervals.spectra import (
    LEAST_BLOCKS,
    MOST_BLOCKS,
    blocks_of,
    spectra_without_blocks,
    spectra_without_samples,
)
from engine.trajectories.mean_distance import between_groups
from engine.values import Distances
from tests import families, oracles

RNG = np.random.default_rng(3)


def squared(points):
    return ((points[:, None] - points) ** 2).sum(axis=-1)


def numbers(interval):
    return [float(interval.estimate), float(interval.low), float(interval.high)]


def without_each(function, n_units):
    return np.array([function(np.delete(np.arange(n_units), unit)) for unit in range(n_units)])


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_of_a_mean_it_is_students_interval(level):
    values = RNG.normal(size=9)
    found = jackknife(values.mean(), (values.sum() - values) / 8, level=level)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(level)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-10)


def test_of_two_means_it_is_welchs_interval():
    one, other = RNG.normal(size=7), 3.0 * RNG.normal(size=12)
    left_out = [
        *without_each(lambda kept: one[kept].mean() - other.mean(), 7),
        *without_each(lambda kept: one.mean() - other[kept].mean(), 12),
    ]
    found = jackknife(one.mean() - other.mean(), left_out, [0] * 7 + [1] * 12)
    low, high = stats.ttest_ind(one, other, equal_var=False).confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-10)


@pytest.mark.parametrize("scale", [PLAIN, LOGARITHM, LOGIT, INVERSE_CUBE_ROOT])
def test_scales_lead_back_and_keep_estimates_inside(scale):
    values = np.linspace(0.05, 0.95, 9)
    assert scale.back(scale.forward(values)) == pytest.approx(values)
    assert (np.diff(scale.forward(values)) > 0).all()
    found = jackknife(values, values + 0.01 * RNG.normal(size=(8, 9)), scale=scale)
    assert ((found.low < values) & (values < found.high)).all()


def test_no_interval_where_nothing_varies_or_ends():
    same = jackknife(np.array([0.2, 0.0]), np.full((6, 2), [0.2, 0.0]))
    assert np.isnan([same.low, same.high]).all()
    rounded = jackknife(0.2, 0.2 + 1e-12 * RNG.normal(size=6))
    assert np.isnan(rounded.low)
    wild = jackknife(1.0, np.array([0.2, 0.9, 1.4, 1.9]), scale=INVERSE_CUBE_ROOT)
    assert np.isnan([wild.low, wild.high]).all()
    assert np.isnan(jackknife(0.999, [1.0, 0.99, 0.98, 0.97], scale=LOGIT).high)


def test_means_over_configurations_leave_each_out():
    levels = np.repeat([0, 1, 2], [4, 5, 3])
    distances = squared(RNG.normal(size=(12, 3)))
    for one, other in ((0, 0), (0, 1)):
        pairs = (levels[:, None] == one) & (levels == other)
        pairs |= pairs.T
        units = np.flatnonzero(pairs.any(axis=1))

        def mean(kept, mask=pairs):
            rows, columns = np.triu_indices(len(kept), 1)
            chosen = mask[np.ix_(kept, kept)][rows, columns]
            return distances[np.ix_(kept, kept)][rows, columns][chosen].mean()

        left_out = [mean(np.delete(np.arange(12), unit)) for unit in units]
        expected = jackknife(mean(np.arange(12)), left_out, levels[units], scale=INVERSE_CUBE_ROOT)
        found = mean_over_configurations(distances, pairs, levels)
        assert numbers(found) == pytest.approx(numbers(expected))
        assert found.low < found.estimate < found.high
    few = mean_over_configurations(distances, (levels[:, None] == 2) & (levels == 2), levels)
    assert np.isfinite(few.estimate)
    assert np.isnan(few.low), "three configurations are too few"


def test_means_over_seeds_leave_each_run_out():
    codes = np.array([0, 0, 1, 1, 1, 2, 2])
    runs = squared(np.array([[0.0, 0], [3, 0], [0, 4]])[codes] + RNG.normal(size=(7, 2)))
    pairs = ~np.eye(3, dtype=bool)

    def mean(kept):
        return between_groups(runs[np.ix_(kept, kept)], codes[kept])[np.triu_indices(3, 1)].mean()

    expected = jackknife(mean(np.arange(7)), without_each(mean, 7), codes, scale=INVERSE_CUBE_ROOT)
    found = mean_over_seeds(runs, codes, pairs)
    assert numbers(found) == pytest.approx(numbers(expected))
    single = mean_over_seeds(runs[:5, :5], codes[:5], ~np.eye(2, dtype=bool))
    assert np.isnan(single.low), "three runs free to vary are too few"


def test_differences_are_squared_distances_of_means():
    """Of points, between minus within is the squared distance of the means without its bias."""
    levels, strata = np.tile([0, 1], 8), np.repeat([0, 1], 8)
    points = RNG.normal(size=(16, 3)) + 5.0 * strata[:, None] * [0, 1, 0]
    (found,) = between_minus_within(squared(points), levels, strata)
    expected = 0.0
    for stratum in (0, 1):
        one, other = (points[(strata == stratum) & (levels == level)] for level in (0, 1))
        bias = sum(part.var(axis=0, ddof=1).sum() / len(part) for part in (one, other))
        expected += 0.5 * (((one.mean(axis=0) - other.mean(axis=0)) ** 2).sum() - bias)
    assert found.estimate == pytest.approx(expected)
    assert found.low < found.estimate < found.high
    assert (found.n_strata, found.n_units) == (2, 16)


def test_of_far_levels_the_variance_is_the_jackknifes():
    levels = np.repeat([0, 1], [12, 15])
    points = RNG.normal(size=(27, 2)) + 30.0 * levels[:, None]
    matrix = squared(points)

    def difference(kept):
        (one,) = between_minus_within(matrix[np.ix_(kept, kept)], levels[kept], 0 * kept)
        return one.estimate

    expected = jackknife(difference(np.arange(27)), without_each(difference, 27), levels, scale=LOGARITHM)
    (found,) = between_minus_within(matrix, levels, np.zeros(27))
    assert numbers(found) == pytest.approx(numbers(expected), rel=0.01)


def test_levels_that_never_meet_are_pooled_and_said():
    levels, strata = np.array([0, 0, 1, 1, 0, 0, 2, 2, 3]), np.array([0, 0, 0, 0, 1, 1, 1, 1, 1])
    found = between_minus_within(squared(RNG.normal(size=(9, 3))), levels, strata)
    by_pair = {(one.first, one.second): one for one in found}
    assert set(by_pair) == {(0, 1), (0, 2), (1, 2)}, "a level of one has no distance within"
    assert by_pair[0, 1].n_strata == by_pair[0, 2].n_strata == 1
    assert by_pair[1, 2].n_strata == 0
    assert np.isnan(by_pair[1, 2].low), "two free configurations are too few"
    alike = between_minus_within(np.zeros((8, 8)), np.tile([0, 1], 4), np.zeros(8))
    assert alike[0].estimate == 0.0
    assert np.isnan(alike[0].low)


def test_strata_leave_pairs_in_a_factorial():
    size, architecture, rate = np.array(list(itertools.product(range(2), range(3), range(4)))).T
    strata, taken = strata_leaving_pairs(size, [architecture, rate])
    assert taken == [0], "with the rate as well every stratum has one of a kind"
    assert len(np.unique(strata)) == 3
    assert strata_leaving_pairs(size, [np.arange(24), rate])[1] == [1]
    assert strata_leaving_pairs(size, [])[0].tolist() == [0] * 24


def test_means_of_each_need_four():
    assert np.isnan(mean_of_each([1.0, 2.0, 3.0]).low)
    found = mean_of_each([1.0, 2.0, 3.0, 2.0])
    assert found.low < found.estimate == 2.0 < found.high


def test_configurations_are_blocks_with_all_seeds():
    codes = np.repeat(np.arange(12), 2)
    blocks = blocks_of(codes)
    assert (blocks[::2] == blocks[1::2]).all()
    assert len(np.unique(blocks)) == 12
    many = blocks_of(np.arange(3 * MOST_BLOCKS + 1))
    assert set(np.bincount(many)) == {3, 4}
    with pytest.raises(engine.SelectionError, match="is one: select more"):
        blocks_of([0, 0, 0])
    with pytest.raises(engine.SelectionError, match=f"at least {LEAST_BLOCKS} of them, and here are 7"):
        blocks_of(np.arange(7))


def test_spectra_agree_with_embedding_the_rest():
    models, _ = families.training_family(4, 8, n_samples=12)
    values = engine.pairwise_distances(models).values
    blocks = np.repeat([0, 1, 2, 3], [8, 6, 8, 10])
    found = spectra_without_blocks(Distances(values, "bhattacharyya", 0, "cpu"), blocks, 4)
    for block in range(4):
        rest = blocks != block
        embedding = engine.embed(values[np.ix_(rest, rest)], 4)
        assert found.left_out_stress[block] == pytest.approx(embedding.explained_stress, abs=1e-4)
        assert found.left_out_eigenvalues[block] == pytest.approx(embedding.eigenvalues * 32 / rest.sum(), rel=1e-3)


def test_spectra_agree_with_embedding_other_samples():
    models, _ = families.training_family(4, 8, n_samples=24)
    groups = deal(24, 24)
    found = spectra_without_samples(GroupedDistances(models, groups), left_out_shares(groups), 5)
    whole = engine.embed(oracles.bhattacharyya(models), 5)
    assert found.eigenvalues == pytest.approx(whole.eigenvalues, rel=1e-4)
    assert (whole.eigenvalues < 0).any()
    for group in range(0, 24, 5):
        embedding = engine.embed(oracles.bhattacharyya(models[:, groups != group]), 5)
        assert found.left_out_eigenvalues[group] == pytest.approx(embedding.eigenvalues, abs=1e-4)
        assert found.left_out_stress[group] == pytest.approx(embedding.explained_stress, abs=1e-4)


def test_parts_of_lower_rank_have_no_interval():
    models = families.coins([0.1, 0.1, 0.1, 0.5, 0.8, 0.9])
    values = Distances(engine.pairwise_distances(models).values, "bhattacharyya", 0, "cpu")
    found = spectra_without_blocks(values, [0, 0, 0, 1, 1, 1], 3)
    assert (found.left_out_eigenvalues[1] == 0).all()
    assert (found.left_out_stress[1] == 1).all()
    assert np.isnan(found.modulus_interval().low).all()
    assert np.isnan(found.stress_interval().low).all()


def test_samples_are_dealt_evenly_and_at_random():
    groups = deal(103, 10)
    sizes = np.bincount(groups)
    assert sizes.sum() == 103
    assert set(sizes) == {10, 11}
    assert not np.array_equal(groups, np.sort(groups))
    assert np.array_equal(groups, deal(103, 10))
    assert not np.array_equal(groups, deal(103, 10, seed=1))
    assert np.array_equal(np.sort(deal(7, N_GROUPS)), np.arange(7))


@pytest.mark.parametrize("family", [families.dirichlet_cloud, families.near_twins, families.tiny_probabilities])
def test_mixtures_are_distances_over_the_other_groups(family):
    models = family(9)
    groups = np.arange(models.shape[1]) % 8
    found = [square.copy() for square in GroupedDistances(models, groups).mixtures(left_out_shares(groups))]
    for group, square in enumerate(found):
        expected = oracles.bhattacharyya(models[:, groups != group])
        assert np.abs(square - expected).max() < 2e-6 * max(1.0, expected.max())
        assert np.array_equal(square, square.T)
        assert not np.diagonal(square).any()


def test_all_groups_once_are_all_samples():
    models = families.dirichlet_cloud(9, n_samples=21)
    grouped = GroupedDistances(models, deal(21, 6))
    assert grouped.whole() == pytest.approx(oracles.bhattacharyya(models), abs=1e-6)


def test_models_certain_of_wrong_classes_are_handled():
    truth, wrong = families.one_hot([0, 1, 2, 0], 3), families.one_hot([1, 2, 0, 1], 3)
    models = np.concatenate([np.stack([truth, wrong]), families.dirichlet_cloud(3, 4, 3)])
    whole = GroupedDistances(models, deal(4, 4)).whole()
    assert whole == pytest.approx(engine.pairwise_distances(models).values, rel=1e-6)


def root(rows, columns):
    """A divergence that is no mean over samples."""
    values, capped = bhattacharyya.bhattacharyya(rows, columns)
    return np.sqrt(values), capped


def test_a_divergence_that_is_no_mean_is_refused(monkeypatch):
    row = engine.DIVERGENCES["bhattacharyya"]
    monkeypatch.setitem(engine.DIVERGENCES, "root", dataclasses.replace(row, key="root", function=root))
    with pytest.raises(engine.InvalidSpecError, match="root is none"):
        GroupedDistances(families.dirichlet_cloud(5), deal(9, 3), "root")


def test_data_that_cannot_vary_or_fit_are_refused():
    with pytest.raises(engine.InvalidSpecError, match="at least 2 samples"):
        deal(1)
    with pytest.raises(engine.SelectionError, match="the probe set has 7: let configurations"):
        left_out_shares(deal(7))
    with pytest.raises(engine.MemoryBudgetError, match="fewer checkpoints"):
        GroupedDistances(families.dirichlet_cloud(40), deal(9, 3), memory=1000)
    with pytest.raises(engine.InvalidSpecError, match="level must be between"):
        jackknife(0.0, [1.0, 2.0], level=1.0)
    with pytest.raises(engine.InvalidSpecError, match="a value per unit"):
        jackknife([0.0], [1.0, 2.0])
    with pytest.raises(engine.InvalidSpecError, match="no pair is of this kind"):
        mean_over_configurations(np.zeros((2, 2)), np.eye(2), [0, 1])
    with pytest.raises(engine.InvalidSpecError, match="a stratum each"):
        between_minus_within(np.zeros((2, 2)), [0, 1], [0])


def test_it_stops_when_cancelled():
    def gone(fraction):
        raise engine.JobCancelled("gone")

    models = families.dirichlet_cloud(6)
    groups = deal(9, 9)
    with pytest.raises(engine.JobCancelled):
        GroupedDistances(models, groups, check=gone)
    with pytest.raises(engine.JobCancelled):
        spectra_without_samples(GroupedDistances(models, groups), left_out_shares(groups), check=gone)
