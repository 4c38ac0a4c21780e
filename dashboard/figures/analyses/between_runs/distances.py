"""Heat map of distances between trajectories, with dendrogram and hyperparameter strips."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.series import FROM_ZERO, category, figure, plain, run_series
from dashboard.figures.frame import MARK_COLOR, Figure, Trace, bars, heat_map, numbers, scatter
from engine.analyses import Finding
from engine.values import FloatArray

MOST_CELLS = 400
"""Cells per side; with more runs, each cell is the mean over a square block of neighbouring runs."""
MOST_NAMED = 100
"""Up to this many leaves, each cell's hover text names its two runs."""
NO_HYPERPARAMETER = {"place", "run_id", "configuration", "n_runs", "distance to the geodesic"}
TREE_END, STRIP_WIDTH, MOST_STRIPS_WIDTH = 0.17, 0.022, 0.24
STRIP_GAP = 0.012
DIGITS = 5
LEGEND_RIGHT = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"}
MARGIN = {"r": 16, "t": 26, "b": 44}


def trajectory_heat_map_figures(finding: Finding) -> list[Figure]:
    """Heat map with dendrogram; distances along the clock; distances by hyperparameter."""
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
            shape="wide",
            data=data,
            series=[run_series(members.assign(zero=0.0), "zero", "place", "markers", name="leaf")],
            xaxis={"domain": [0, TREE_END - STRIP_GAP], "autorange": "reversed", "rangemode": "tozero", "nticks": 4},
            xaxis2={
                "domain": [TREE_END, max(strips_end, TREE_END + STRIP_WIDTH)],
                "tickvals": list(range(len(columns))),
                "ticktext": [category(name) for name in columns],
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


def _cells(leaves: pd.DataFrame, distances: FloatArray) -> Trace:
    names = leaves["run_id" if "run_id" in leaves else "configuration"].tolist()
    size = -(-len(distances) // MOST_CELLS)
    starts = np.arange(0, len(distances), size)
    counts = np.diff([*starts, len(distances)])
    sums = np.add.reduceat(np.add.reduceat(distances, starts, axis=0), starts, axis=1)
    middles = (starts + 0.5 * (counts - 1)).tolist()
    cells = [numbers(row, DIGITS) for row in sums / np.outer(counts, counts)]
    trace = heat_map(middles, middles, cells, "distance", xaxis="x3", yaxis="y")
    trace["hovertemplate"] = "%{z:.4g}<extra></extra>"
    if len(names) <= MOST_NAMED:
        texts = [plain(name) for name in names]
        trace["text"] = [[f"{one}<br>{other}" for other in texts] for one in texts]
        trace["hovertemplate"] = "%{text}<br>%{z:.4g}<extra></extra>"
    return trace


def _strips(leaves: pd.DataFrame, columns: list[str]) -> list[Trace]:
    """Heat-map traces, one strip of colours per hyperparameter."""
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
    """Levels of a column and their colours; numeric levels in numeric order, the empty level first, in grey."""
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


def _tree(joins: pd.DataFrame) -> Trace:
    """Dendrogram trace: one bracket per merge, open towards the two merged clusters."""
    top = joins["distance"].to_numpy()
    gap = np.full(len(top), np.nan)
    x = np.stack([joins["height 1"], top, top, joins["height 2"], gap], axis=1).ravel()
    y = np.stack([joins["place 1"], joins["place 1"], joins["place 2"], joins["place 2"], gap], axis=1).ravel()
    line = {"width": 1, "color": MARK_COLOR, "shape": "linear"}
    return scatter(numbers(x, DIGITS), numbers(y, DIGITS), line=line, hoverinfo="skip")


def _profile(table: pd.DataFrame) -> Figure:
    clock, *names = table.columns
    dashes = {"between configurations": "solid", "between seeds": "dash"}
    lines = [
        scatter(
            numbers(table[clock], DIGITS),
            numbers(table[name], DIGITS),
            "lines" if len(table) > 1 else "markers",
            name=name,
            line={"width": 2, "color": theme.SPACE_LIKE, "dash": dashes[name]},
        )
        for name in names
    ]
    layout: dict[str, Any] = {"showlegend": True, "legend": LEGEND_RIGHT, "margin": {"l": 56, **MARGIN}}
    return figure("Mean distance along the clock", clock, "distance", data=lines, yaxis=FROM_ZERO, **layout)


def _by_hyperparameter(table: pd.DataFrame) -> Figure:
    names = [category(name) for name in table["hyperparameter"]][::-1]
    data = [
        bars(
            numbers(table[name], DIGITS)[::-1],
            names,
            orientation="h",
            name=f"of {article} {name}",
            marker={"color": color},
            hovertemplate="%{y}: %{x:.4g}<extra></extra>",
        )
        for article, name, color in (("the", "same level", theme.SPACE_LIKE), ("a", "different level", MARK_COLOR))
    ]
    legend = {**LEGEND_RIGHT, "traceorder": "reversed"}
    layout: dict[str, Any] = {"barmode": "group", "showlegend": True, "legend": legend, "margin": {"l": 100, **MARGIN}}
    layout["yaxis"] = {"type": "category"}
    return figure("Mean distance between configurations", "distance", "", data=data, **layout)
