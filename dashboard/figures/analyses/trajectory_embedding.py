"""Trajectories as points: pairs of components, and how much they explain."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.series import figure, run_series
from dashboard.figures.frame import MARK_COLOR, Figure
from engine.analyses import Finding

PAIRS = ((1, 2), (1, 3))


def trajectory_embedding_figures(finding: Finding) -> list[Figure]:
    """Two pairs of components as far as there are so many, and the curve of explained stress."""
    points = finding.tables.get("members", finding.tables["coordinates"])
    components = finding.tables.get("components")
    if components is None:
        return [
            figure(
                "Trajectories", "PC1", "PC2", series=[run_series(points.assign(zero=0.0), "zero", "zero", "markers")]
            )
        ]
    figures = [_pair(finding, points, components, x, y) for x, y in PAIRS if f"PC{y}" in points]
    if not figures:
        on_line = points.assign(zero=0.0)
        figures = [
            figure(
                "PC1", _title(components, 1), "", series=[run_series(on_line, "PC1", "zero", "markers")], shape="half"
            )
        ]
    return [*figures, _explained(components)]


def _title(components: pd.DataFrame, k: int) -> str:
    return f"PC{k}" if components["signature"].iloc[k - 1] > 0 else f"PC{k}, imaginary"


def component_axis(components: pd.DataFrame, k: int) -> dict[str, Any]:
    """The axis of a component: red where it is imaginary."""
    is_imaginary = components["signature"].iloc[k - 1] < 0
    red = {"color": theme.TIME_LIKE} if is_imaginary else {}
    return {
        "title": {"text": _title(components, k), "font": red},
        "zeroline": False,
        **({"tickfont": red} if red else {}),
    }


def _pair(finding: Finding, points: pd.DataFrame, components: pd.DataFrame, x: int, y: int) -> Figure:
    data = []
    if "geodesic" in finding.tables:
        place = finding.tables["geodesic"].iloc[0]
        data.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "x": [float(place[f"PC{x}"])],
                "y": [float(place[f"PC{y}"])],
                "text": ["geodesic"],
                "textposition": "top center",
                "cliponaxis": False,
                "marker": {"symbol": "star", "size": 14, "color": MARK_COLOR},
                "hoverinfo": "skip",
            }
        )
    series = [run_series(points, f"PC{x}", f"PC{y}", "markers", marker={"size": 8})]
    # Distances mean something: a unit is as long along either axis.
    return figure(
        f"PC{x} and PC{y}",
        "",
        "",
        data=data,
        series=series,
        shape="square",
        xaxis=component_axis(components, x),
        yaxis={**component_axis(components, y), "scaleanchor": "x", "scaleratio": 1},
    )


def _explained(components: pd.DataFrame) -> Figure:
    colors = [theme.SPACE_LIKE if sign > 0 else theme.TIME_LIKE for sign in components["signature"]]
    curve = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": components["component"].tolist(),
        "y": [round(value, 6) for value in components["explained stress"].tolist()],
        "line": {"width": 1.5, "color": MARK_COLOR},
        "marker": {"size": 6, "color": colors},
        "hovertemplate": "%{x} components: %{y:.3f}<extra></extra>",
    }
    return figure(
        "Explained stress", "components", "explained stress", data=[curve], shape="half", yaxis={"range": [0, 1.03]}
    )
