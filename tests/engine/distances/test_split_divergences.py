"""Laws of every divergence, and of the split divergences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import engine
from engine.distances import divergences as split_divergences
from engine.distances import pairwise, split
from engine.distances.distance_store import DistanceStore
from engine.distances.kernels.logarithm import logarithm
from engine.distances.pairwise import pairwise_distances
from engine.distances.table import DIVERGENCES, find_divergence
from engine.trajectories.geodesics import on_geodesic
from tests import families, oracles
from tests.engine.distances.test_divergences import ADVERSARIES
from tests.stub_study import StubStudy, select

SPLIT = [key for key, divergence in DIVERGENCES.items() if not divergence.is_packed]
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
FISHER_SHARES = {
    "bhattacharyya": 1 / 8,
    "hellinger": 1 / 8,
    "symmetrised_kl": 1,
    "jensen_shannon": 1 / 8,
    "fisher_rao": 1 / 4,
}
"""Of the squared Fisher length, for models that are close."""


def with_certainties():
    """Scattered models, two truths that disagree, and the first of them again."""
    models = families.dirichlet_cloud(12, 9, 5)
    labels = np.arange(9) % 5
    certain = np.stack([families.one_hot(labels, 5), families.one_hot((labels + (np.arange(9) > 4)) % 5, 5)])
    return np.concatenate([models, certain, certain[:1]])


@pytest.fixture(params=DIVERGENCES)
def key(request):
    return request.param


@pytest.fixture(params=SPLIT)
def split_key(request):
    return request.param


def test_table_says_everything_of_every_divergence():
    assert set(DIVERGENCES) == set(oracles.PER_SAMPLE)
    for key, row in DIVERGENCES.items():
        assert row.key == key
        assert all([row.title, row.short, row.unit, row.reference, row.caps.endswith(".")])
        assert row.formula.startswith("D = ")
    with pytest.raises(engine.InvalidSpecError, match="jensen_shannon"):
        find_divergence("jensen-shannon")


@pytest.mark.parametrize("adversary", ADVERSARIES)
def test_values_agree_with_the_oracle_near_ones_relatively(split_key, adversary):
    models = ADVERSARIES[adversary]().astype(np.float32)[:30]
    exact = oracles.divergence(split_key, models)
    values = pairwise_distances(models, divergence=split_key, device="cpu").values
    errors = np.abs(values - exact)
    assert errors.max() <= 1e-10
    judged = exact >= 1e-12
    assert judged.any()
    assert (errors[judged] / exact[judged]).max() <= 1e-6


def test_certainties_are_finite_and_right(key):
    models = with_certainties()
    distances = pairwise_distances(models, divergence=key)
    assert np.isfinite(distances.values).all()
    assert distances.values == pytest.approx(oracles.divergence(key, models), abs=1e-6)
    assert distances.values[-1, -3] == 0


def test_values_are_symmetric_nonnegative_and_zero_for_equals(key):
    models = families.dirichlet_cloud(70)
    values = pairwise_distances(np.concatenate([models, models]), divergence=key).values
    assert np.array_equal(values, values.T)
    assert (values >= 0).all()
    assert not np.diagonal(values).any()
    assert not np.diagonal(values, 70).any()


@pytest.mark.parametrize("family", [families.dirichlet_cloud, families.near_twins, with_certainties])
def test_only_tabulated_divergences_have_negative_eigenvalues(key, family):
    eigenvalues, _ = oracles.eigenpairs(pairwise_distances(family(), divergence=key).values)
    lowest = eigenvalues.min() / eigenvalues.max()
    if not DIVERGENCES[key].can_be_negative:
        assert lowest > -1e-12
    elif family is families.dirichlet_cloud:
        assert lowest < -1e-4


def test_embedded_signatures_agree_with_the_table(key):
    signature = engine.embed(pairwise_distances(families.dirichlet_cloud(40), divergence=key), 39).signature
    assert (signature < 0).any() == DIVERGENCES[key].can_be_negative


@pytest.mark.parametrize("key", FISHER_SHARES)
def test_near_models_have_the_tabulated_fisher_share(key):
    models = families.near_twins(2, 60, 5)
    p = oracles.probabilities(models[0])
    step = p * 1e-5 * np.random.default_rng(0).standard_normal(p.shape)
    step -= p * step.sum(axis=1, keepdims=True)
    pair = np.log(np.stack([p, p + step]))
    fisher = (step**2 / p).sum(axis=1).mean()
    value = pairwise_distances(pair, divergence=key).values[0, 1]
    assert value == pytest.approx(FISHER_SHARES[key] * fisher, rel=2e-4)


def test_hellinger_is_half_the_squared_root_distance():
    models = families.dirichlet_cloud(25)
    assert pairwise_distances(models, divergence="hellinger").values == pytest.approx(
        oracles.hellinger(models), abs=1e-14
    )


def test_hellinger_embeddings_are_principal_components_of_roots():
    models = families.dirichlet_cloud(40, 9, 5)
    roots = np.sqrt(oracles.probabilities(models)).reshape(40, -1)
    squared = np.linalg.svd(roots - roots.mean(axis=0), compute_uv=False) ** 2 / (2 * 9)
    embedding = engine.embed(pairwise_distances(models, divergence="hellinger"), 20)
    assert embedding.eigenvalues == pytest.approx(squared[:20], rel=1e-10)
    assert (embedding.signature == 1).all()


def test_symmetrised_kl_of_coins_has_opposite_axes():
    p = np.linspace(0.05, 0.95, 11)
    distances = pairwise_distances(families.coins(), divergence="symmetrised_kl")
    embedding = engine.embed(distances, 4)
    assert embedding.eigenvalues[:2] == pytest.approx([4.98176310, -0.03539957], abs=5e-9)
    assert np.abs(embedding.eigenvalues[2:]).max(initial=0.0) < 1e-12
    space, time = ((p + sign * np.log(p / (1 - p))) / 2 for sign in (1, -1))
    expected = (space[:, None] - space) ** 2 - (time[:, None] - time) ** 2
    assert distances.values == pytest.approx(expected, abs=1e-13)


def test_symmetrised_kl_of_dice_has_opposite_axes():
    dice = np.log(np.random.default_rng(0).dirichlet(np.ones(5), size=(30, 1)))
    eigenvalues, _ = oracles.eigenpairs(pairwise_distances(dice, divergence="symmetrised_kl").values)
    assert [(eigenvalues > 1e-10).sum(), (eigenvalues < -1e-10).sum()] == [4, 4]


def test_symmetrised_kl_counts_capped_samples_once_per_pair():
    models = np.concatenate([families.tiny_probabilities(15, 20, 6), families.dirichlet_cloud(5, 20, 6)])
    n_capped = pairwise_distances(models, divergence="symmetrised_kl").n_capped
    assert n_capped == oracles.count_capped_logarithms(models)
    assert 0 < n_capped < 20 * 190
    rectangle = pairwise_distances(models[:15], models[15:], divergence="symmetrised_kl")
    square = pairwise_distances(models[15:], divergence="symmetrised_kl")
    assert square.n_capped == 0
    assert rectangle.n_capped + pairwise_distances(models[:15], divergence="symmetrised_kl").n_capped == n_capped


def test_truth_is_as_far_as_each_divergence_allows():
    ends = engine.geodesic(np.arange(7) % 10, 10, [0.0, 1.0])
    expected = {
        "bhattacharyya": 0.5 * np.log(10),
        "hellinger": 1 - np.sqrt(0.1),
        "symmetrised_kl": 0.9 * np.log(10) + 9 * 0.1 * (63 * np.log(2) - np.log(10)),
        "jensen_shannon": 0.5 * (np.log(1 / 0.55) + 0.1 * np.log(0.1 / 0.55) + 0.9 * np.log(2)),
        "fisher_rao": np.arccos(np.sqrt(0.1)) ** 2,
        "euclidean": 0.9,
    }
    for key, value in expected.items():
        distances = pairwise_distances(ends, divergence=key)
        assert distances.values[0, 1] == pytest.approx(value, rel=1e-12)
        assert distances.n_capped == (7 if key == "symmetrised_kl" else 0)


def test_values_do_not_depend_on_blocks_or_order(split_key, monkeypatch):
    models = np.concatenate([families.training_family(4, 10)[0], families.near_twins(6, 30, 10).astype(np.float32)])
    order = np.random.default_rng(0).permutation(len(models))
    whole = pairwise_distances(models, divergence=split_key).values
    monkeypatch.setattr(pairwise, "BLOCK_MODELS", 17)
    monkeypatch.setattr(split, "PART_BYTES", 32 * 10 * 34 * 7)
    monkeypatch.setattr(split, "NEAR_BYTES", 3000)
    parts = pairwise_distances(models[order], divergence=split_key).values
    assert np.abs(parts - whole[np.ix_(order, order)]).max() < 1e-12


@pytest.mark.parametrize("axis", [1, 2])
def test_values_ignore_sample_and_class_order_and_repeats(key, axis):
    models = families.dirichlet_cloud(20)
    values = pairwise_distances(models, divergence=key).values
    shuffled = np.random.default_rng(1).permutation(models.shape[axis])
    again = pairwise_distances(np.take(models, shuffled, axis=axis), divergence=key).values
    repeated = pairwise_distances(np.concatenate([models, models], axis=1), divergence=key).values
    assert again == pytest.approx(values, abs=1e-6)
    assert repeated == pytest.approx(values, abs=1e-6)


def test_a_rectangle_is_part_of_the_square_renormalised(key):
    models = families.dirichlet_cloud(30)
    square = pairwise_distances(models, divergence=key).values
    rectangle = pairwise_distances(models[:11], models[11:] + 0.004, divergence=key)
    assert rectangle.values == pytest.approx(square[:11, 11:], abs=1e-6)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("family", [families.dirichlet_cloud, families.tiny_probabilities, with_certainties])
def test_torch_measures_what_numba_does(split_key, family, device, monkeypatch):
    models = family()
    expected = pairwise_distances(models, divergence=split_key, device="cpu").values
    monkeypatch.setattr(split_divergences, "_is_numpy", lambda device: False)
    monkeypatch.setattr(split_divergences, "DEVICE_BYTES", 8 * len(models) ** 2 * 4)
    assert np.abs(pairwise_distances(models, divergence=split_key, device=device).values - expected).max() < 1e-12


def test_invalid_distributions_are_refused_with_their_place(split_key):
    models = families.dirichlet_cloud(6)
    with pytest.raises(engine.InvalidPredictionsError, match="row of model 0, sample 0 sums to"):
        pairwise_distances(np.exp(models), divergence=split_key)
    with pytest.raises(engine.InvalidPredictionsError, match="other must be natural logarithms"):
        pairwise_distances(models, np.full_like(models, np.nan), divergence=split_key)


def test_progress_is_told_and_cancelling_stops(split_key, monkeypatch):
    monkeypatch.setattr(pairwise, "BLOCK_MODELS", 8)
    models, seen = families.dirichlet_cloud(20), []
    pairwise_distances(models, divergence=split_key, progress=seen.append)
    assert seen[-1] == 1.0
    assert len(seen) == 6
    with pytest.raises(engine.JobCancelled):
        pairwise_distances(models, divergence=split_key, cancelled=lambda: True)


def test_logarithm_agrees_with_the_library():
    random = np.random.default_rng(0)
    for x in [*random.uniform(0, 2, 300), *10.0 ** random.uniform(-300, 300, 300), 1.0, np.finfo(float).tiny]:
        assert logarithm(x) == pytest.approx(np.log(x), rel=4e-15, abs=4e-15)
    assert 0.0 * logarithm(0.0) == 0.0


def test_the_store_keeps_divergences_apart_computing_missing_ones(key, tmp_path):
    study, store = StubStudy(), DistanceStore(tmp_path, device="cpu")
    first = study.run_ids[:2]
    models = np.concatenate([study.models[run_id] for run_id in study.run_ids])
    expected = pairwise_distances(models, divergence=key)
    assert store.missing(select(study, first), divergence=key) == 5 * 5 + 7 * 7 + 5 * 7
    store.matrix(select(study, first), divergence=key)
    assert store.missing(select(study, first), divergence=key) == 0
    assert store.missing(select(study), divergence=key) == 4 * 4 + 6 * 6 + 4 * 6 + 10 * 12
    assert all(store.missing(select(study, first), divergence=other) for other in DIVERGENCES if other != key)
    grown = store.matrix(select(study), divergence=key)
    assert grown.divergence == key
    assert grown.values == pytest.approx(expected.values, rel=1e-5, abs=1e-6)
    assert np.array_equal(grown.values, grown.values.T)
    ends = on_geodesic(study, "train", [0.0, 0.5, 1.0])
    rows = store.references(select(study, first), ends, divergence=key)
    points = engine.geodesic(study.splits["train"].labels, study.n_classes, [0.0, 0.5, 1.0])
    assert rows.values == pytest.approx(pairwise_distances(points, models[:12], divergence=key).values, rel=1e-5)
    assert (rows.n_capped > 0) == (key == "symmetrised_kl")
