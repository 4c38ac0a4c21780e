"""Figures along training: axes, reference lines and runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dashboard.figures.analyses import ANALYSIS_FIGURES
from engine.analyses import Finding


def progress_finding(along="epoch", longest=30.0):
    values = np.array([0.0, 0.5, longest, 0.0, longest])
    columns = {along: values, "progress": [0.0, 0.2, 0.9, 0.0, 0.5], "error": [0.9, 0.5, np.nan, 0.9, 0.4]}
    table = pd.DataFrame({"run_id": ["a"] * 3 + ["b"] * 2, "checkpoint": [0, 1, 2, 0, 1]} | columns)
    return Finding({"progress": table})


def test_long_training_has_a_logarithmic_axis_after_zero():
    along, against = ANALYSIS_FIGURES["progress"](progress_finding())
    assert along["layout"]["xaxis"]["type"] == "log"
    (series,) = along["series"]
    assert series["x"] == [None, 0.5, 30.0, None, 30.0]
    assert series["y"] == [0.0, 0.2, 0.9, 0.0, 0.5]
    assert series["starts"] == [0, 3]
    (errors,) = against["series"]
    assert errors["x"] == [0.9, 0.5, None, 0.9, 0.4]


def test_short_training_has_an_ordinary_axis():
    along, _ = ANALYSIS_FIGURES["progress"](progress_finding("step", 5.0))
    assert "type" not in along["layout"]["xaxis"]
    assert along["layout"]["xaxis"]["title"]["text"] == "step"
    assert along["series"][0]["x"][0] == 0.0


def test_the_dashed_line_is_progress_equal_to_accuracy():
    _, against = ANALYSIS_FIGURES["progress"](progress_finding())
    (diagonal,) = against["data"]
    assert np.add(diagonal["x"], diagonal["y"]).tolist() == [1, 1]
    assert diagonal["line"]["dash"] == "dash"


@pytest.mark.parametrize("top", [0.4, 0.0])
def test_both_distances_have_the_same_scale(top):
    table = pd.DataFrame(
        {
            "run_id": ["a", "a"], "checkpoint": [0, 1], "arc length": [0.0, 300.0], "position": [0.0, 0.5],
            "distance": [0.0, top], "nearest position": [0.0, 0.6], "nearest distance": [0.0, top / 2],
        }
    )  # fmt: skip
    figures = ANALYSIS_FIGURES["geodesic-distance"](Finding({"distances": table}))
    ranges = [figure["layout"]["yaxis"].get("range") for figure in figures]
    assert ranges == ([[0, pytest.approx(0.42)]] * 2 if top else [None, None])
    # A clock that is no count of steps or epochs is not drawn on a logarithmic axis, however far it goes.
    assert all("type" not in figure["layout"]["xaxis"] for figure in figures)
    assert [figure["series"][0]["y"][1] for figure in figures] == [top, top / 2]


def length_finding(**changes):
    table = pd.DataFrame(
        {
            "run_id": ["a", "b", "c"], "group": ["<b>x</b>", "y", "<b>x</b>"], "length": [1.0, 2.0, 4.0],
            "straight": [1.0, 1.0, 0.0], "detour": [1.0, 2.0, np.nan],
        }
    )  # fmt: skip
    return Finding({"lengths": table.assign(**changes)}, numbers={"from ignorance to truth": 1.2})


def test_runs_of_a_level_share_its_strip():
    _, strip = ANALYSIS_FIGURES["lengths"](length_finding())
    (series,) = strip["series"]
    assert series["x"] == pytest.approx([-0.15, 1.0, 0.15])
    assert series["y"] == [1.0, 2.0, None]
    axis = strip["layout"]["xaxis"]
    assert axis["tickvals"] == [0, 1]
    assert axis["ticktext"] == ["&lt;b&gt;x&lt;/b&gt;", "y"]


def test_no_path_lies_below_the_dashed_line():
    against, strip = ANALYSIS_FIGURES["lengths"](length_finding())
    straight, truth = against["data"]
    assert straight["x"] == straight["y"]
    assert (truth["x"], truth["y"]) == ([1.2], [1.2])
    assert against["layout"]["yaxis"]["range"] == [0, pytest.approx(4.2)]
    assert strip["data"][0]["y"] == [1, 1]


def reindexed_finding(epochs=(1.0, 4.0, 40.0)):
    table = pd.DataFrame(
        {
            "run_id": "a", "point": [0, 1, 2], "progress": [0.3, 0.6, 1.0], "reached": [True, True, False],
            "checkpoint": [0.5, 1.5, 2.0], "epoch passed": epochs,
            "accuracy of the model there": [0.4, 0.7, 0.8], "loss of the model there": [2.0, 1.0, 0.5],
        }
    )  # fmt: skip
    return Finding({"resampled": table, "shares": pd.DataFrame({"progress": [0.3], "share of runs": [1.0]})})


def test_what_a_run_did_not_reach_is_dotted():
    when, _, accuracy, loss = ANALYSIS_FIGURES["reindexed"](reindexed_finding())
    assert when["series"][0]["y"] == [1.0, 4.0, None]
    for figure, values in ((accuracy, [0.4, 0.7, 0.8]), (loss, [2.0, 1.0, 0.5])):
        beyond, inside = figure["series"]
        assert beyond["line"]["dash"] == "dot"
        assert beyond["y"] == [None, values[1], values[2]]
        assert inside["y"] == [values[0], values[1], None]


def test_without_epochs_checkpoints_are_counted():
    when, *_ = ANALYSIS_FIGURES["reindexed"](reindexed_finding((np.nan,) * 3))
    assert when["layout"]["yaxis"]["title"]["text"] == "checkpoint"
    assert when["series"][0]["y"] == [0.5, 1.5, None]
