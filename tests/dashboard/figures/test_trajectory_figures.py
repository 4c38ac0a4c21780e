"""Figures of whole trajectories, from hand-made results."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dashboard import theme
from dashboard.figures.analyses.between_runs import distances as trajectory_heat_map
from dashboard.figures.analyses.between_runs.distances import trajectory_heat_map_figures
from dashboard.figures.analyses.between_runs.embedding import trajectory_embedding_figures
from dashboard.figures.analyses.between_runs.tube import tube_figures
from engine.analyses import Finding
from engine.statistics.dendrograms import dendrogram
from tests import families, oracles

N = 7


def distances():
    return oracles.bhattacharyya(families.dirichlet_cloud(N))


def heat_map(names=None, rates=None):
    tree = dendrogram(distances())
    leaves = pd.DataFrame({"place": np.arange(N), "run_id": names or [f"run-{k}" for k in tree.order]})
    leaves["architecture"] = ["CNN", "ViT", "CNN", "ViT", "CNN", "CNN", "<b>bold</b>"]
    leaves["learning_rate"] = rates or ["0.1", "0.01", "0.1", "0.001", "1e-05", "0.1", "0.01"]
    joins = {f"place {arm + 1}": tree.places[:, arm] for arm in (0, 1)}
    joins |= {f"height {arm + 1}": tree.heights[:, arm] for arm in (0, 1)}
    joins = pd.DataFrame({**joins, "distance": tree.heights[:, 2]})
    values = distances()[np.ix_(tree.order, tree.order)]
    return Finding({"leaves": leaves, "joins": joins}, {"distances": values}), values, tree


def traces(finding):
    data = trajectory_heat_map_figures(finding)[0]["data"]
    cells, *strips, tree = data
    return cells, strips, tree


def test_cells_are_distances_in_leaf_order():
    finding, values, _ = heat_map()
    cells, _, _ = traces(finding)
    assert np.allclose(cells["z"], values, rtol=1e-4)
    assert cells["x"] == cells["y"] == list(range(N))
    names = finding.tables["leaves"]["run_id"]
    assert cells["text"][2][5] == f"{names[2]}<br>{names[5]}"


def test_many_leaves_share_cells_that_are_means(monkeypatch):
    finding, values, _ = heat_map()
    monkeypatch.setattr(trajectory_heat_map, "MOST_CELLS", 3)
    cells, _, _ = traces(finding)
    parts = [slice(0, 3), slice(3, 6), slice(6, 7)]
    assert np.allclose(cells["z"], [[values[a, b].mean() for b in parts] for a in parts], rtol=1e-4)
    assert cells["x"] == [1.0, 4.0, 6.0]


def test_strips_colour_levels_alike_and_order_numbers():
    _, strips, _ = traces(heat_map()[0])
    architecture, rate = strips
    assert [row[0] for row in architecture["z"]] == [1, 2, 1, 2, 1, 1, 0]
    assert [color for _, color in architecture["colorscale"][::2]] == list(theme.CATEGORY_COLORS[:3])
    assert [row[0] for row in rate["z"]] == [3, 2, 3, 1, 0, 3, 2]
    assert (rate["zmin"], rate["zmax"]) == (-0.5, 3.5)
    assert rate["colorscale"][0][0] == 0
    assert rate["colorscale"][-1][0] == 1
    assert "<b>" not in str(strips)


@pytest.mark.parametrize("rates", [["nan"] * N, ["inf", "1", "2", "3", "1", "2", "3"], [""] * N])
def test_levels_that_are_unusual_numbers_stay_levels(rates):
    _, (_, rate), _ = traces(heat_map(rates=rates)[0])
    assert len({row[0] for row in rate["z"]}) == len(set(rates))


def test_unrecorded_values_are_grey_beside_numbers():
    _, (_, rate), _ = traces(heat_map(rates=["", "10", "9", "", "10", "9", "10"])[0])
    assert [row[0] for row in rate["z"]] == [0, 2, 1, 0, 2, 1, 2]
    assert rate["colorscale"][0][1] == theme.OTHER_COLOR
    assert rate["text"][0] == ["learning rate: none"]


def test_the_tree_is_brackets_from_arms_to_joins():
    finding, _, tree = heat_map()
    _, _, lines = traces(finding)
    for join, ((one, other), (low, high, top)) in enumerate(zip(tree.places, tree.heights, strict=True)):
        part = slice(5 * join, 5 * join + 5)
        assert lines["y"][part][:4] == pytest.approx([one, one, other, other])
        assert lines["x"][part][:4] == pytest.approx([low, top, top, high], rel=1e-4)
        assert lines["x"][part][4] is lines["y"][part][4] is None


def test_leaves_are_points_of_their_runs():
    finding, _, _ = heat_map()
    (series,) = trajectory_heat_map_figures(finding)[0]["series"]
    assert series["run_ids"] == finding.tables["leaves"]["run_id"].tolist()
    assert series["y"] == list(range(N))


def embedding(signature, **tables):
    components = pd.DataFrame({"component": np.arange(1, len(signature) + 1), "signature": signature})
    components["explained stress"] = np.linspace(0.5, 1.0, len(signature))
    coordinates = pd.DataFrame({"run_id": ["a", "b", "c"]})
    for k in range(len(signature)):
        coordinates[f"PC{k + 1}"] = [0.0, 1.0, float(k)]
    return Finding({"coordinates": coordinates, "components": components, **tables})


def test_imaginary_axes_are_red_and_units_are_equal():
    plane, other, curve = trajectory_embedding_figures(embedding([1, -1, 1]))
    assert plane["layout"]["yaxis"]["title"] == {"text": "PC2, imaginary", "font": {"color": theme.TIME_LIKE}}
    assert plane["layout"]["xaxis"]["title"]["font"] == {}
    assert other["layout"]["yaxis"]["title"]["text"] == "PC3"
    assert plane["layout"]["yaxis"]["scaleanchor"] == other["layout"]["yaxis"]["scaleanchor"] == "x"
    assert curve["data"][0]["marker"]["color"] == [theme.SPACE_LIKE, theme.TIME_LIKE, theme.SPACE_LIKE]


def test_one_component_is_a_line_none_a_point():
    line, _ = trajectory_embedding_figures(embedding([1]))
    assert line["series"][0]["y"] == [0.0, 0.0, 0.0]
    finding = embedding([1])
    point = Finding({"coordinates": finding.tables["coordinates"][["run_id"]]})
    (figure,) = trajectory_embedding_figures(point)
    assert figure["series"][0]["x"] == figure["series"][0]["y"] == [0.0, 0.0, 0.0]


def test_the_geodesic_is_a_star_not_a_run():
    star = pd.DataFrame({"trajectory": ["geodesic"], "PC1": [0.25], "PC2": [-0.5], "PC3": [0.75]})
    plane, other, _ = trajectory_embedding_figures(embedding([1, 1, 1], geodesic=star))
    assert (plane["data"][0]["x"], plane["data"][0]["y"]) == ([0.25], [-0.5])
    assert other["data"][0]["y"] == [0.75]
    assert plane["series"][0]["run_ids"] == ["a", "b", "c"]


def test_boxes_are_drawn_as_they_were_computed():
    row = {"progress": 0.19, "n_seeds": 4, "lower whisker": 0.1, "lower quartile": 0.2, "median": 0.3}
    row |= {"upper quartile": 0.4, "upper whisker": 0.6, "n_beyond": 1}
    widths = pd.DataFrame({"run_id": ["a", "b"], "progress": [0.19, 0.19], "distance to the mean": [0.1, 0.2]})
    boxes, curves = tube_figures(Finding({"boxes": pd.DataFrame([row]), "widths": widths}))
    (box,) = boxes["data"]
    drawn = [box[name][0] for name in ("lowerfence", "q1", "median", "q3", "upperfence")]
    assert drawn == [0.1, 0.2, 0.3, 0.4, 0.6]
    assert box["x"] == ["0.19"]
    assert curves["series"][0]["run_ids"] == ["a", "b"]
    assert curves["data"] == []
