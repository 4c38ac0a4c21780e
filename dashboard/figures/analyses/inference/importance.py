"""Figures of the importance of hyperparameters, their shares of variation, and associations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.series import LEGEND_ABOVE, category, error_bars, figure
from dashboard.figures.frame import MARK_COLOR, Figure, Trace, bars, finite, heat_map, scatter
from engine.analyses import Finding
from engine.analyses.inference.importance import SCORE
from engine.statistics.importance import N_CHANCE

ALONE_COLOR, BEYOND_COLOR = theme.CATEGORY_COLORS[0], theme.CATEGORY_COLORS[3]
TOGETHER_COLOR = theme.CATEGORY_COLORS[4]
MARGINS: dict[str, Any] = {
    "margin": {"l": 8, "r": 24, "t": 28, "b": 40},
    "yaxis": {"type": "category", "automargin": True},
}


def what_decides_figures(finding: Finding) -> list[Figure]:
    """Figures of the analysis "what decides": importance with intervals (if a forest predicts held-out pairs), shares
    of the variation between runs (PERMANOVA, for a hyperparameter alone and beyond all others), associations of two.
    """
    figures = []
    if "importance" in finding.tables and float(finding.numbers[SCORE]) > 0:
        figures.append(_importance(finding.tables["importance"]))
    figures.append(_shares(finding.tables["hyperparameters"]))
    if "associations" in finding.tables:
        figures.append(_associations(finding.tables["associations"]))
    return figures


def _importance(table: pd.DataFrame) -> Figure:
    rows = table.iloc[::-1]
    names = [category(name) for name in rows["hyperparameters"]]
    data = bars(
        rows["importance"].tolist(),
        names,
        orientation="h",
        error_x=error_bars(rows["importance"], rows["low"], rows["high"]),
        marker={"color": [TOGETHER_COLOR if n > 1 else ALONE_COLOR for n in rows["shuffled together"]]},
        customdata=rows[["low", "high"]].to_numpy().round(4).tolist(),
        hovertemplate="%{y}: %{x:.3f}, from %{customdata[0]:.3f} to %{customdata[1]:.3f}<extra></extra>",
    )
    chance = _by_chance(names, rows["by chance"], f"importance by chance, largest of {N_CHANCE}")
    return figure(
        "Importance, held out", "R² lost when shuffled, bars: 95 % of the splits", "", data=[data, chance], **MARGINS
    )


def _shares(table: pd.DataFrame) -> Figure:
    rows = table.iloc[::-1]
    names = [category(value) for value in rows["hyperparameter"]]
    p_values = rows["p beyond the others, adjusted"]
    tested = [f"adjusted p = {value:.2g}" if np.isfinite(value) else "not tested" for value in p_values]
    data = [
        # Beside the bars: in them, plotly shrinks a text until it fits.
        _share_bars(names, rows["R² beyond the others"], tested, "beyond the others", BEYOND_COLOR, "outside"),
        _share_bars(names, rows["R² alone"], ["exploratory"] * len(rows), "alone, exploratory", ALONE_COLOR, "none"),
        _by_chance(names, rows["R² beyond, by chance"], "R² beyond the others by chance"),
    ]
    legend = {**LEGEND_ABOVE, "traceorder": "reversed"}
    layout: dict[str, Any] = {"barmode": "group", "showlegend": True, "legend": legend, **MARGINS}
    return figure("Share of variation", "R² (PERMANOVA)", "", data=data, **layout)


def _share_bars(
    names: list[str], shares: pd.Series, texts: list[str], name: str, color: str, place: str | list[str]
) -> Trace:
    return bars(
        finite(shares),
        names,
        orientation="h",
        name=name,
        marker={"color": color},
        text=texts,
        textposition=place,
        cliponaxis=False,
        textfont={"size": 10},
        hovertemplate=f"%{{y}}, {name}: R² %{{x:.3f}}, %{{text}}<extra></extra>",
    )


def _by_chance(names: list[str], values: pd.Series, words: str) -> Trace:
    """Marks at what values without meaning have."""
    return scatter(
        finite(values),
        names,
        "markers",
        name="by chance",
        marker={"symbol": "line-ns-open", "size": 22, "line": {"width": 2}, "color": MARK_COLOR},
        hovertemplate=f"%{{y}}, {words}: %{{x:.3f}}<extra></extra>",
    )


def _associations(table: pd.DataFrame) -> Figure:
    names = list(dict.fromkeys([*table["hyperparameter"], *table["other hyperparameter"]]))
    place = {name: index for index, name in enumerate(names)}
    values: list[list[float | None]] = [[None] * len(names) for _ in names]
    for one, other, value in table[["hyperparameter", "other hyperparameter", "Cramér's V"]].itertuples(index=False):
        values[place[one]][place[other]] = values[place[other]][place[one]] = round(value, 4)
    labels = [category(name) for name in names]
    looks = {"zmax": 1, "xgap": 1, "ygap": 1, "hovertemplate": "%{y} and %{x}: %{z:.2f}<extra></extra>"}
    return figure(
        "Which hyperparameters go together",
        "",
        "",
        data=[heat_map(labels, labels, values, "Cramér's V", **looks)],
        xaxis={"type": "category", "tickangle": -40, "showgrid": False},
        yaxis={"type": "category", "autorange": "reversed", "automargin": True, "showgrid": False},
        margin={"l": 8, "r": 8, "t": 8, "b": 70},
    )
