"""Embeddings from subsets of the samples."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.embedding.inpca import embed
from engine.statistics.sample_size import subset_qualities, subset_sizes
from tests import families, oracles
from tests import oracles_embeddings as slow

N_SAMPLES = 43


@pytest.fixture(scope="module")
def models():
    return families.dirichlet_cloud(14, n_samples=N_SAMPLES)


@pytest.fixture(scope="module")
def asked(models):
    """Subsets requested by `subset_qualities`, its result, and the distances on all samples."""
    subsets = []

    def distances_on(samples):
        subsets.append(samples)
        return oracles.bhattacharyya(models[:, samples])

    whole = oracles.bhattacharyya(models)
    found = subset_qualities(distances_on, whole, N_SAMPLES, smallest=5, n_shuffles=2, n_components=4)
    return subsets, found, whole


def test_sizes_double_up_to_all_samples():
    assert subset_sizes(400, 25) == (25, 50, 100, 200, 400)
    assert subset_sizes(43, 5) == (5, 10, 20, 43)
    assert subset_sizes(9, 5) == (9,)


def test_all_samples_are_the_whole_result_exactly(asked):
    _, found, whole = asked
    exact = embed(whole, 4)
    assert found[-1].n_samples == N_SAMPLES
    assert np.array_equal(found[-1].explained_stress, exact.explained_stress)
    assert np.array_equal(found[-1].explained_distance, exact.explained_distance)
    assert np.array_equal(found[-1].explained_of_all, exact.explained_distance)
    assert (found[-1].correlation, found[-1].error) == (1.0, 0.0)


def test_each_size_has_the_most_disjoint_subsets(asked):
    subsets, found, _ = asked
    sizes, counts = np.unique([quality.n_samples for quality in found], return_counts=True)
    assert dict(zip(sizes.tolist(), counts.tolist(), strict=True)) == {5: 16, 10: 8, 20: 4, N_SAMPLES: 1}
    for shuffle in (subsets[:8], subsets[8:]):
        drawn = np.concatenate(shuffle)
        assert len(drawn) == len(set(drawn.tolist())) == 40


def test_unions_have_the_distances_of_their_samples(models, asked):
    subsets, found, whole = asked
    pairs = np.triu_indices(14, 1)
    expected = []
    for start in range(0, 8, 2):
        distances = oracles.bhattacharyya(models[:, np.concatenate(subsets[start : start + 2])])
        embedding = embed(distances, 4)
        left = slow.misfit(whole, embedding.coordinates, embedding.coordinates, embedding.signature, 2)
        expected.append(
            (
                embedding.explained_stress[1],
                1 - np.linalg.norm(left) / np.linalg.norm(whole),
                np.corrcoef(distances[pairs], whole[pairs])[0, 1],
                np.linalg.norm(distances - whole) / np.linalg.norm(whole),
            )
        )
    tens = [quality for quality in found if quality.n_samples == 10 and quality.shuffle == 0]
    values = [(q.explained_stress[1], q.explained_of_all[1], q.correlation, q.error) for q in tens]
    assert np.array(values) == pytest.approx(np.array(expected), abs=2e-6)


def test_more_samples_come_closer(asked):
    _, found, _ = asked
    error = {size: np.mean([q.error for q in found if q.n_samples == size]) for size in (5, 10, 20, N_SAMPLES)}
    assert error[5] > error[10] > error[20] > error[N_SAMPLES] == 0.0


def test_it_is_the_same_every_time_and_reports(models, asked):
    whole = asked[2]
    told = []

    def again(samples):
        return oracles.bhattacharyya(models[:, samples])

    found = subset_qualities(again, whole, N_SAMPLES, smallest=5, n_shuffles=2, n_components=4, report=told.append)
    assert [q.error for q in found] == [q.error for q in asked[1]]
    assert told == sorted(told)
    assert 0 <= told[0] < told[-1] < 1


def test_equal_models_are_no_trouble():
    found = subset_qualities(lambda samples: np.zeros((4, 4)), np.zeros((4, 4)), 20, smallest=5, n_shuffles=1)
    assert all(q.error == 0.0 and len(q.explained_stress) == 0 for q in found)
    assert np.isnan(found[0].correlation)


def test_too_few_samples_are_refused():
    with pytest.raises(engine.SelectionError, match="9 samples"):
        subset_qualities(lambda samples: np.zeros((4, 4)), np.zeros((4, 4)), 9, smallest=2)
    with pytest.raises(engine.InvalidSpecError, match="n_shuffles"):
        subset_qualities(lambda samples: np.zeros((4, 4)), np.zeros((4, 4)), 90, n_shuffles=0)
