"""Embedding diagnostics: closed forms against brute force, complete denominators."""

from __future__ import annotations

import numpy as np
import pytest

from engine.embedding.diagnostics import centred_diagonal, centred_norm
from engine.embedding.inpca import embed
from tests import families, oracles


@pytest.fixture(scope="module")
def cloud():
    return oracles.bhattacharyya(families.dirichlet_cloud(30))


def test_norms_follow_from_row_sums(cloud):
    w, means = oracles.centred(cloud), cloud.mean(axis=1)
    assert centred_norm((cloud**2).sum(), means) == pytest.approx(np.linalg.norm(w), rel=1e-12)
    assert centred_diagonal(means, means.mean()) == pytest.approx(np.diagonal(w), abs=1e-13)
    embedding = embed(cloud, 3)
    assert embedding.trace == pytest.approx(np.trace(w), rel=1e-12)
    assert embedding.frobenius_norm == pytest.approx(np.linalg.norm(w), rel=1e-12)


def test_centred_matrices_give_the_norm_of_distances(cloud):
    w = oracles.centred(cloud)
    b = np.diagonal(w)
    expected = 2 * np.trace(w) ** 2 + 2 * len(w) * (b @ b) + 4 * (w**2).sum()
    assert (cloud**2).sum() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("k", range(1, 30))
def test_closed_forms_agree_with_brute_force(cloud, k):
    embedding = embed(cloud, 29)
    stress, variance, absolute, distance = oracles.explained(cloud, k)
    assert embedding.explained_stress[k - 1] == pytest.approx(stress, abs=1e-6 if k == 29 else 1e-11)
    assert embedding.explained_variance[k - 1] == pytest.approx(variance, abs=1e-11)
    assert embedding.explained_variance_absolute[k - 1] == pytest.approx(absolute, abs=1e-11)
    assert embedding.explained_distance[k - 1] == pytest.approx(distance, abs=1e-6 if k == 29 else 1e-11)


def test_explained_stress_rises_to_one(cloud):
    stress = embed(cloud, 29).explained_stress
    assert (np.diff(stress) >= 0).all()
    assert stress[-1] == pytest.approx(1.0, abs=1e-6)


def test_time_like_components_push_explained_variance_past_one(cloud):
    variance = embed(cloud, 29).explained_variance
    assert variance.max() > 1.0
    assert variance[-1] == pytest.approx(1.0, abs=1e-12)


def test_signed_variance_of_the_geodesic_is_known():
    import engine

    points = engine.geodesic([0, 3], 10, np.linspace(0, 1, 100))
    variance = embed(oracles.bhattacharyya(points), 3).explained_variance
    assert variance == pytest.approx([1.0775, 0.9924, 1.0008], abs=6e-5)


@pytest.mark.parametrize("measure", ["explained_stress", "explained_variance", "explained_distance"])
def test_denominators_are_full_however_few_components_are_fetched(cloud, measure):
    assert getattr(embed(cloud, 3), measure) == pytest.approx(getattr(embed(cloud, 29), measure)[:3], rel=1e-10)


def test_absolute_variance_is_absent_without_the_whole_spectrum():
    points = np.random.default_rng(0).standard_normal((520, 40))
    distances = np.log1p(((points[:, None] - points) ** 2).sum(axis=-1))
    assert np.isnan(embed(distances, 4, whole_spectrum=False).explained_variance_absolute).all()
    known = embed(distances, 4, whole_spectrum=True).explained_variance_absolute
    eigenvalues = oracles.eigenpairs(distances)[0]
    assert known == pytest.approx(np.cumsum(np.abs(eigenvalues))[:4] / np.abs(eigenvalues).sum(), rel=1e-9)
