"""Laws of the bootstrap: replicates, and spread against theory."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import engine
from engine.distances import bhattacharyya
from engine.statistics.bootstrap import (
    N_GROUPS,
    GroupedDistances,
    Replicates,
    deal,
    draw_groups,
    draw_runs,
    sample_spectra,
    seed_spectra,
)
from engine.values import Distances
from tests import families, oracles


def test_samples_are_dealt_evenly_and_at_random():
    groups = deal(103, 10)
    sizes = np.bincount(groups)
    assert sizes.sum() == 103
    assert set(sizes) == {10, 11}
    assert not np.array_equal(groups, np.sort(groups))
    assert np.array_equal(groups, deal(103, 10))
    assert not np.array_equal(groups, deal(103, 10, seed=1))
    assert np.array_equal(np.sort(deal(7, N_GROUPS)), np.arange(7))


def test_groups_are_drawn_with_replacement_weighed_by_size():
    groups = deal(23, 5)
    shares = draw_groups(groups, 200)
    assert shares.sum(axis=1) == pytest.approx(1.0)
    counts = shares / np.bincount(groups)
    counts = counts / counts.sum(axis=1, keepdims=True) * 5
    assert counts == pytest.approx(counts.round(), abs=1e-9)
    assert (counts == 0).any()
    assert shares.mean(axis=0) == pytest.approx(np.bincount(groups) / 23, abs=0.05)


@pytest.mark.parametrize("family", [families.dirichlet_cloud, families.near_twins, families.tiny_probabilities])
def test_replicates_are_distances_of_repeated_samples(family):
    models = family(9)
    groups = deal(models.shape[1], 4)
    shares = draw_groups(groups, 3)
    found = [square.copy() for square in GroupedDistances(models, groups).mixtures(shares)]
    for square, row in zip(found, shares, strict=True):
        # Groups as integer numbers of copies, by the slow road.
        counts = np.rint(row / np.bincount(groups) / (row / np.bincount(groups)).max() * 12).astype(int)
        repeated = np.concatenate([np.repeat(np.flatnonzero(groups == g), counts[g]) for g in range(4)])
        expected = oracles.bhattacharyya(models[:, repeated])
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
    groups = deal(4, 4)
    whole = GroupedDistances(models, groups).whole()
    assert whole == pytest.approx(engine.pairwise_distances(models).values, rel=1e-6)


def test_spectra_agree_with_embedding_repeated_samples():
    models, _ = families.training_family(4, 8, n_samples=24)
    groups = deal(24, 24)
    shares = draw_groups(groups, 4, seed=3)
    spectra = sample_spectra(GroupedDistances(models, groups), shares, 5)
    whole = engine.embed(oracles.bhattacharyya(models), 5)
    assert spectra.eigenvalues.estimate == pytest.approx(whole.eigenvalues, rel=1e-4)
    assert (whole.eigenvalues < 0).any()
    for replicate, row in enumerate(shares):
        repeated = np.repeat(np.arange(24), np.rint(row[groups] * 24).astype(int))
        embedding = engine.embed(oracles.bhattacharyya(models[:, repeated]), 5)
        assert spectra.eigenvalues.draws[replicate] == pytest.approx(embedding.eigenvalues, abs=1e-4)
        assert spectra.explained_stress.draws[replicate] == pytest.approx(embedding.explained_stress, abs=1e-4)


def test_spread_over_groups_is_that_of_single_samples():
    """Against the standard error of a mean, s / sqrt(N): the deal's luck is about 11 % of it."""
    models = families.dirichlet_cloud(2, n_samples=2000)
    p = oracles.probabilities(models)
    each = -np.log(np.sqrt(p[0] * p[1]).sum(axis=1))
    expected = each.std(ddof=1) / np.sqrt(2000)
    spreads = []
    for seed in range(20):
        groups = deal(2000, N_GROUPS, seed)
        grouped = GroupedDistances(models, groups)
        spreads.append(np.std([square[0, 1] for square in grouped.mixtures(draw_groups(groups, 400, seed))]))
    assert np.sqrt(np.mean(np.square(spreads))) == pytest.approx(expected * np.sqrt(39 / 40), rel=0.06)


@pytest.mark.full
def test_bands_cover_the_truth_at_their_level():
    """The distance of two models over a population of samples, in bands of 95 % from 200 of them."""
    random = np.random.default_rng(11)
    covered = 0
    population = random.normal(size=(2, 4000, 3))
    everyone = families.normalised(population)
    p = oracles.probabilities(everyone)
    truth = -np.log(np.sqrt(p[0] * p[1]).sum(axis=1)).mean()
    for repeat in range(150):
        chosen = random.choice(4000, 200, replace=False)
        groups = deal(200, N_GROUPS, repeat)
        grouped = GroupedDistances(everyone[:, chosen], groups)
        values = np.array([square[0, 1] for square in grouped.mixtures(draw_groups(groups, 200, repeat))])
        low, high = Replicates(np.array(grouped.whole()[0, 1]), values).band()
        covered += bool(low <= truth <= high)
    assert 0.88 <= covered / 150 <= 0.99


def test_runs_are_drawn_within_their_configuration():
    drawn = draw_runs([0, 0, 0, 1, 2, 2], 300)
    codes = np.array([0, 0, 0, 1, 2, 2])
    assert (codes[drawn] == codes).all()
    assert (drawn[:, 3] == 3).all()
    assert len({tuple(row) for row in drawn[:, :3].tolist()}) == 27


def test_seed_spectra_agree_with_embedding_the_drawn_runs():
    models, _ = families.training_family(4, 8, n_samples=12)
    values = engine.pairwise_distances(models).values
    counts = [8, 6, 8, 10]
    drawn = np.array([[0, 1, 2, 3], [1, 1, 3, 3], [2, 2, 2, 2]])
    spectra = seed_spectra(Distances(values, "bhattacharyya", 0, "cpu"), counts, drawn, 4)
    starts = np.cumsum(counts) - counts
    for replicate, runs in enumerate(drawn):
        rows = np.concatenate([np.arange(starts[run], starts[run] + counts[run]) for run in runs])
        embedding = engine.embed(values[np.ix_(rows, rows)], 4)
        assert spectra.eigenvalues.draws[replicate] == pytest.approx(embedding.eigenvalues, abs=1e-4)
        assert spectra.explained_stress.draws[replicate] == pytest.approx(embedding.explained_stress, abs=1e-4)
    assert spectra.eigenvalues.draws[0] == pytest.approx(spectra.eigenvalues.estimate, rel=1e-5)


def test_replicates_of_lower_rank_are_filled_with_nothing():
    models = families.coins([0.1, 0.5, 0.8, 0.9])
    values = Distances(engine.pairwise_distances(models).values, "bhattacharyya", 0, "cpu")
    spectra = seed_spectra(values, [1, 1, 1, 1], np.array([[0, 0, 1, 1], [2, 2, 2, 2]]), 3)
    assert spectra.eigenvalues.draws.shape == (2, 3)
    assert (spectra.eigenvalues.draws[0, 1:] == 0).all()
    assert (spectra.eigenvalues.draws[1] == 0).all()
    assert (spectra.explained_stress.draws[1] == 1).all()


def test_bands_and_bias_are_percentiles_and_mean():
    values = np.arange(101.0)[:, None] + np.array([0.0, 1000.0])
    found = Replicates(np.array([40.0, 1050.0]), values)
    low, high = found.band(0.9)
    assert low == pytest.approx([5.0, 1005.0])
    assert high == pytest.approx([95.0, 1095.0])
    assert found.bias.tolist() == [10.0, 0.0]


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
    with pytest.raises(engine.MemoryBudgetError, match="fewer checkpoints"):
        GroupedDistances(families.dirichlet_cloud(40), deal(9, 3), memory=1000)


def test_it_stops_when_cancelled():
    def gone(fraction):
        raise engine.JobCancelled("gone")

    models = families.dirichlet_cloud(6)
    groups = deal(9, 3)
    with pytest.raises(engine.JobCancelled):
        GroupedDistances(models, groups, check=gone)
    with pytest.raises(engine.JobCancelled):
        sample_spectra(GroupedDistances(models, groups), draw_groups(groups, 2), check=gone)
