"""Embedding fitted to some runs with others projected, and its fidelity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.curves import COLORS, curve, explained_figure, has_component, pair_figure, signatures
from dashboard.figures.analyses.series import MOST_POINTS, figure, plain, run_series
from dashboard.figures.frame import Figure, Trace, numbers, scatter
from engine.analyses import Finding

GROUP_COLORS = {"fitted": COLORS[0], "projected": COLORS[1], "between": COLORS[3], "own embedding": theme.OTHER_COLOR}
NAMES = {"between": "between the two", "own embedding": "projected, own embedding"}


def fit_and_project_figures(finding: Finding) -> list[Figure]:
    """Pairs of components, heights, explained stress and explained distance."""
    table, explained = finding.tables["coordinates"], finding.tables["explained"]
    n_axes = int(finding.arrays["axes of heights"])
    signature = signatures(explained[explained["group"] == "fitted"], "component")
    pairs = [("component 1", "component 2"), ("component 1", "component 3")]
    figures = [
        pair_figure(f"1 and {y[-1]}: lines fitted, circles projected", (x, y), signature, _both(table, x, y))
        for x, y in pairs
        if has_component(table, y)
    ]
    if has_component(table, "component 2"):
        points = [_coloured_by_height(table, *pairs[0])]
        figures.append(pair_figure(f"Height above the first {n_axes} axes", pairs[0], signature, [], points))
    figures.append(
        figure(
            "Height: solid fitted, dotted projected",
            "epoch",
            f"height above {n_axes} axes",
            series=_both(table, "epoch", "height", "lines", dash="dot"),
            shape="square" if len(figures) % 2 else "half",
        )
    )
    stress = _curves(explained, "explained stress", ("fitted", "projected", "own embedding"))
    groups = ("fitted", "projected", "between")
    distance = _curves(explained, "explained distance (moduli)", groups)
    distance += _curves(explained, "explained distance (squares)", groups, "dash")
    return [
        *figures,
        explained_figure("Explained stress", "stress", stress, explained),
        explained_figure("Explained distance (dashed by squares)", "distance", distance, explained),
    ]


def _both(
    table: pd.DataFrame, x: str, y: str, projected_mode: str = "markers", dash: str = "solid"
) -> list[dict[str, Any]]:
    is_fitted = table["group"] == "fitted"
    looks = {"marker": {"symbol": "circle-open", "size": 5}, "line": {"dash": dash}}
    return [
        run_series(table[is_fitted], x, y, name="fitted"),
        run_series(table[~is_fitted], x, y, projected_mode, name="projected", **looks),
    ]


def _coloured_by_height(table: pd.DataFrame, x: str, y: str) -> Trace:
    table = table.iloc[:: -(-len(table) // MOST_POINTS)]
    # Percentiles 1 and 99: a few outliers would leave one colour for all other points.
    low, high = (float(table["height"].quantile(share)) for share in (0.01, 0.99))
    models = table[["run_id", "checkpoint", "group", "height"]].itertuples(index=False)
    marker = {
        "color": numbers(table["height"]),
        "symbol": ["circle" if group == "fitted" else "diamond" for group in table["group"]],
        "size": 5,
        "colorscale": theme.SEQUENTIAL_SCALE,
        "cmin": low,
        "cmax": high,
        "showscale": True,
        "colorbar": {"thickness": 10, "title": {"text": "height", "side": "right"}},
    }
    return scatter(
        numbers(table[x]),
        numbers(table[y]),
        "markers",
        text=[
            f"{plain(str(run_id))}, checkpoint {checkpoint}, {group}<br>height {height:.4f}"
            for run_id, checkpoint, group, height in models
        ],
        hovertemplate="%{text}<extra></extra>",
        marker=marker,
    )


def _curves(explained: pd.DataFrame, measure: str, groups: Sequence[str], dash: str = "solid") -> list[Trace]:
    """Curves of the groups that have any components."""
    return [
        curve(
            rows["components"],
            rows[measure],
            NAMES.get(group, group),
            GROUP_COLORS[group],
            dash,
            showlegend=dash == "solid",
        )
        for group in groups
        if len(rows := explained[explained["group"] == group])
    ]
