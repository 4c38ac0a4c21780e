"""Projection of models onto an embedding fitted to others."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.embedding.inpca import embed, leading, project
from engine.embedding.projection import fit_and_project
from tests import families, oracles
from tests import oracles_embeddings as slow


@pytest.fixture(scope="module")
def cloud():
    distances = oracles.bhattacharyya(families.dirichlet_cloud(30))
    assert (oracles.eigenpairs(distances[:20, :20])[0] < -1e-3).sum() > 2
    return distances


def test_coordinates_and_heights_follow_from_the_formula(cloud):
    is_fitted = np.arange(30) < 20
    found = fit_and_project(cloud, is_fitted, 19)
    rows = cloud[20:, :20]
    points, signature, _ = slow.projected(rows, cloud[:20, :20])
    assert found.embedding.n_components == 19
    signs = np.sign((points * found.coordinates[20:]).sum(axis=0))
    assert found.coordinates[20:] * signs == pytest.approx(points, rel=1e-6, abs=1e-8)
    expected = rows.mean(axis=1) - 0.5 * cloud[:20, :20].mean() - (signature * points**2).sum(axis=1)
    assert found.heights[20:, -1] == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_height_is_what_every_fitted_model_misses_alike(cloud):
    embedding = embed(cloud[:20, :20], 19)
    rows = cloud[20:, :20]
    points = project(embedding, rows)
    both = np.vstack([points, embedding.coordinates])
    in_embedding = oracles.reconstructed(both, embedding.signature)[:10, 10:]
    heights = fit_and_project(cloud, np.arange(30) < 20, 19).heights[20:, -1]
    assert rows - in_embedding == pytest.approx(np.tile(heights[:, None], 20), abs=1e-9)
    assert np.abs(heights).max() > 0.01


def test_fitted_models_have_no_height_and_stay(cloud):
    found = fit_and_project(cloud, np.arange(30) < 20, 19)
    assert np.abs(found.heights[:20, -1]).max() < 1e-12
    assert project(found.embedding, cloud[:20, :20]) == pytest.approx(found.coordinates[:20], abs=1e-12)


def test_mean_fitted_height_is_what_components_leave_out(cloud):
    found = fit_and_project(cloud, np.arange(30) < 20, 6)
    left = found.embedding.trace - np.cumsum(found.embedding.eigenvalues)
    assert found.heights[:20].mean(axis=0) == pytest.approx(left / 20, abs=1e-12)


def test_copies_of_fitted_models_are_projected_onto_them(cloud):
    order = np.r_[np.arange(20), [4, 11]]
    found = fit_and_project(cloud[np.ix_(order, order)], np.arange(22) < 20, 8)
    assert found.coordinates[20:] == pytest.approx(found.coordinates[[4, 11]], abs=1e-12)
    assert found.heights[20:] == pytest.approx(found.heights[[4, 11]], abs=1e-12)


def test_explained_of_either_group_agrees_with_brute_force(cloud):
    is_fitted = np.random.default_rng(3).permutation(np.arange(30) < 18)
    found = fit_and_project(cloud, is_fitted, 5)
    signature = found.embedding.signature
    for group, result in ((is_fitted, found.fitted), (~is_fitted, found.projected)):
        within = cloud[np.ix_(group, group)]
        for k in (1, 4):
            values = [getattr(result, name)[k - 1] for name in ("frobenius", "absolute", "signed", "stress")]
            expected = slow.weighted_explained(within, found.coordinates[group], signature, np.ones(len(within)), k)
            assert values == pytest.approx(expected, abs=1e-11)
    rectangle = cloud[np.ix_(~is_fitted, is_fitted)]
    left = slow.misfit(rectangle, found.coordinates[~is_fitted], found.coordinates[is_fitted], signature, 3)
    assert found.between.absolute[2] == pytest.approx(1 - np.abs(left).sum() / rectangle.sum(), abs=1e-11)


def test_no_projection_explains_more_than_an_embedding(cloud):
    found = fit_and_project(cloud, np.arange(30) < 15, 8)
    assert found.own is not None
    assert (found.projected.stress <= found.own + 1e-12).all()


def test_eigenvalues_near_zero_are_dropped_before_dividing():
    models = families.training_family(3, 8)[0]
    twice = np.concatenate([models, models])
    distances = engine.pairwise_distances(twice).values
    found = fit_and_project(distances, np.arange(48) < 36, 36)
    assert found.embedding.n_components < 24
    sizes = np.abs(found.embedding.eigenvalues)
    assert sizes.min() > 1e-6 * sizes.max()
    assert found.coordinates[36:] == pytest.approx(found.coordinates[12:24], abs=1e-6)


def test_too_few_projected_models_have_no_own_embedding(cloud):
    assert fit_and_project(cloud, np.arange(30) < 28, 5).own is None


def test_leading_components_are_the_first(cloud):
    embedding = leading(embed(cloud, 9), 4)
    assert embedding.n_components == len(embedding.explained_stress) == 4
    assert np.array_equal(embedding.coordinates, embed(cloud, 9).coordinates[:, :4])


def test_groups_without_fit_or_projection_are_refused(cloud):
    with pytest.raises(engine.SelectionError, match="none is left to project"):
        fit_and_project(cloud, np.ones(30, dtype=bool))
    with pytest.raises(engine.SelectionError, match="at least 3"):
        fit_and_project(cloud, np.arange(30) < 2)
    with pytest.raises(engine.InvalidSpecError, match="one truth value per model"):
        fit_and_project(cloud, np.ones(29, dtype=bool))
    with pytest.raises(engine.InvalidSpecError, match="one truth value per model"):
        fit_and_project(cloud, np.arange(30))


def test_equal_models_are_fitted_without_an_axis():
    found = fit_and_project(np.zeros((6, 6)), np.arange(6) < 3, 4)
    assert found.coordinates.shape == (6, 0)
    assert found.own is None
