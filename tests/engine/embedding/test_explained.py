"""Explained stress and distance against pair-by-pair sums."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.embedding import explained
from engine.embedding.explained import explained_among, explained_between
from engine.embedding.inpca import embed
from tests import families, oracles
from tests import oracles_embeddings as slow


@pytest.fixture(scope="module")
def cloud():
    return oracles.bhattacharyya(families.dirichlet_cloud(16))


@pytest.fixture(scope="module")
def scattered():
    """Coordinates that are no embedding of the cloud, with a time-like axis."""
    return np.random.default_rng(0).normal(size=(16, 3)), np.array([1, -1, 1])


def test_any_coordinates_agree_with_brute_force(cloud, scattered):
    coordinates, signature = scattered
    found = explained_among(cloud, coordinates, signature)
    for k in (1, 2, 3):
        expected = slow.weighted_explained(cloud, coordinates, signature, np.ones(16), k)
        values = [getattr(found, name)[k - 1] for name in ("frobenius", "absolute", "signed", "stress")]
        assert values == pytest.approx(expected, abs=1e-11)


def test_in_a_fit_they_are_the_closed_forms(cloud):
    embedding = embed(cloud, 15)
    found = explained_among(cloud, embedding.coordinates, embedding.signature)
    assert found.frobenius[:14] == pytest.approx(embedding.explained_distance[:14], abs=1e-10)
    assert found.stress[:14] == pytest.approx(embedding.explained_stress[:14], abs=1e-10)
    assert found.signed == pytest.approx(embedding.explained_variance, abs=1e-12)
    assert [found.frobenius[14], found.absolute[14], found.stress[14]] == pytest.approx([1, 1, 1], abs=1e-10)


def test_between_two_sets_agrees_with_brute_force(cloud, scattered):
    coordinates, signature = scattered
    rectangle, x, y = cloud[:5, 5:], coordinates[:5], coordinates[5:]
    found = explained_between(rectangle, x, y, signature)
    left = slow.misfit(rectangle, x, y, signature, 2)
    assert found.frobenius[1] == pytest.approx(1 - np.linalg.norm(left) / np.linalg.norm(rectangle), abs=1e-12)
    assert found.absolute[1] == pytest.approx(1 - np.abs(left).sum() / rectangle.sum(), abs=1e-12)
    assert found.signed[1] == pytest.approx(1 - left.sum() / rectangle.sum(), abs=1e-12)
    assert np.isnan(found.stress).all()


def test_threads_and_precision_do_not_matter(cloud, scattered, monkeypatch):
    whole = explained_among(cloud, *scattered)
    monkeypatch.setattr(explained, "thread_count", lambda: 7)
    assert explained_among(cloud, *scattered).absolute == pytest.approx(whole.absolute, abs=1e-14)
    assert explained_among(cloud.astype(np.float32), *scattered).absolute == pytest.approx(whole.absolute, abs=1e-6)


def test_of_equal_models_nothing_is_left_to_explain():
    found = explained_among(np.zeros((4, 4)), np.zeros((4, 2)), [1, -1])
    assert found.frobenius.tolist() == found.absolute.tolist() == found.stress.tolist() == [1.0, 1.0]
    assert np.isnan(found.signed).all()


def test_shapes_that_do_not_fit_are_refused(cloud, scattered):
    with pytest.raises(engine.InvalidSpecError, match="same models and components"):
        explained_among(cloud, scattered[0][:15], scattered[1])
    with pytest.raises(engine.InvalidSpecError, match="same models and components"):
        explained_between(cloud, scattered[0], scattered[0], [1, 1])
