"""Importance of hyperparameters with intervals, their shares of the variation, and which go together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.series import LEGEND_ABOVE, figure, plain
from dashboard.figures.frame import MARK_COLOR, Figure
from engine.analyses import Finding

ALONE_COLOR, BEYOND_COLOR = theme.CATEGORY_COLORS[0], theme.CATEGORY_COLORS[3]
TOGETHER_COLOR = theme.CATEGORY_COLORS[4]
ROOM = {"l": 8, "r": 24, "t": 28, "b": 40}


def what_decides_figures(finding: Finding) -> list[Figure]:
    """Importance where there are configurations enough; shares alone and beyond the others; associations."""
    figures = []
    if "importance" in finding.tables:
        figures.append(_importance(finding.tables["importance"]))
    figures.append(_shares(finding.tables["hyperparameters"]))
    if "associations" in finding.tables:
        figures.append(_associations(finding.tables["associations"]))
    return figures


def _importance(table: pd.DataFrame) -> Figure:
    rows = table.iloc[::-1]
    middle = rows["importance"].to_numpy()
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": middle.tolist(),
        "y": [_name(name) for name in rows["hyperparameters"]],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": (rows["high"].to_numpy() - middle).tolist(),
            "arrayminus": (middle - rows["low"].to_numpy()).tolist(),
            "color": MARK_COLOR,
            "thickness": 1.5,
            "width": 4,
        },
        "marker": {"color": [TOGETHER_COLOR if n > 1 else ALONE_COLOR for n in rows["shuffled together"]]},
        "customdata": rows[["low", "high"]].to_numpy().round(4).tolist(),
        "hovertemplate": "%{y}: %{x:.3f}, from %{customdata[0]:.3f} to %{customdata[1]:.3f}<extra></extra>",
    }
    return figure(
        "Importance, held out",
        "R² lost when shuffled",
        "",
        data=[bars],
        shape="half",
        yaxis={"automargin": True},
        margin=ROOM,
    )


def _shares(table: pd.DataFrame) -> Figure:
    rows = table.iloc[::-1]
    data = [
        _share_bars(rows, "R² beyond the others", "p beyond the others", "beyond the others", BEYOND_COLOR),
        _share_bars(rows, "R² alone", "p", "alone", ALONE_COLOR),
    ]
    return figure(
        "Share of variation",
        "R² (PERMANOVA)",
        "",
        data=data,
        shape="half",
        yaxis={"automargin": True},
        barmode="group",
        showlegend=True,
        legend={**LEGEND_ABOVE, "traceorder": "reversed"},
        margin=ROOM,
    )


def _share_bars(rows: pd.DataFrame, share: str, p: str, name: str, color: str) -> dict[str, Any]:
    texts = [f"p = {value:.2g}" if np.isfinite(value) else "not tested" for value in rows[p]]
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": [float(value) if np.isfinite(value) else None for value in rows[share]],
        "y": [_name(value) for value in rows["hyperparameter"]],
        "marker": {"color": color},
        "text": texts,
        "textposition": "auto",
        "textfont": {"size": 10},
        "hovertemplate": f"%{{y}}, {name}: R² %{{x:.3f}}, %{{text}}<extra></extra>",
    }


def _associations(table: pd.DataFrame) -> Figure:
    names = list(dict.fromkeys([*table["hyperparameter"], *table["other hyperparameter"]]))
    place = {name: index for index, name in enumerate(names)}
    values: list[list[float | None]] = [[None] * len(names) for _ in names]
    for one, other, value in table[["hyperparameter", "other hyperparameter", "Cramér's V"]].itertuples(index=False):
        values[place[one]][place[other]] = values[place[other]][place[one]] = round(value, 4)
    labels = [_name(name) for name in names]
    cells = {
        "type": "heatmap",
        "x": labels,
        "y": labels,
        "z": values,
        "zmin": 0,
        "zmax": 1,
        "colorscale": theme.SEQUENTIAL_SCALE,
        "xgap": 1,
        "ygap": 1,
        "colorbar": {"thickness": 10, "outlinewidth": 0, "title": {"text": "Cramér's V", "side": "right"}},
        "hovertemplate": "%{y} and %{x}: %{z:.2f}<extra></extra>",
    }
    return figure(
        "Which hyperparameters go together",
        "",
        "",
        data=[cells],
        shape="half",
        xaxis={"tickangle": -40, "showgrid": False},
        yaxis={"autorange": "reversed", "automargin": True, "showgrid": False},
        margin={"l": 8, "r": 8, "t": 8, "b": 70},
    )


def _name(text: str) -> str:
    return plain(text.replace("_", " "))
