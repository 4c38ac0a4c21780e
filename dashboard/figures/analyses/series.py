"""Series of runs (curves, points) and the figure frame around them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard.figures.frame import MARK_COLOR, Figure, numbers

LEGEND_ABOVE = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"}
LEGEND: dict[str, Any] = {"showlegend": True, "legend": LEGEND_ABOVE}
"""Layout with a legend above the plot, clear of curves and bars."""
FROM_ZERO = {"rangemode": "tozero"}
MOST_POINTS = 20_000
"""Per series; SVG charts with more points respond slowly. Runs are thinned evenly, their ends kept."""

COUNTED = ("step", "epoch")
LONG_TRAINING = 20
"""Steps or epochs above which the axis is logarithmic: most change happens early in training."""


def run_series(table: pd.DataFrame, x: str, y: str, mode: str = "lines", **properties: Any) -> dict[str, Any]:
    """Series for the browser: one curve or set of points per run.

    Args:
        table: rows in drawing order, grouped by run, with a column ``run_id``.
        x, y: numeric columns; a missing value makes a gap.
        mode: ``"lines"``, ``"markers"`` or ``"lines+markers"``.
        properties: further plotly trace properties, such as ``xaxis``; ``name`` appears in hover text.

    Returns:
        ``run_ids``; ``starts``, index of each run's first point; ``x`` and ``y`` of all points.
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
    shape: str = "half",
    **layout: Any,
) -> Figure:
    """Figure with two axes; ``layout`` is further plotly layout, ``xaxis`` and ``yaxis`` merged into the defaults."""
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
    """Table to draw along steps, epochs or the like, and its axis: logarithmic if training is long.

    A logarithmic axis has no zero, so a checkpoint at zero is not drawn.
    """
    if x not in COUNTED or not table[x].max() > LONG_TRAINING:
        return table, {}
    return table.assign(**{x: table[x].where(table[x] > 0)}), {"type": "log"}


def error_bars(middle: pd.Series, low: pd.Series, high: pd.Series) -> dict[str, Any]:
    """Asymmetric plotly error bars around the point.

    If the interval excludes the point, one bar has length zero; if it is missing, both have.
    """
    above, below = ((high - middle).clip(lower=0).fillna(0), (middle - low).clip(lower=0).fillna(0))
    lengths = {"array": above.tolist(), "arrayminus": below.tolist()}
    return {"type": "data", "symmetric": False, **lengths, "color": MARK_COLOR, "thickness": 1.5, "width": 4}


def pair_names(pairs: pd.DataFrame) -> list[str]:
    """Hover text of pairs of runs."""
    names = pairs[["run_id", "other_run_id"]].itertuples(index=False)
    return [f"{plain(one)}<br>{plain(other)}" for one, other in names]


def plain(text: str) -> str:
    """Text escaped for plotly, which would read tags in a name as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def category(name: str) -> str:
    """Name of a hyperparameter as a tick of a category axis, with a space behind it that does not break.

    Plotly keeps categories in a plain JavaScript object, where the bar of "constructor" would stand at NaN.
    """
    return plain(name.replace("_", " ")) + "\u00a0"


def _thinned(table: pd.DataFrame) -> pd.DataFrame:
    if len(table) <= MOST_POINTS:
        return table
    every = int(np.ceil(len(table) / MOST_POINTS))
    places = table.groupby("run_id", sort=False).cumcount().to_numpy()
    runs = table["run_id"].to_numpy()
    is_last = np.concatenate([runs[1:] != runs[:-1], [True]])
    return table[(places % every == 0) | is_last]
