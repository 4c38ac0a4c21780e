"""Distances of matched pairs of models."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.distances import pairwise as module
from engine.distances.pairwise import matched_distances
from tests import families, oracles


@pytest.mark.parametrize("models", [families.dirichlet_cloud(6), families.tiny_probabilities(6)], ids=["far", "tiny"])
def test_they_agree_with_the_oracle(models):
    expected = np.diagonal(oracles.bhattacharyya(models[:3], models[3:]))
    assert np.allclose(matched_distances(models[:3], models[3:]), expected, rtol=1e-13)


def test_near_partners_keep_their_digits():
    twins = families.near_twins()
    expected = oracles.near_bhattacharyya(twins)[0]
    assert expected[1:].min() < 1e-9
    assert np.allclose(matched_distances(twins, twins[0]), expected, rtol=1e-12, atol=0)
    assert matched_distances(twins[0], twins[0]) == 0.0


def test_partners_without_overlap_are_capped():
    p, q = families.one_hot([0, 1], 3), families.one_hot([0, 2], 3)
    assert matched_distances(p, q) == pytest.approx(-0.5 * np.log(oracles.FLOOR))


def test_leading_axes_broadcast_and_chunks_change_only_rounding(monkeypatch):
    models = families.dirichlet_cloud(6, 9, 5)
    grid = models.reshape(2, 3, 9, 5)
    values = matched_distances(grid, grid[0])
    assert values.shape == (2, 3)
    assert not values[0].any()
    monkeypatch.setattr(module, "CHUNK_ELEMENTS", 10)
    assert np.allclose(matched_distances(grid, grid[0]), values, rtol=1e-14)


def test_other_samples_are_refused():
    models = families.dirichlet_cloud(2)
    with pytest.raises(engine.InvalidPredictionsError, match="same samples"):
        matched_distances(models, models[:, :4])
