"""Six means of the same runs against the clock, with the runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.series import figure, run_series
from dashboard.figures.frame import Figure
from engine.analyses import Finding

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def kinds_of_mean_figures(finding: Finding) -> list[Figure]:
    """One chart of each quantity; the legend is in the first."""
    means, runs = finding.tables["means"], finding.tables["runs"]
    clock = means.columns[1]
    order = sorted(means.columns[2:], key=lambda name: not name.startswith("true-class"))
    return [_chart(means, runs, clock, quantity, with_legend=k == 0) for k, quantity in enumerate(order)]


def _chart(means: pd.DataFrame, runs: pd.DataFrame, clock: str, quantity: str, *, with_legend: bool) -> Figure:
    lines: list[dict[str, Any]] = []
    for k, (name, table) in enumerate(means.groupby("mean", sort=False)):
        lines.append(
            {
                "type": "scatter",
                "mode": "lines" if len(table) > 1 else "markers",
                "name": name,
                "x": [_short(value) for value in table[clock]],
                "y": [_short(value) for value in table[quantity]],
                "line": {"width": 2.5, "color": theme.CATEGORY_COLORS[k], "dash": DASHES[k]},
                "marker": {"color": theme.CATEGORY_COLORS[k]},
                "hovertemplate": f"{name}: %{{y:.4g}}<extra></extra>",
            }
        )
    layout: dict[str, Any] = {}
    if with_legend:
        layout = {
            "showlegend": True,
            "legend": {"x": 0.01, "y": 1, "yanchor": "top", "bgcolor": "rgba(0,0,0,0)", "font": {"size": 11}},
        }
    mode = "lines" if len(runs) > len(set(runs["run_id"])) else "markers"
    series = run_series(runs, clock, quantity, mode, line={"width": 0.8})
    title = quantity[0].upper() + quantity[1:]
    return figure(title, clock, quantity, data=lines, series=[series], shape="half", **layout)


def _short(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None
