"""Matched train and test samples."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.statistics.matching import concatenated, gaps, match_samples, within_train
from tests import families, oracles

TRAIN = np.repeat([0, 1, 3], [9, 6, 8])
TEST = np.repeat([3, 0, 1], [7, 12, 6])


@pytest.mark.parametrize("by_difficulty", [False, True])
def test_samples_are_matched_once_each_within_their_class(by_difficulty):
    random = np.random.default_rng(0)
    difficulty = (random.random(23), random.random(25)) if by_difficulty else None
    matching = match_samples(TRAIN, TEST, 5, difficulty=difficulty)
    assert len(set(matching.train.tolist())) == len(set(matching.test.tolist())) == len(matching.labels) == 22
    assert np.array_equal(TRAIN[matching.train], matching.labels)
    assert np.array_equal(TEST[matching.test], matching.labels)
    assert matching.counts.tolist() == [[9, 12, 9], [6, 6, 6], [0, 0, 0], [8, 7, 7], [0, 0, 0]]
    assert not matching.is_balanced
    assert not matching.keeps_shares


def test_difficulty_pairs_the_easiest_with_the_easiest():
    random = np.random.default_rng(1)
    hard_train, hard_test = random.random(23), random.random(25)
    matching = match_samples(TRAIN, TEST, 5, difficulty=(hard_train, hard_test))
    for label in (0, 1, 3):
        slots = matching.labels == label
        assert (np.diff(hard_train[matching.train[slots]]) > 0).all()
        assert (np.diff(hard_test[matching.test[slots]]) > 0).all()


def test_seeds_draw_other_pairs_of_the_same_kind():
    one, same, other = (match_samples(TRAIN, TEST, 5, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one.test, same.test)
    assert not np.array_equal(one.test, other.test)
    assert np.array_equal(one.counts, other.counts)


def test_balance_is_noticed():
    matching = match_samples(np.arange(40) % 4, np.arange(20) % 4, 4)
    assert matching.is_balanced
    assert matching.keeps_shares


def test_one_class_can_be_matched():
    assert len(match_samples(np.zeros(9, dtype=int), np.zeros(6, dtype=int), 2).labels) == 6


@pytest.mark.parametrize("by_rank", [False, True])
def test_train_samples_are_paired_within_their_class(by_rank):
    matching = match_samples(TRAIN, TEST, 5)
    null = within_train(matching, by_rank=by_rank)
    assert np.array_equal(TRAIN[null.test], matching.labels)
    assert sorted(null.test.tolist()) == sorted(matching.train.tolist())
    assert (null.test != null.train).all()


def test_by_rank_train_samples_are_paired_with_neighbours():
    matching = match_samples(TRAIN, TEST, 5, difficulty=(np.arange(23), np.arange(25)))
    null = within_train(matching, by_rank=True)
    rank = {sample: slot for slot, sample in enumerate(matching.train.tolist())}
    distances = [abs(rank[a] - rank[b]) for a, b in zip(null.train.tolist(), null.test.tolist(), strict=True)]
    assert max(distances) == 2
    assert distances.count(2) == 2


def test_gaps_agree_with_distances_of_matched_samples():
    train, test = families.dirichlet_cloud(6, n_samples=23), families.dirichlet_cloud(6, n_samples=25, seed=1)
    matching = match_samples(TRAIN, TEST, 5)
    expected = np.diagonal(oracles.bhattacharyya(train[:, matching.train], test[:, matching.test]))
    assert gaps(train, test, matching) == pytest.approx(expected, abs=1e-6)


def test_a_class_only_model_has_no_gap():
    answers = families.normalised(np.random.default_rng(0).normal(size=(3, 5, 5)))
    matching = match_samples(TRAIN, TEST, 5)
    assert gaps(answers[:, TRAIN], answers[:, TEST], matching) == pytest.approx(np.zeros(3), abs=1e-15)


def test_truth_and_ignorance_are_equal_on_both_sides():
    matching = match_samples(TRAIN, TEST, 5)
    train, test = (
        np.stack([np.full((len(labels), 5), -np.log(5)), families.one_hot(labels, 5)]) for labels in (TRAIN, TEST)
    )
    assert gaps(train, test, matching) == pytest.approx([0.0, 0.0], abs=1e-15)


def test_concatenated_distances_are_those_of_both_probe_sets():
    train, test = families.dirichlet_cloud(7, n_samples=9), families.dirichlet_cloud(7, n_samples=4, seed=1)
    both = concatenated(oracles.bhattacharyya(train), oracles.bhattacharyya(test), 9, 4)
    assert both == pytest.approx(oracles.bhattacharyya(np.concatenate([train, test], axis=1)), abs=1e-12)


def test_label_sets_that_do_not_match_are_refused():
    names = ("cat", "dog", "owl", "fox", "elk")
    with pytest.raises(engine.SelectionError, match="class 'fox' has 8 samples in train and none in test"):
        match_samples(TRAIN, TEST[TEST != 3], 5, class_names=names)
    with pytest.raises(engine.SelectionError, match="class 3 has 7 samples in test and none in train"):
        match_samples(TRAIN[TRAIN != 3], TEST, 5)
    with pytest.raises(engine.SelectionError, match="at least 5 samples in either, and class 1 has 4 in train"):
        match_samples(TRAIN[[*range(13), *range(15, 23)]], TEST, 5)
    with pytest.raises(engine.InvalidSpecError, match=r"0\.\.2, received 0\.\.3"):
        match_samples(TRAIN, TEST, 3)
    with pytest.raises(engine.InvalidSpecError, match="integers"):
        match_samples(TRAIN + 0.5, TEST, 5)
    with pytest.raises(engine.InvalidSpecError, match="one number per train sample"):
        match_samples(TRAIN, TEST, 5, difficulty=(np.zeros(3), np.zeros(25)))
