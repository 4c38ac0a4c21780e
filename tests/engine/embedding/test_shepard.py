"""Shepard diagram against its formula, pair by pair in float64."""

from __future__ import annotations

import numpy as np
import pytest

from engine import embed
from engine.embedding import shepard
from engine.embedding.shepard import STRATA, shepard_diagram
from tests import families, oracles

N_RUNS, N_CHECKPOINTS = 4, 12


@pytest.fixture(scope="module")
def distances():
    return oracles.bhattacharyya(families.training_family(N_RUNS, N_CHECKPOINTS)[0])


@pytest.fixture(scope="module")
def embedding(distances):
    return embed(distances, 6)


def diagram_of(distances, embedding, components, **limits):
    chosen = np.array(components) - 1
    models = np.full(N_RUNS, N_CHECKPOINTS)
    with pytest.MonkeyPatch.context() as patch:
        for name, limit in limits.items():
            patch.setattr(shepard, name.upper(), limit)
        return shepard_diagram(distances, embedding.coordinates[:, chosen], embedding.signature[chosen], models)


@pytest.mark.parametrize("components", [(1,), (1, 2, 3), (5, 2)])
def test_every_pair_stands_where_the_formula_puts_it(distances, embedding, components):
    chosen = np.array(components) - 1
    expected = oracles.reconstructed(embedding.coordinates[:, chosen], embedding.signature[chosen])
    diagram = diagram_of(distances, embedding, components)
    for pairs in (diagram.sample, diagram.worst):
        np.testing.assert_array_equal(pairs.distances, distances[pairs.rows, pairs.columns])
        np.testing.assert_allclose(pairs.embedded, expected[pairs.rows, pairs.columns], atol=1e-13)
        assert (pairs.rows < pairs.columns).all()
    upper = np.triu_indices(len(distances), 1)
    assert diagram.n_pairs == len(upper[0])
    assert diagram.n_negative == (expected[upper] < 0).sum()
    assert diagram.explained == pytest.approx(
        1.0 - np.linalg.norm(distances - expected) / np.linalg.norm(distances), abs=1e-12
    )


def test_all_pairs_give_the_embedded_explained_distance(distances, embedding):
    assert diagram_of(distances, embedding, (1, 2, 3)).explained == pytest.approx(
        embedding.explained_distance[2], abs=1e-9
    )


def test_with_every_component_pairs_lie_on_the_line(distances):
    whole = embed(distances, len(distances))
    diagram = diagram_of(distances, whole, range(1, whole.n_components + 1))
    np.testing.assert_allclose(diagram.sample.embedded, diagram.sample.distances, atol=1e-10)


def test_listed_pairs_are_the_worst_of_their_runs(distances, embedding):
    chosen = np.array([0])
    errors = np.abs(oracles.reconstructed(embedding.coordinates[:, chosen], embedding.signature[chosen]) - distances)
    expected = sorted(
        (
            errors[a * N_CHECKPOINTS : (a + 1) * N_CHECKPOINTS, b * N_CHECKPOINTS : (b + 1) * N_CHECKPOINTS].max()
            for a in range(N_RUNS)
            for b in range(a, N_RUNS)
        ),
        reverse=True,
    )
    worst = diagram_of(distances, embedding, (1,), n_worst=5).worst
    np.testing.assert_allclose(np.abs(worst.embedded - worst.distances), expected[:5], atol=1e-13)
    assert len({(i // N_CHECKPOINTS, j // N_CHECKPOINTS) for i, j in zip(worst.rows, worst.columns, strict=True)}) == 5


def test_the_sample_is_even_distinct_and_reproducible(distances, embedding):
    sample = diagram_of(distances, embedding, (1, 2, 3), n_sampled=200).sample
    assert len(set(zip(sample.rows, sample.columns, strict=True))) == 200
    there, drawn = (
        np.bincount(np.minimum(STRATA * values / distances.max(), STRATA - 1).astype(int), minlength=STRATA)
        for values in (distances[np.triu_indices(len(distances), 1)], sample.distances)
    )
    scarce = drawn == there
    assert drawn[~scarce].max() - drawn[~scarce].min() <= 1
    assert there[scarce].max(initial=0) <= drawn[~scarce].min()
    again = diagram_of(distances, embedding, (1, 2, 3), n_sampled=200).sample
    np.testing.assert_array_equal(sample.rows, again.rows)


def test_a_small_selection_is_drawn_whole(distances, embedding):
    diagram = diagram_of(distances, embedding, (1,), n_sampled=10**6)
    assert len(diagram.sample.rows) == diagram.n_pairs


def test_equal_models_have_no_worst_pair():
    diagram = shepard_diagram(np.zeros((4, 4)), np.zeros((4, 1)), np.ones(1, dtype=np.int8), np.array([2, 2]))
    assert len(diagram.worst.rows) == 0
    assert diagram.explained == 1.0
