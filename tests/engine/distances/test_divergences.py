"""Laws of divergences between models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import engine
from engine.distances import pairwise, prepared
from engine.distances.pairwise import pairwise_distances
from engine.distances.table import DIVERGENCES
from tests import families, oracles

DIGITS = Path(__file__).resolve().parents[3] / "data" / "studies" / "digits"


def test_table_names_every_divergence_by_its_key():
    assert all(key == divergence.key for key, divergence in DIVERGENCES.items())
    assert all(d.title and d.unit and d.reference for d in DIVERGENCES.values())
    assert "bhattacharyya" in DIVERGENCES


@pytest.mark.parametrize("family", [families.dirichlet_cloud, families.near_twins, families.tiny_probabilities])
def test_distances_agree_with_the_oracle(family):
    models = family()
    assert np.abs(pairwise_distances(models).values - oracles.bhattacharyya(models)).max() < 1e-6


def test_the_matrix_is_symmetric_with_exact_zero_diagonal():
    values = pairwise_distances(families.dirichlet_cloud(150)).values
    assert np.array_equal(values, values.T)
    assert not np.diagonal(values).any()
    assert (values >= 0).all()


def test_equal_models_are_exactly_zero_apart():
    models = families.dirichlet_cloud(4)
    values = pairwise_distances(np.concatenate([models, models])).values
    assert not np.diagonal(values, 4).any()


def test_near_twins_keep_their_digits():
    models = families.near_twins(14, 40)
    exact = oracles.near_bhattacharyya(models)
    near = (exact >= 1e-8) & (exact <= 1e-2)
    assert (np.abs(pairwise_distances(models).values - exact)[near] / exact[near]).max() < 1e-4


def certain_and_nearly_certain():
    """One-hot models, and the same ones with 1e-30 to 1e-2 of doubt in every sample."""
    random = np.random.default_rng(4)
    certain = np.stack([families.one_hot(random.integers(0, 6, 40), 6) for _ in range(3)])
    doubts = np.log(np.geomspace(1e-30, 1e-2, 10))[:, None, None, None]
    return np.concatenate([certain, families.normalised(np.maximum(certain, doubts)).reshape(-1, 40, 6)])


def twins_of_certainty():
    """Over-confident models and ever smaller disturbances of their logits."""
    random = np.random.default_rng(5)
    logits = 20.0 * random.standard_normal((1, 60, 10))
    return families.normalised(logits + np.geomspace(1e-4, 30.0, 24)[:, None, None] * random.standard_normal((60, 10)))


def real_trajectories(split):
    study = engine.open_study(DIGITS)
    models = study.predictions(split, list(study.runs.index[::12])).log_probabilities
    return models[:: -(-len(models) // 70)]


ADVERSARIES = {
    "real trajectories, train": lambda: real_trajectories("train"),
    "real trajectories, test": lambda: real_trajectories("test"),
    "training": lambda: families.training_family()[0],
    "near twins": lambda: families.near_twins(30, 70),
    "near twins, one sample": lambda: families.near_twins(30, 1),
    "twins of certainty": twins_of_certainty,
    "certain and nearly certain": certain_and_nearly_certain,
    "down to 1e-30": families.tiny_probabilities,
    "scattered, 2 classes": lambda: families.dirichlet_cloud(30, 41, 2),
    "scattered, 1500 classes": lambda: families.dirichlet_cloud(12, 7, 1500, 0.05),
    "twins, 2 classes": lambda: families.near_twins(20, 30, 2),
    "twins, 1200 classes": lambda: families.near_twins(12, 5, 1200),
}


@pytest.mark.parametrize("adversary", ADVERSARIES)
def test_every_distance_is_right_absolutely_and_relatively(adversary):
    models = ADVERSARIES[adversary]().astype(np.float32)
    with np.errstate(divide="ignore"):
        far, near = oracles.bhattacharyya(models), oracles.near_bhattacharyya(models)
    exact = np.where(far < 1e-2, near, far)
    errors = np.abs(pairwise_distances(models, device="cpu").values - exact)
    assert errors.max() <= 1e-6
    judged = exact >= 1e-8
    assert judged.any()
    assert (errors[judged] / exact[judged]).max() <= 1e-4


def test_insufficient_memory_is_named_before_any_work(monkeypatch):
    models = families.dirichlet_cloud(40)
    monkeypatch.setattr(prepared, "prepare", None)
    with pytest.raises(engine.MemoryBudgetError, match="distances of 40 models to 40 takes about"):
        pairwise_distances(models, memory=8 * 40 * 40)
    with pytest.raises(engine.MemoryBudgetError, match="distances of 10 models to 30"):
        pairwise_distances(models[:10], models[10:], memory=8 * 10 * 30)


def test_coins_are_minus_log_cosine_apart():
    p = np.linspace(0.05, 0.95, 11)
    angles = np.arccos(np.sqrt(p))
    expected = -np.log(np.cos(angles[:, None] - angles))
    assert np.abs(pairwise_distances(families.coins()).values - expected).max() < 1e-6


@pytest.mark.parametrize("n_classes", [2, 10, 100])
def test_truth_is_half_log_c_from_ignorance(n_classes):
    ends = engine.geodesic(np.arange(8) % n_classes, n_classes, [0.0, 1.0])
    distances = pairwise_distances(ends)
    assert distances.values[0, 1] == pytest.approx(0.5 * np.log(n_classes), rel=1e-14)
    assert distances.n_capped == 0


@pytest.mark.parametrize("scale", [1.0, 30.0, 3000.0])
def test_distance_to_truth_is_half_the_cross_entropy(scale):
    # At 3000 the smallest probabilities are exp(-6000): no float holds them, their logarithms are exact.
    labels = np.arange(20) % 10
    models = families.normalised(scale * np.random.default_rng(0).uniform(-1, 1, (5, 20, 10)))
    truth = families.one_hot(labels, 10)[None]
    cross_entropy = -models[:, np.arange(20), labels].mean(axis=1)
    for distances in (pairwise_distances(models, truth), pairwise_distances(truth, models)):
        assert distances.values.ravel() == pytest.approx(0.5 * cross_entropy, rel=1e-12)
        assert distances.n_capped == 0
    square = pairwise_distances(np.concatenate([models, truth])).values
    assert square[5, :5] == pytest.approx(0.5 * cross_entropy, rel=1e-12)


def test_truths_that_disagree_are_capped_and_counted():
    models = np.stack([families.one_hot([0, 1, 2], 4), families.one_hot([0, 1, 3], 4)])
    distances = pairwise_distances(models)
    assert distances.n_capped == 1
    assert distances.values[0, 1] == pytest.approx(63 * np.log(2) / 3, rel=1e-12)


def test_capped_overlaps_count_once_per_pair():
    models = families.normalised(150.0 * np.random.default_rng(0).standard_normal((20, 30, 3))).astype(np.float32)
    assert pairwise_distances(models).n_capped == oracles.count_capped(models)


def test_result_does_not_depend_on_the_blocks(monkeypatch):
    models = families.training_family(5, 13)[0]
    whole = pairwise_distances(models).values
    monkeypatch.setattr(pairwise, "BLOCK_MODELS", 17)
    monkeypatch.setattr(prepared, "PACK_BYTES", 5000)
    monkeypatch.setattr("engine.distances.kernels.near_pairs.BUFFER_BYTES", 3000)
    monkeypatch.setattr("engine.distances.kernels.near_pairs.PAIRS_PER_CALL", 3)
    assert np.abs(pairwise_distances(models).values - whole).max() < 1e-10


def test_float32_and_float64_predictions_agree():
    models = families.dirichlet_cloud(30, 20, 10)
    gap = pairwise_distances(models).values - pairwise_distances(models.astype(np.float32)).values
    assert np.abs(gap).max() < 1e-6


def test_rectangle_is_a_part_of_the_square():
    models = families.dirichlet_cloud(30)
    square, rectangle = pairwise_distances(models), pairwise_distances(models[:8], models[8:])
    assert np.abs(rectangle.values - square.values[:8, 8:]).max() < 1e-10


def test_permutations_of_models_samples_and_classes_leave_distances():
    random = np.random.default_rng(1)
    models = families.dirichlet_cloud(25)
    values = pairwise_distances(models).values
    order = random.permutation(25)
    assert np.abs(pairwise_distances(models[order]).values - values[np.ix_(order, order)]).max() < 1e-10
    assert np.abs(pairwise_distances(models[:, random.permutation(9)]).values - values).max() < 2e-7
    shuffled = np.stack([models[:, n, random.permutation(5)] for n in range(9)], axis=1)
    assert np.abs(pairwise_distances(shuffled).values - values).max() < 2e-7


def test_repeating_every_sample_leaves_distances():
    models = families.dirichlet_cloud(25)
    repeated = pairwise_distances(np.repeat(models, 3, axis=1)).values
    assert np.abs(repeated - pairwise_distances(models).values).max() < 2e-7


def test_progress_is_reported_and_cancelling_stops(monkeypatch):
    monkeypatch.setattr(pairwise, "BLOCK_MODELS", 8)
    models = families.dirichlet_cloud(20)
    fractions: list[float] = []
    pairwise_distances(models, progress=fractions.append)
    assert fractions == pytest.approx(np.arange(1, 7) / 6)
    seen: list[float] = []
    with pytest.raises(engine.JobCancelled):
        pairwise_distances(models, progress=seen.append, cancelled=lambda: len(seen) == 2)
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: m[0], r"\(model, sample, class\)"),
        (lambda m: m[:0], "none empty"),
        (lambda m: m[..., :1], "at least two classes"),
        (lambda m: m.astype(np.int64), "float32 or float64"),
        (lambda m: m.tolist(), "numpy array"),
        (lambda m: np.exp(m), "row of model 0, sample 0 sums to"),
        (lambda m: np.where(np.arange(5) == 2, np.nan, m), "sums to nan"),
        (lambda m: np.where(np.arange(5) == 2, np.inf, m), "sums to inf"),
    ],
)
def test_what_is_no_distribution_is_refused(spoil, message):
    with pytest.raises(engine.InvalidPredictionsError, match=message):
        pairwise_distances(spoil(families.dirichlet_cloud(6)))


def test_wrong_shapes_divergences_and_devices_are_refused():
    models = families.dirichlet_cloud(6)
    with pytest.raises(engine.InvalidPredictionsError, match="same samples and classes"):
        pairwise_distances(models, models[:, :4])
    with pytest.raises(engine.InvalidSpecError, match="bhattacharyya"):
        pairwise_distances(models, divergence="manhattan")
    with pytest.raises(engine.DeviceError, match="abacus"):
        pairwise_distances(models, device="abacus")
