"""Laws of thinning checkpoints."""

from __future__ import annotations

import numpy as np
import pytest

from engine.statistics.thinning import evenly, thin_runs


def test_places_are_even_and_keep_both_ends():
    assert evenly(5, 9).tolist() == [0, 1, 2, 3, 4]
    places = evenly(101, 11)
    assert places.tolist() == list(range(0, 101, 10))
    assert set(np.diff(evenly(1000, 300))) <= {3, 4}


def test_nothing_is_left_out_where_all_fits():
    kept = thin_runs([3, 1, 5], 9)
    assert [places.tolist() for places in kept] == [[0, 1, 2], [0], [0, 1, 2, 3, 4]]


@pytest.mark.parametrize("most", [6, 20, 100, 333, 1800])
@pytest.mark.parametrize("counts", [[27] * 60, [1, 2, 500, 40, 1], [1] * 900, [2000], [70, 62, 67] * 300])
def test_the_allowed_number_is_left_with_both_ends(counts, most):
    kept = thin_runs(counts, most)
    total = sum(map(len, kept))
    assert total <= most
    assert total >= min(sum(counts), 0.5 * most if min(counts) > 1 else 2)
    for count, places in zip(counts, kept, strict=True):
        assert (np.diff(places) > 0).all()
        if len(places) > 1:
            assert (places[0], places[-1]) == (0, count - 1)
    assert len(kept[0])
    assert len(kept[-1])


def test_runs_keep_the_same_share():
    kept = thin_runs([100, 50, 10], 80)
    assert [len(places) for places in kept] == [50, 25, 5]
