"""Runs that were fitted, runs that were projected, and how faithful either are."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.curves import (
    COLORS,
    components_axis,
    curve,
    curves_figure,
    has_component,
    pair_figure,
    signatures,
)
from dashboard.figures.analyses.series import MOST_POINTS, figure, numbers, plain, run_series
from dashboard.figures.frame import Figure
from engine.analyses import Finding

GROUP_COLORS = {"fitted": COLORS[0], "projected": COLORS[1], "between": COLORS[3], "own embedding": theme.OTHER_COLOR}
NAMES = {
    "fitted": "fitted",
    "projected": "projected",
    "between": "between the two",
    "own embedding": "projected, own embedding",
}


def fit_and_project_figures(finding: Finding) -> list[Figure]:
    """Pairs of components, heights, and what is explained."""
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
        figures.append(
            pair_figure(
                f"Height above the first {n_axes} axes",
                pairs[0],
                signature,
                [],
                [_coloured_by_height(table, *pairs[0])],
            )
        )
    figures.append(
        figure(
            "Height: solid fitted, dotted projected",
            "epoch",
            f"height above {n_axes} axes",
            series=_both(table, "epoch", "height", "lines", dash="dot"),
            shape="square" if len(figures) % 2 else "half",
        )
    )
    axis = components_axis(explained)
    stress = [_curve(explained, group, "explained stress") for group in ("fitted", "projected", "own embedding")]
    measures = (("explained distance (moduli)", "solid"), ("explained distance (squares)", "dash"))
    distance = [
        _curve(explained, group, measure, dash)
        for measure, dash in measures
        for group in ("fitted", "projected", "between")
    ]
    return [
        *figures,
        curves_figure("Explained stress", "components k", "explained stress", _present(stress), xaxis=axis),
        curves_figure(
            "Explained distance (dashed by squares)",
            "components k",
            "explained distance",
            _present(distance),
            xaxis=axis,
        ),
    ]


def _both(
    table: pd.DataFrame, x: str, y: str, projected_mode: str = "markers", dash: str = "solid"
) -> list[dict[str, Any]]:
    is_fitted = table["group"] == "fitted"
    return [
        run_series(table[is_fitted], x, y, name="fitted"),
        run_series(
            table[~is_fitted],
            x,
            y,
            projected_mode,
            name="projected",
            marker={"symbol": "circle-open", "size": 5},
            line={"dash": dash},
        ),
    ]


def _coloured_by_height(table: pd.DataFrame, x: str, y: str) -> dict[str, Any]:
    every = -(-len(table) // MOST_POINTS)
    table = table.iloc[::every]
    # A few outliers would leave one colour for all others.
    low, high = (float(table["height"].quantile(share)) for share in (0.01, 0.99))
    return {
        "type": "scatter",
        "mode": "markers",
        "x": numbers(table[x]),
        "y": numbers(table[y]),
        "text": [
            f"{plain(str(run_id))}, checkpoint {checkpoint}, {group}<br>height {height:.4f}"
            for run_id, checkpoint, group, height in zip(
                table["run_id"], table["checkpoint"], table["group"], table["height"], strict=True
            )
        ],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "color": numbers(table["height"]),
            "symbol": ["circle" if group == "fitted" else "diamond" for group in table["group"]],
            "size": 5,
            "colorscale": theme.SEQUENTIAL_SCALE,
            "cmin": low,
            "cmax": high,
            "showscale": True,
            "colorbar": {"thickness": 10, "title": {"text": "height", "side": "right"}},
        },
    }


def _curve(explained: pd.DataFrame, group: str, measure: str, dash: str = "solid") -> dict[str, Any] | None:
    rows = explained[explained["group"] == group]
    if not len(rows):
        return None
    name, color = NAMES[group], GROUP_COLORS[group]
    return curve(rows["components"], rows[measure], name, color, dash, showlegend=dash == "solid")


def _present(curves: list[dict[str, Any] | None]) -> list[dict[str, Any]]:
    return [one for one in curves if one is not None]
