"""Curves and points that belong to runs, and the frame of a figure around them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard.figures.frame import Figure

LEGEND_ABOVE = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
"""Where no curve or bar is in its way."""
MOST_POINTS = 20_000
"""Of one series: a chart of vectors with more answers slowly. Runs are thinned evenly, their ends kept."""

COUNTED = ("step", "epoch")
LONG_TRAINING = 20
"""Steps or epochs from which on most of what happens, happens at the beginning."""


def run_series(table: pd.DataFrame, x: str, y: str, mode: str = "lines", **properties: Any) -> dict[str, Any]:
    """What the browser needs to draw something of every run.

    Args:
        table: rows in the order of drawing, those of a run together, with a column ``run_id``.
        x, y: columns of numbers; a row where one is missing is a gap.
        mode: ``"lines"``, ``"markers"`` or ``"lines+markers"``.
        properties: more of plotly's trace, such as ``xaxis``; ``name`` is said where the point is read out.

    Returns:
        ``run_ids``; ``starts``, index of the first point of each; ``x`` and ``y`` of all points.
    """
    table = _thinned(table)
    runs = table["run_id"].to_numpy()
    starts = np.flatnonzero(np.concatenate([[True], runs[1:] != runs[:-1]])) if len(runs) else np.zeros(0, dtype=int)
    return {
        "run_ids": [str(run_id) for run_id in runs[starts]],
        "starts": starts.tolist(),
        "x": numbers(table[x]),
        "y": numbers(table[y]),
        "mode": mode,
        **properties,
    }


def figure(
    title: str,
    x_title: str,
    y_title: str,
    *,
    series: list[dict[str, Any]] | None = None,
    data: list[dict[str, Any]] | None = None,
    shape: str = "wide",
    **layout: Any,
) -> Figure:
    """A figure with two axes; ``layout`` holds more of plotly's layout, its ``xaxis`` and ``yaxis`` added to ours."""
    x_axis = {"title": {"text": x_title}, **layout.pop("xaxis", {})}
    y_axis = {"title": {"text": y_title}, **layout.pop("yaxis", {})}
    return {
        "title": title,
        "shape": shape,
        "series": series or [],
        "data": data or [],
        "layout": {"xaxis": x_axis, "yaxis": y_axis, **layout},
    }


def along_training(table: pd.DataFrame, x: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A table to draw along steps, epochs or the like, and its axis: logarithmic where training is long.

    A logarithmic axis has no place for zero: there the first checkpoint is left out of the drawing.
    """
    if x not in COUNTED or not table[x].max() > LONG_TRAINING:
        return table, {}
    return table.assign(**{x: table[x].where(table[x] > 0)}), {"type": "log"}


def plain(text: str) -> str:
    """Text for a figure, such as a name from a file: plotly would take tags in it for markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def numbers(values: Any) -> list[float | None]:
    """Values for JSON: six digits, and None where there is no number."""
    array = np.asarray(values, dtype=float)
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in array]


def _thinned(table: pd.DataFrame) -> pd.DataFrame:
    if len(table) <= MOST_POINTS:
        return table
    every = int(np.ceil(len(table) / MOST_POINTS))
    places = table.groupby("run_id", sort=False).cumcount().to_numpy()
    runs = table["run_id"].to_numpy()
    is_last = np.concatenate([runs[1:] != runs[:-1], [True]])
    return table[(places % every == 0) | is_last]
