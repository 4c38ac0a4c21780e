"""Laws of the weighted embedding, on divergences with negative eigenvalues."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.embedding.inpca import embed, project
from engine.embedding.weighted import embed_weighted
from engine.embedding.weights import WEIGHTINGS, model_weights
from tests import families, oracles
from tests import oracles_embeddings as slow


@pytest.fixture(scope="module")
def cloud():
    distances = oracles.bhattacharyya(families.dirichlet_cloud(24))
    assert (oracles.eigenpairs(distances)[0] < -1e-3).sum() > 3
    return distances


@pytest.fixture(scope="module")
def weights():
    return np.random.default_rng(5).uniform(0.1, 3.0, 24)


@pytest.fixture(scope="module")
def large():
    """float32 distances, as from disk, with too many models for all pairs at once."""
    models, _ = families.training_family(30, 14, n_samples=5)
    roots = np.sqrt(oracles.probabilities(models))
    distances = -np.log(np.einsum("isc,jsc->sij", roots, roots)).mean(axis=0)
    np.fill_diagonal(distances, 0.0)
    values = (0.5 * (distances + distances.T)).astype(np.float32)
    sums = engine.values.DistanceSums(values.sum(axis=1, dtype=float), float((values.astype(float) ** 2).sum()))
    return engine.Distances(values, "bhattacharyya", 0, "cpu", sums)


def same_axes(x, y):
    """y with the signs of x."""
    return y * np.sign((x * y).sum(axis=0))


def test_eigenpairs_agree_with_the_unsymmetric_problem(cloud, weights):
    embedding = embed_weighted(cloud, weights, 20)
    eigenvalues, vectors = slow.weighted_eigenpairs(cloud, weights)
    assert embedding.eigenvalues == pytest.approx(eigenvalues[:20], rel=1e-10)
    assert (embedding.eigenvalues < 0).sum() == 3
    expected = vectors[:, :20] * np.sqrt(np.abs(eigenvalues[:20]))
    assert same_axes(expected, embedding.coordinates) == pytest.approx(expected, abs=1e-9)


def test_all_components_reconstruct_the_distances(cloud, weights):
    embedding = embed_weighted(cloud, weights, 24)
    assert embedding.n_components == 23
    rebuilt = oracles.reconstructed(embedding.coordinates, embedding.signature)
    assert np.abs(rebuilt - cloud).max() < 1e-11


@pytest.mark.parametrize("k", [1, 2, 5, 23])
def test_closed_forms_agree_with_brute_force(cloud, weights, k):
    embedding = embed_weighted(cloud, weights, 24)
    frobenius, _, signed, stress = slow.weighted_explained(
        cloud, embedding.coordinates, embedding.signature, weights, k
    )
    assert embedding.explained_distance[k - 1] == pytest.approx(frobenius, abs=1e-7 if k == 23 else 1e-12)
    assert embedding.explained_variance[k - 1] == pytest.approx(signed, abs=1e-12)
    assert embedding.explained_stress[k - 1] == pytest.approx(stress, abs=1e-7 if k == 23 else 1e-12)


def test_norm_and_trace_agree_with_the_gram_matrix(cloud, weights):
    embedding = embed_weighted(cloud, weights, 3)
    w = weights / weights.sum()
    scaled = np.sqrt(np.outer(w, w)) * slow.weighted_gram(cloud, w)
    assert embedding.frobenius_norm == pytest.approx(np.linalg.norm(scaled), rel=1e-12)
    assert embedding.trace == pytest.approx(np.trace(scaled), rel=1e-12)
    assert np.abs(w @ embedding.coordinates).max() < 1e-14
    assert w @ embedding.coordinates**2 == pytest.approx(np.abs(embedding.eigenvalues), rel=1e-12)


def test_a_weight_of_k_is_k_equal_models(cloud):
    repeats = np.random.default_rng(1).integers(1, 4, len(cloud))
    copies = np.repeat(np.arange(len(cloud)), repeats)
    repeated = embed(cloud[np.ix_(copies, copies)], 8)
    weighted = embed_weighted(cloud, repeats, 8)
    assert weighted.eigenvalues * repeats.sum() == pytest.approx(repeated.eigenvalues, rel=1e-10)
    assert weighted.coordinates[copies] == pytest.approx(repeated.coordinates, abs=1e-9)
    assert weighted.explained_stress == pytest.approx(repeated.explained_stress, abs=1e-12)
    assert weighted.explained_distance == pytest.approx(repeated.explained_distance, abs=1e-12)


def test_equal_weights_are_the_plain_embedding(cloud):
    plain, weighted = embed(cloud, 8), embed_weighted(cloud, np.full(24, 7.0), 8)
    assert weighted.coordinates == pytest.approx(plain.coordinates, abs=1e-11)
    for name in ("explained_stress", "explained_variance", "explained_distance"):
        assert getattr(weighted, name) == pytest.approx(getattr(plain, name), abs=1e-12)


def test_the_scale_of_weights_does_not_matter(cloud, weights):
    reference = embed_weighted(cloud, weights, 6)
    for scale in (1e-300, 1e300):
        assert embed_weighted(cloud, scale * weights, 6).coordinates == pytest.approx(reference.coordinates, abs=1e-10)


@pytest.mark.parametrize("weight", [0.0, 1e-300, 1e-12])
def test_a_weight_of_nothing_is_a_projection(cloud, weight):
    weights = np.ones(24)
    weights[[3, 17]] = weight
    others = weights == 1
    fit = embed(cloud[np.ix_(others, others)], 6)
    embedding = embed_weighted(cloud, weights, 6)
    expected = np.empty((24, 6))
    expected[others], expected[~others] = fit.coordinates, project(fit, cloud[np.ix_(~others, others)])
    assert same_axes(expected, embedding.coordinates) == pytest.approx(expected, abs=1e-8)
    assert embedding.explained_stress == pytest.approx(fit.explained_stress, abs=1e-8)


def test_iteration_agrees_with_the_whole_solution(large):
    weights = np.repeat(np.random.default_rng(2).uniform(0.01, 1.0, 30), 14)
    weights[:14] = 0.0
    embedding = embed_weighted(large, weights, 12)
    distances = large.values.astype(np.float64)
    w = weights / weights.sum()
    scaled = -0.5 * slow.centred_with(distances, w)
    eigenvalues = np.linalg.eigvalsh(scaled)
    eigenvalues = eigenvalues[np.argsort(-np.abs(eigenvalues))]
    assert embedding.eigenvalues == pytest.approx(eigenvalues[:12], abs=1e-9 * eigenvalues[0])
    gram = slow.centred_with(distances, w)
    assert embedding.frobenius_norm == pytest.approx(0.5 * np.linalg.norm(gram), rel=1e-9)
    scaled_coordinates = np.sqrt(w)[:, None] * embedding.coordinates[:, :4]
    assert np.abs(scaled @ scaled_coordinates - scaled_coordinates * eigenvalues[:4]).max() < 1e-5 * eigenvalues[0]
    fit = embed(distances[14:, 14:], 4)
    assert np.isfinite(embedding.coordinates[:14]).all()
    assert fit.n_components == 4


def test_equal_weights_leave_the_iteration_what_it_was(large):
    plain, weighted = embed(large, 6), embed_weighted(large, np.ones(420), 6)
    assert weighted.coordinates[:, :4] == pytest.approx(plain.coordinates[:, :4], abs=2e-5)
    assert weighted.eigenvalues * 420 == pytest.approx(plain.eigenvalues, rel=1e-6)


def test_equal_models_have_no_axis():
    embedding = embed_weighted(np.zeros((5, 5)), np.ones(5))
    assert embedding.coordinates.shape == (5, 0)
    assert embedding.explained_distance.shape == (0,)


def test_schemes_share_weight_as_they_say():
    counts, configurations = [2, 3, 0, 5], [0, 0, 1, 2]
    assert set(WEIGHTINGS) == {"checkpoint", "run", "configuration"}
    assert model_weights("checkpoint", counts, configurations) == pytest.approx(np.full(10, 0.1))
    by_run = model_weights("run", counts, configurations)
    assert [by_run[:2].sum(), by_run[2:5].sum(), by_run[5:].sum()] == pytest.approx([1 / 3] * 3)
    by_configuration = model_weights("configuration", counts, configurations)
    assert [by_configuration[:2].sum(), by_configuration[2:5].sum(), by_configuration[5:].sum()] == pytest.approx(
        [0.25, 0.25, 0.5]
    )


def test_one_configuration_weighs_its_runs_alike():
    assert model_weights("configuration", [2, 4], [0, 0]) == pytest.approx(model_weights("run", [2, 4], [0, 0]))


def test_what_is_no_weight_is_refused(cloud):
    for wrong in (-np.ones(24), np.zeros(24), np.full(24, np.nan), np.ones((24, 1))):
        with pytest.raises(engine.InvalidSpecError, match="0 or more and not all 0"):
            embed_weighted(cloud, wrong)
    with pytest.raises(engine.InvalidSpecError, match="received 23 for 24 models"):
        embed_weighted(cloud, np.ones(23))
    with pytest.raises(engine.SelectionError, match="at least 3"):
        embed_weighted(cloud, np.arange(24) < 2)
    with pytest.raises(engine.InvalidSpecError, match="n_components"):
        embed_weighted(cloud, np.ones(24), 0)
    with pytest.raises(engine.InvalidSpecError, match="one of"):
        model_weights("seed", [1, 2], [0, 1])
