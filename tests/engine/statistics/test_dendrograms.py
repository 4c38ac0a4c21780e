"""Laws of dendrograms: joins, leaf order, drawing positions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.cluster.hierarchy import dendrogram as drawn

import engine
from engine.statistics import dendrograms
from engine.statistics.dendrograms import LINKAGES, dendrogram
from tests import families, oracles


def distances(n_things=9):
    return oracles.bhattacharyya(families.dirichlet_cloud(n_things))


def joined(values, method):
    """Heights of the joins by the definition: the two groups that are nearest, again and again."""
    groups, heights = [[k] for k in range(len(values))], []
    how = {"complete": np.max, "average": np.mean, "single": np.min}[method]
    while len(groups) > 1:
        pairs = {
            (a, b): how(values[np.ix_(groups[a], groups[b])]) for a, b in itertools.combinations(range(len(groups)), 2)
        }
        a, b = min(pairs, key=pairs.get)
        heights.append(pairs[a, b])
        groups[a] = groups[a] + groups.pop(b)
    return heights


def leaves_under(tree, n_leaves):
    """For each join, the things under its two arms."""
    members = [{k} for k in range(n_leaves)]
    arms = []
    for first, second, _, _ in tree.links:
        arms.append((members[int(first)], members[int(second)]))
        members.append(members[int(first)] | members[int(second)])
    return arms


@pytest.mark.parametrize("method", LINKAGES)
def test_joins_agree_with_the_definition(method):
    values = distances()
    assert dendrogram(values, method).heights[:, 2] == pytest.approx(joined(values, method), rel=1e-12)


@pytest.mark.parametrize("method", LINKAGES)
def test_order_is_the_best_the_tree_allows(method):
    values = distances(6)
    tree = dendrogram(values, method)
    arms = leaves_under(tree, 6)

    def allowed(order):
        place = {thing: k for k, thing in enumerate(order)}
        spans = [[place[thing] for thing in one | other] for one, other in arms]
        return all(max(span) - min(span) == len(span) - 1 for span in spans)

    lengths = [
        sum(values[a, b] for a, b in itertools.pairwise(order))
        for order in itertools.permutations(range(6))
        if allowed(order)
    ]
    assert len(lengths) == 2**5
    assert sum(values[a, b] for a, b in itertools.pairwise(tree.order)) == pytest.approx(min(lengths), rel=1e-12)
    assert tree.is_optimal


def test_places_are_where_scipy_draws_them():
    values = distances()
    tree = dendrogram(values)
    picture = drawn(tree.links, no_plot=True)
    assert picture["leaves"] == tree.order.tolist()
    arms = {
        (round(x[0] / 10 - 0.5, 6), round(x[2] / 10 - 0.5, 6), y[1])
        for x, y in zip(picture["icoord"], picture["dcoord"], strict=True)
    }
    ours = {(round(a, 6), round(b, 6), top) for (a, b), (_, _, top) in zip(tree.places, tree.heights, strict=True)}
    assert ours == arms


def test_identical_leaves_join_at_zero_height():
    tree = dendrogram(np.zeros((4, 4)))
    assert not tree.heights.any()
    assert sorted(tree.order) == [0, 1, 2, 3]
    alone = dendrogram(np.zeros((1, 1)))
    assert alone.order.tolist() == [0]
    assert len(alone.places) == len(alone.heights) == 0


def test_two_things_have_one_join():
    tree = dendrogram(np.array([[0.0, 0.3], [0.3, 0.0]]))
    assert tree.heights.tolist() == [[0.0, 0.0, 0.3]]
    assert sorted(tree.places[0]) == [0.0, 1.0]


def test_a_chain_is_no_deeper_than_memory():
    n = 3000
    gaps = np.abs(np.subtract.outer(np.arange(n) ** 1.5, np.arange(n) ** 1.5))
    tree = dendrogram(gaps, "single")
    assert sorted(tree.order) == list(range(n))
    assert not tree.is_optimal


def test_order_is_a_valid_one_beyond_the_limit(monkeypatch):
    monkeypatch.setattr(dendrograms, "MOST_ORDERED", 3)
    tree = dendrogram(distances())
    assert not tree.is_optimal
    assert sorted(tree.order) == list(range(9))


def test_what_is_no_distance_is_refused():
    with pytest.raises(engine.InvalidSpecError, match="linkage must be one of"):
        dendrogram(distances(), "ward")
    for wrong in (np.zeros((2, 3)), np.zeros((0, 0)), np.array([[0.0, 1.0], [2.0, 0.0]]), np.eye(2)):
        with pytest.raises(engine.InvalidSpecError, match="exactly symmetric"):
            dendrogram(wrong)
