"""Embedding of whole trajectories: pairs of components and explained stress."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.series import figure, run_series
from dashboard.figures.frame import MARK_COLOR, Figure, scatter
from engine.analyses import Finding

PAIRS = ((1, 2), (1, 3))


def trajectory_embedding_figures(finding: Finding) -> list[Figure]:
    """Up to two charts of component pairs, and explained stress against the number of components."""
    points = finding.tables.get("members", finding.tables["coordinates"])
    components = finding.tables.get("components")
    if components is None:
        series = run_series(points.assign(zero=0.0), "zero", "zero", "markers")
        return [figure("Trajectories", "PC1", "PC2", series=[series], shape="wide")]
    figures = [_pair(finding, points, components, x, y) for x, y in PAIRS if f"PC{y}" in points]
    if not figures:
        series = run_series(points.assign(zero=0.0), "PC1", "zero", "markers")
        figures = [figure("PC1", _title(components, 1), "", series=[series])]
    return [*figures, _explained(components)]


def _title(components: pd.DataFrame, k: int) -> str:
    return f"PC{k}" if components["signature"].iloc[k - 1] > 0 else f"PC{k}, imaginary"


def component_axis(components: pd.DataFrame, k: int) -> dict[str, Any]:
    """Axis of a component; red if the component is imaginary."""
    red = {"color": theme.TIME_LIKE} if components["signature"].iloc[k - 1] < 0 else {}
    title = {"text": _title(components, k), "font": red}
    return {"title": title, "zeroline": False, **({"tickfont": red} if red else {})}


def _pair(finding: Finding, points: pd.DataFrame, components: pd.DataFrame, x: int, y: int) -> Figure:
    data = []
    if "geodesic" in finding.tables:
        place = finding.tables["geodesic"].iloc[0]
        star = {"marker": {"symbol": "star", "size": 14, "color": MARK_COLOR}, "hoverinfo": "skip"}
        label = {"text": ["geodesic"], "textposition": "top center", "cliponaxis": False}
        data.append(scatter([float(place[f"PC{x}"])], [float(place[f"PC{y}"])], "markers+text", **star, **label))
    series = [run_series(points, f"PC{x}", f"PC{y}", "markers", marker={"size": 8})]
    # Equal scale on both axes, so that lengths in the chart are comparable.
    y_axis = {**component_axis(components, y), "scaleanchor": "x", "scaleratio": 1}
    axes = {"xaxis": component_axis(components, x), "yaxis": y_axis}
    return figure(f"PC{x} and PC{y}", "", "", data=data, series=series, shape="square", **axes)


def _explained(components: pd.DataFrame) -> Figure:
    colors = [theme.SPACE_LIKE if sign > 0 else theme.TIME_LIKE for sign in components["signature"]]
    curve = scatter(
        components["component"].tolist(),
        [round(value, 6) for value in components["explained stress"].tolist()],
        "lines+markers",
        line={"width": 1.5, "color": MARK_COLOR},
        marker={"size": 6, "color": colors},
        hovertemplate="%{x} components: %{y:.3f}<extra></extra>",
    )
    return figure("Explained stress", "components", "explained stress", data=[curve], yaxis={"range": [0, 1.03]})
