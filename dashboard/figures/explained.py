"""Panels of explained stress, variance and distance against number of components."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard import theme
from dashboard.figures.frame import MARK_COLOR, Components, Figure, finite, panel_layout, scatter, shuffled_band
from engine.values import FloatArray

if TYPE_CHECKING:
    from engine.statistics.shuffled_spectra import ShuffledSpectra

ABSOLUTE_COLOR = "#CCBB44"
DRAWN = 3
"""Number of components a picture shows at once; marked on every curve and quoted in the panel's title."""


def explained_stress_figure(components: Components, shuffled: ShuffledSpectra | None = None) -> Figure:
    """chi_k = 1 - ||W - W_k||_F / ||W||_F against k, with the range of shuffled runs if there are any."""
    curves = [_curve(components.explained_stress, "stress", theme.SPACE_LIKE, "solid", "circle")]
    if shuffled is None:
        return _figure(components, curves)
    stress = shuffled.explained_stress[:, : components.n_components]
    band = shuffled_band(stress, "k", "stress", ".4f")
    figure = _figure(components, [*curves, *band])
    return {
        **figure,
        "merit": f"{figure['merit']} · shuffled runs {stress[:, min(DRAWN, stress.shape[1]) - 1].mean():.3f}",
    }


def explained_variance_figure(components: Components) -> Figure:
    """Signed variance ratio against k, and absolute if the whole spectrum is known."""
    curves = [_curve(components.explained_variance, "signed", theme.SPACE_LIKE, "solid", "circle")]
    if np.isfinite(components.explained_variance_absolute).all():
        curves.append(_curve(components.explained_variance_absolute, "absolute", ABSOLUTE_COLOR, "dash", "square"))
    return _figure(components, curves)


def explained_distance_figure(components: Components) -> Figure:
    """1 - ||D - D_k||_F / ||D||_F against k."""
    return _figure(components, [_curve(components.explained_distance, "distance", theme.SPACE_LIKE, "solid", "circle")])


def _figure(components: Components, curves: list[dict[str, Any]]) -> Figure:
    values = [value for curve in curves for value in curve["y"] if value is not None]
    lowest = math.floor(10 * (min(values, default=0.0) - 0.02)) / 10
    highest = max(1.0, max(values, default=1.0))
    y_axis = {"range": [lowest, highest + 0.04 * (highest - lowest)], "tickformat": ".2~f", "nticks": 6}
    layout = panel_layout(components, "components k", "bottom", y_axis)
    marks = _mark_drawn() if components.n_components > DRAWN else {}
    return {
        "data": curves,
        "layout": {**layout, **marks, "showlegend": len(curves) > 1, "hovermode": "closest"},
        "merit": _first_drawn(curves[0]["y"]),
    }


def _first_drawn(values: list[float | None]) -> str:
    """The value at as many components as a picture shows, or at as many as there are; empty where there is none."""
    k = min(DRAWN, len(values))
    value = values[k - 1] if k else None
    return "" if value is None else f"top {k}: {value:.3f}"


def _mark_drawn() -> dict[str, Any]:
    at = {"yref": "paper", "y0": 0, "y1": 1, "x0": DRAWN, "x1": DRAWN}
    line = {"color": MARK_COLOR, "width": 1, "dash": "dot"}
    place = {"x": DRAWN, "y": 0, "yref": "paper", "xanchor": "left", "yanchor": "bottom", "showarrow": False}
    label = {"text": f"k = {DRAWN}", "font": {"size": 9, "color": MARK_COLOR}, **place}
    return {"shapes": [{"type": "line", **at, "layer": "below", "line": line}], "annotations": [label]}


def _curve(values: FloatArray, name: str, color: str, dash: str, symbol: str) -> dict[str, Any]:
    return scatter(
        list(range(1, len(values) + 1)),
        finite(values),
        "lines+markers",
        name=name,
        line={"color": color, "dash": dash, "width": 1.5},
        marker={"color": color, "symbol": symbol, "size": 4},
        hovertemplate=f"k = %{{x}}<br>{name} %{{y:.4f}}<extra></extra>",
    )
