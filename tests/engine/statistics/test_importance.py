"""Laws of the importance of hyperparameters, with planted answers."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.statistics import importance as importance_module
from engine.statistics.factors import aliased_groups, make_factor
from engine.statistics.importance import LEAST_CONFIGURATIONS, N_CHANCE, grow_forest, importance, pair_features
from tests.oracles_statistics import differences

N = 24
ARCHITECTURE = make_factor("architecture", list("abcd") * 6)
RATE = make_factor("rate", [0.1, 0.1, 0.01, 0.01, 0.1, 0.001] * 4)
DECAY = make_factor("decay", [0.0, 1e-4, 0.0] * 8)


def noise(scale, seed=0):
    random = np.random.default_rng(seed).random((N, N))
    matrix = scale * (random + random.T)
    np.fill_diagonal(matrix, 0.0)
    return matrix


def test_features_say_which_values_meet_in_either_order():
    factors = [make_factor("x", ["u", "v", "u"]), make_factor("rate", [1.0, 1.0, 100.0]), make_factor("d", [0, 2, 2])]
    own = np.repeat(np.arange(3)[:, None], 3, axis=1)
    found = pair_features(factors, own, [0, 0, 1], [1, 2, 2])
    half = np.log(10.0)
    expected = [[1, 1, 1, 0, 0, 2, 1], [0, 2, 0, 2 * half, half, 2, 1], [1, 1, 1, 2 * half, half, 0, 2]]
    assert found == pytest.approx(np.array(expected))
    assert np.array_equal(pair_features(factors, own, [1, 2, 2], [0, 0, 1]), found)
    borrowed = own.copy()
    borrowed[0] = [1, 2, 0]
    assert pair_features(factors, borrowed, [0], [1])[0] == pytest.approx([0, 0, 2, 2 * half, half, 2, 1])


def test_a_forest_learns_what_its_kind_learns():
    """Against scikit-learn's own with the same settings: as good on new rows, up to chance."""
    from sklearn.ensemble import RandomForestRegressor

    random = np.random.default_rng(0)
    features = random.integers(0, 3, (600, 6)).astype(float)
    target = features[:, 0] * features[:, 1] + 0.3 * features[:, 2] + 0.1 * random.normal(size=600)
    ours = grow_forest(features[:400], target[:400], np.random.default_rng(1))(features[400:])
    theirs = RandomForestRegressor(100, min_samples_leaf=3, max_features=1 / 3, random_state=0)
    theirs = theirs.fit(features[:400], target[:400]).predict(features[400:])
    variance = target[400:].var()
    errors = [((answer - target[400:]) ** 2).mean() / variance for answer in (ours, theirs)]
    assert errors[0] == pytest.approx(errors[1], abs=0.02)
    assert errors[0] < 0.1


def test_only_deciding_hyperparameters_have_importance():
    matrix = differences(ARCHITECTURE) + 0.4 * differences(RATE) + noise(0.02)
    found = importance(matrix, [ARCHITECTURE, RATE, DECAY], n_repeats=12)
    architecture, rate, decay = np.quantile(found.drops, 0.5, axis=0)
    assert found.scores.mean() > 0.8
    assert architecture > 3 * rate > 0.1
    assert abs(decay) < 0.02
    assert (np.quantile(found.drops[:, :2], 0.025, axis=0) > 0).all()


@pytest.mark.full
def test_hyperparameters_that_matter_together_only_are_found():
    other = make_factor("x", ["u", "v", "v"] * 8)
    decay = make_factor("decay", [0.0, 1e-4] * 12)
    matrix = differences(decay) * differences(other)
    found = importance(matrix, [decay, other, ARCHITECTURE], n_repeats=12)
    assert found.scores.mean() > 0.8
    assert (found.drops.mean(axis=0)[:2] > 0.3).all()


def test_configurations_held_out_are_never_seen():
    """Distances by heart: each configuration has a name and a height of its own, which helps with known ones only."""
    height = np.random.default_rng(3).random(N)
    matrix = height[:, None] + height
    np.fill_diagonal(matrix, 0.0)
    names = make_factor("name", [f"run {place}" for place in range(N)])
    found = importance(matrix, [names], n_repeats=12)
    # A split whose held-out pairs happen to lie near the mean scores above zero without being known.
    assert np.median(found.scores) < 0.2
    assert np.abs(found.drops).max() < 0.2
    assert found.n_held_out == 8


def test_noise_cannot_be_predicted():
    found = importance(noise(1.0), [ARCHITECTURE, RATE], n_repeats=12)
    assert found.scores.mean() < 0.0


def test_a_shuffled_perfect_predictor_loses_twice_the_variance(monkeypatch):
    """Independent draws of one distribution are two variances apart in the mean square: R^2 goes from 1 to -1."""

    def perfect(features, target, random):
        known = dict(zip(features[:, 0], target, strict=True))
        assert np.array_equal([known[differ] for differ in features[:, 0]], target)
        assert len(target) == 16 * 15 // 2
        return lambda asked: np.array([known[differ] for differ in asked[:, 0]])

    monkeypatch.setattr(importance_module, "grow_forest", perfect)
    # Of rows dealt out anew nothing is perfect.
    monkeypatch.setattr(importance_module, "N_CHANCE", 0)
    found = importance(differences(ARCHITECTURE), [ARCHITECTURE, RATE], n_repeats=40)
    assert (found.scores == 1.0).all()
    assert found.drops[:, 0].mean() == pytest.approx(2.0, abs=0.2)
    assert (found.drops[:, 1] == 0.0).all()


@pytest.mark.full
def test_twins_share_importance_and_are_shuffled_together_too():
    twin = make_factor("twin", [{"a": "A", "b": "B", "c": "C", "d": "D"}[x] for x in list("abcd") * 6])
    factors = [ARCHITECTURE, twin, RATE]
    groups = aliased_groups(factors)
    found = importance(differences(ARCHITECTURE) + noise(0.02), factors, groups, n_repeats=12)
    assert found.groups == ((0,), (1,), (2,), (0, 1))
    first, second, _, both = found.drops.mean(axis=0)
    assert both > 1.5 > max(first, second)


def test_same_question_same_answer_whatever_the_chunks(monkeypatch):
    matrix = differences(ARCHITECTURE) + noise(0.1)
    whole = importance(matrix, [ARCHITECTURE, RATE], n_repeats=3)
    # The first repeats do not depend on how many follow, nor on who runs them.
    monkeypatch.setattr(importance_module, "run_all", lambda calls: [function(*args) for function, args in calls])
    again = importance(matrix, [ARCHITECTURE, RATE], n_repeats=4)
    assert np.array_equal(whole.drops, again.drops[:3])
    assert np.array_equal(whole.scores, again.scores[:3])


def test_equal_trainings_have_no_importance():
    found = importance(np.zeros((N, N)), [ARCHITECTURE], n_repeats=2)
    assert (found.drops == 0).all()
    assert (found.scores == 0).all()


def test_what_cannot_be_answered_is_refused():
    few = LEAST_CONFIGURATIONS - 1
    with pytest.raises(engine.SelectionError, match=f"at least {LEAST_CONFIGURATIONS} of them, received {few}"):
        importance(np.zeros((few, few)), [make_factor("x", range(few))])
    with pytest.raises(engine.InvalidSpecError, match=r"received \[3\] values"):
        importance(noise(1.0), [make_factor("x", [1, 2, 3])])
    with pytest.raises(engine.InvalidSpecError, match="at least one"):
        importance(noise(1.0), [])
    with pytest.raises(engine.InvalidSpecError, match="square"):
        importance(np.zeros((9, 8)), [ARCHITECTURE])


def test_it_stops_when_cancelled():
    def gone(fraction):
        if fraction > 0:
            raise engine.JobCancelled("gone")

    with pytest.raises(engine.JobCancelled):
        importance(noise(1.0), [ARCHITECTURE], n_repeats=4, check=gone)


@pytest.mark.full
def test_chance_seldom_passes_its_own_mark():
    factors, passed = [ARCHITECTURE, RATE, DECAY], []
    for seed in range(6):
        found = importance(1 + noise(0.2, seed), factors, n_repeats=7, seed=seed)
        assert found.by_chance.shape == (N_CHANCE, 3)
        passed += (np.median(found.drops, axis=0) > found.by_chance.max(axis=0)).tolist()
    # 18 bars, one in twenty each at most: four of them or fewer in 998 of 1,000 such tests.
    assert sum(passed) <= 4


def test_what_decides_passes_the_mark_of_chance():
    matrix = differences(ARCHITECTURE) + noise(0.2)
    found = importance(matrix, [ARCHITECTURE, RATE, DECAY], n_repeats=7)
    above = np.median(found.drops, axis=0) > found.by_chance.max(axis=0)
    assert above[0]
    # Dealt out together, hyperparameters lose their effect and keep what goes with what.
    assert np.abs(np.median(found.by_chance, axis=0)).max() < 0.2 < np.median(found.drops[:, 0])
