"""Six means of the same runs against the clock, beside the runs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.between_runs.embedding import component_axis
from dashboard.figures.analyses.series import figure, run_series
from dashboard.figures.frame import Figure, Trace, numbers, scatter
from engine.analyses import Finding

LEGEND = {"x": 0.01, "y": 1, "yanchor": "top", "bgcolor": "rgba(0,0,0,0)", "font": {"size": 11}}
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def kinds_of_mean_figures(finding: Finding) -> list[Figure]:
    """One chart per quantity; the first carries the legend."""
    means, runs = finding.tables["means"], finding.tables["runs"]
    clock = means.columns[1]
    order = sorted(means.columns[2:], key=lambda name: not name.startswith("true-class"))
    figures = [_chart(means, runs, clock, quantity, with_legend=k == 0) for k, quantity in enumerate(order)]
    return [*figures, _plane(finding)]


def _plane(finding: Finding) -> Figure:
    means, runs = finding.tables["places_of_means"], finding.tables["places_of_runs"]
    components = finding.tables.get("components", ())
    x_axis, y_axis = (component_axis(components, k) if k <= len(components) else {} for k in (1, 2))
    series = run_series(runs, "PC1", "PC2", "lines", line={"width": 0.8})
    # Equal scale on both axes, so that lengths in the chart are comparable.
    axes = {"xaxis": x_axis, "yaxis": y_axis | {"scaleanchor": "x", "scaleratio": 1}}
    data = _lines(means, "PC1", "PC2")
    return figure("Means and runs, embedded together", "PC1", "PC2", data=data, series=[series], shape="wide", **axes)


def _chart(means: pd.DataFrame, runs: pd.DataFrame, clock: str, quantity: str, *, with_legend: bool) -> Figure:
    layout: dict[str, Any] = {"showlegend": True, "legend": LEGEND} if with_legend else {}
    mode = "lines" if len(runs) > len(set(runs["run_id"])) else "markers"
    series = run_series(runs, clock, quantity, mode, line={"width": 0.8})
    title = quantity[0].upper() + quantity[1:]
    return figure(title, clock, quantity, data=_lines(means, clock, quantity), series=[series], **layout)


def _lines(means: pd.DataFrame, x: str, y: str) -> list[Trace]:
    """Line traces, one per kind of mean."""
    return [
        scatter(
            numbers(table[x]),
            numbers(table[y]),
            "lines" if len(table) > 1 else "markers",
            name=name,
            line={"width": 2.5, "color": theme.CATEGORY_COLORS[k], "dash": DASHES[k]},
            marker={"color": theme.CATEGORY_COLORS[k]},
            hovertemplate=f"{name}: %{{y:.4g}}<extra></extra>",
        )
        for k, (name, table) in enumerate(means.groupby("mean", sort=False))
    ]
