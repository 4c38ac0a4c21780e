"""Distances between trajectories as a heat map, a tree, and hyperparameters in colour between the two."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.series import figure, plain, run_series
from dashboard.figures.frame import MARK_COLOR, Figure
from engine.analyses import Finding

MOST_CELLS = 400
"""Per side: beyond, each cell is the mean over a square of neighbours."""
MOST_NAMED = 100
"""Leaves up to which every cell says which two it is of."""
NO_HYPERPARAMETER = {"place", "run_id", "configuration", "n_runs", "distance to the geodesic"}
TREE_END, STRIP_WIDTH, MOST_STRIPS_WIDTH = 0.17, 0.022, 0.24
STRIP_GAP = 0.012


def trajectory_heat_map_figures(finding: Finding) -> list[Figure]:
    """The heat map with its tree; how distances change along the clock; what hyperparameters do to them."""
    leaves, distances = finding.tables["leaves"], finding.arrays["distances"]
    columns = [name for name in leaves if name not in NO_HYPERPARAMETER]
    strips_end = TREE_END + min(STRIP_WIDTH * len(columns), MOST_STRIPS_WIDTH)
    data = [_cells(leaves, distances), *_strips(leaves, columns)]
    if "joins" in finding.tables:
        data.append(_tree(finding.tables["joins"]))
    members = finding.tables.get("members", leaves)
    hidden = {"showticklabels": False, "showgrid": False, "zeroline": False, "ticks": ""}
    n_leaves = len(leaves)
    figures = [
        figure(
            "Distances, in the order of the tree",
            "distance",
            "",
            data=data,
            series=[run_series(members.assign(zero=0.0), "zero", "place", "markers", name="leaf")],
            xaxis={"domain": [0, TREE_END - STRIP_GAP], "autorange": "reversed", "rangemode": "tozero", "nticks": 4},
            xaxis2={
                "domain": [TREE_END, max(strips_end, TREE_END + STRIP_WIDTH)],
                "tickvals": list(range(len(columns))),
                "ticktext": [plain(name.replace("_", " ")) for name in columns],
                "tickangle": -60,
                "showgrid": False,
                "zeroline": False,
                "tickfont": {"size": 10},
            },
            xaxis3={"domain": [strips_end + STRIP_GAP, 1], **hidden},
            yaxis={"range": [n_leaves - 0.5, -0.5], **hidden},
            margin={"l": 12, "r": 8, "t": 8, "b": 84},
        )
    ]
    if "along_the_clock" in finding.tables:
        figures.append(_profile(finding.tables["along_the_clock"]))
    if "by_hyperparameter" in finding.tables:
        figures.append(_by_hyperparameter(finding.tables["by_hyperparameter"]))
    return figures


def _cells(leaves: pd.DataFrame, distances: np.ndarray) -> dict[str, Any]:
    names = leaves["run_id" if "run_id" in leaves else "configuration"].tolist()
    size = -(-len(distances) // MOST_CELLS)
    starts = np.arange(0, len(distances), size)
    counts = np.diff([*starts, len(distances)])
    sums = np.add.reduceat(np.add.reduceat(distances, starts, axis=0), starts, axis=1)
    middles = (starts + 0.5 * (counts - 1)).tolist()
    trace: dict[str, Any] = {
        "type": "heatmap",
        "xaxis": "x3",
        "yaxis": "y",
        "x": middles,
        "y": middles,
        "z": [[_short(value) for value in row] for row in sums / np.outer(counts, counts)],
        "zmin": 0,
        "colorscale": theme.SEQUENTIAL_SCALE,
        "colorbar": {"thickness": 10, "outlinewidth": 0, "title": {"text": "distance", "side": "right"}},
        "hovertemplate": "%{z:.4g}<extra></extra>",
    }
    if len(names) <= MOST_NAMED:
        texts = [plain(name) for name in names]
        trace["text"] = [[f"{one}<br>{other}" for other in texts] for one in texts]
        trace["hovertemplate"] = "%{text}<br>%{z:.4g}<extra></extra>"
    return trace


def _strips(leaves: pd.DataFrame, columns: list[str]) -> list[dict[str, Any]]:
    """One strip of colours for each hyperparameter."""
    traces = []
    for place, name in enumerate(columns):
        levels, colors = _levels(leaves[name])
        codes = leaves[name].map({level: code for code, level in enumerate(levels)}).tolist()
        scale = [[(k + end) / len(levels), color] for k, color in enumerate(colors) for end in (0, 1)]
        traces.append(
            {
                "type": "heatmap",
                "xaxis": "x2",
                "yaxis": "y",
                "x": [place],
                "y": list(range(len(codes))),
                "z": [[code] for code in codes],
                "zmin": -0.5,
                "zmax": len(levels) - 0.5,
                "colorscale": scale,
                "showscale": False,
                "xgap": 2,
                "text": [[plain(f"{name.replace('_', ' ')}: {level or 'none'}")] for level in leaves[name]],
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    return traces


def _levels(column: pd.Series) -> tuple[list[str], list[str]]:
    """The levels in order, as numbers where they are, with a colour each; what is not recorded is first, in grey."""
    missing = [""] if "" in set(column) else []
    found = sorted(set(column) - {""})
    try:
        found = sorted(found, key=float)
        scale = theme.style()["sequential"]
        colors = [scale[round(k * (len(scale) - 1) / max(1, len(found) - 1))] for k in range(len(found))]
    except ValueError:
        names = theme.CATEGORY_COLORS
        colors = [names[k] if k < len(names) else theme.OTHER_COLOR for k in range(len(found))]
    return missing + found, [theme.OTHER_COLOR] * len(missing) + colors


def _tree(joins: pd.DataFrame) -> dict[str, Any]:
    """Each join as a bracket that opens towards its two arms."""
    top = joins["distance"].to_numpy()
    x = np.stack([joins["height 1"], top, top, joins["height 2"], np.full(len(top), np.nan)], axis=1).ravel()
    places = [joins["place 1"], joins["place 1"], joins["place 2"], joins["place 2"], np.full(len(top), np.nan)]
    y = np.stack(places, axis=1).ravel()
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [_short(value) for value in x],
        "y": [_short(value) for value in y],
        "line": {"width": 1, "color": MARK_COLOR, "shape": "linear"},
        "hoverinfo": "skip",
    }


def _profile(table: pd.DataFrame) -> Figure:
    clock, *names = table.columns
    dashes = {"between configurations": "solid", "between seeds": "dash"}
    lines = [
        {
            "type": "scatter",
            "mode": "lines" if len(table) > 1 else "markers",
            "name": name,
            "x": [_short(value) for value in table[clock]],
            "y": [_short(value) for value in table[name]],
            "line": {"width": 2, "color": theme.SPACE_LIKE, "dash": dashes[name]},
        }
        for name in names
    ]
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"}
    return figure(
        "Mean distance along the clock",
        clock,
        "distance",
        data=lines,
        shape="half",
        yaxis={"rangemode": "tozero"},
        showlegend=True,
        legend=legend,
        margin={"l": 56, "r": 16, "t": 26, "b": 44},
    )


def _by_hyperparameter(table: pd.DataFrame) -> Figure:
    names = [plain(name.replace("_", " ")) for name in table["hyperparameter"]][::-1]
    colors = {"same level": theme.SPACE_LIKE, "different level": MARK_COLOR}
    bars = [
        {
            "type": "bar",
            "orientation": "h",
            "name": f"of the {name}" if name == "same level" else f"of a {name}",
            "y": names,
            "x": [_short(value) for value in table[name]][::-1],
            "marker": {"color": color},
            "hovertemplate": "%{y}: %{x:.4g}<extra></extra>",
        }
        for name, color in colors.items()
    ]
    return figure(
        "Mean distance between configurations",
        "distance",
        "",
        data=bars,
        shape="half",
        barmode="group",
        showlegend=True,
        legend={
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 1,
            "xanchor": "right",
            "traceorder": "reversed",
        },
        margin={"l": 100, "r": 16, "t": 26, "b": 44},
    )


def _short(value: float) -> float | None:
    return float(f"{value:.5g}") if np.isfinite(value) else None
