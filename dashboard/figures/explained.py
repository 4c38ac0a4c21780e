"""Explained stress, variance and distance against the number of components."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dashboard import theme
from dashboard.figures.frame import Figure, panel_layout
from engine.values import Embedding, FloatArray

DISTANCE_COLOR = "#228833"
ABSOLUTE_COLOR = "#CCBB44"


def explained_stress_figure(embedding: Embedding) -> Figure:
    """chi_k = 1 - ||W - W_k||_F / ||W||_F against k."""
    return _figure([_curve(embedding.explained_stress, "stress", theme.SPACE_LIKE, "solid", "circle")])


def explained_variance_figure(embedding: Embedding) -> Figure:
    """Signed and (where the whole spectrum is known) absolute variance ratio, and explained distance, against k."""
    curves = [_curve(embedding.explained_variance, "signed", theme.SPACE_LIKE, "solid", "circle")]
    if np.isfinite(embedding.explained_variance_absolute).all():
        curves.append(_curve(embedding.explained_variance_absolute, "absolute", ABSOLUTE_COLOR, "dash", "square"))
    curves.append(_curve(embedding.explained_distance, "distance", DISTANCE_COLOR, "dot", "diamond"))
    return _figure(curves)


def _figure(curves: list[dict[str, Any]]) -> Figure:
    values = [value for curve in curves for value in curve["y"] if value is not None]
    lowest = math.floor(10 * (min(values, default=0.0) - 0.02)) / 10
    highest = max(values, default=1.0)
    y_axis = {
        "range": [lowest, max(1.0, highest) + 0.02 * (max(1.0, highest) - lowest)],
        "tickformat": ".2~f",
        "nticks": 6,
    }
    layout = panel_layout(len(curves[0]["y"]), "components k", "bottom", y_axis)
    return {"data": curves, "layout": {**layout, "showlegend": len(curves) > 1}}


def _curve(values: FloatArray, name: str, color: str, dash: str, symbol: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "x": list(range(1, len(values) + 1)),
        "y": [float(value) if math.isfinite(value) else None for value in values],
        "mode": "lines+markers",
        "name": name,
        "line": {"color": color, "dash": dash, "width": 2},
        "marker": {"color": color, "symbol": symbol, "size": 5},
        "hovertemplate": f"k = %{{x}}<br>{name} %{{y:.4f}}<extra></extra>",
    }
