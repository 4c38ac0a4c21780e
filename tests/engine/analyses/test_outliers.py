"""Laws of counting outliers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine.analyses.training.outliers import EPOCH_EDGES, NO_EPOCH, count_outliers

DISTANCES = [0.5, 2.0, 3.0, 1.9, np.inf, 2.5]
EPOCHS = [0.0, 5.0, 4.9, 200.0, np.nan, 0.0]
LEVELS = ["b", "a", "a", "b", "a", "b"]


def test_counts_agree_with_a_loop():
    random = np.random.default_rng(0)
    distances, epochs = random.uniform(0, 4, 900), random.uniform(0, 200, 900)
    levels = [str(level) for level in random.integers(0, 3, 900)]
    table = count_outliers(distances, epochs, levels)
    ends = [*EPOCH_EDGES[1:], np.inf]
    for level, name, checkpoints, outliers, share in table.itertuples(index=False):
        low = float(name.split()[0])
        high = ends[EPOCH_EDGES.index(low)]
        inside = [d for d, e, g in zip(distances, epochs, levels, strict=True) if low <= e < high and g == level]
        assert checkpoints == len(inside)
        assert outliers == sum(d >= 2.0 for d in inside)
        assert share == pytest.approx(outliers / checkpoints)
    assert table["checkpoints"].sum() == 900
    assert len(table) == 3 * len(EPOCH_EDGES)


def test_edges_begin_their_bin_missing_epochs_have_another():
    table = count_outliers(DISTANCES, EPOCHS, LEVELS)
    expected = pd.DataFrame(
        {
            "level": ["b"] * 4 + ["a"] * 4,
            "epochs": ["0 to 5", "5 to 10", "150 and later", NO_EPOCH] * 2,
            "checkpoints": [2, 0, 1, 0, 1, 1, 0, 1],
            "outliers": [1, 0, 0, 0, 1, 1, 0, 1],
        }
    )
    pd.testing.assert_frame_equal(table.drop(columns="share"), expected)
    assert np.isnan(table["share"]).tolist() == [False, True, False, True, False, False, True, False]


def test_the_threshold_itself_is_beyond():
    assert count_outliers([1.0], [0.0], ["x"], threshold=1.0)["outliers"].tolist() == [1]
    assert count_outliers([1.0], [0.0], ["x"], threshold=1.1)["outliers"].tolist() == [0]


def test_nothing_to_count_is_an_empty_table():
    assert count_outliers([], [], []).empty
