"""Explained stress, variance and distance against the number of components."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from dashboard import theme
from dashboard.figures.frame import panel_figure
from engine.values import Embedding, FloatArray

DISTANCE_COLOR = "#228833"
ABSOLUTE_COLOR = "#CCBB44"


def explained_stress_figure(embedding: Embedding) -> go.Figure:
    """chi_k = 1 - ||W - W_k||_F / ||W||_F against k."""
    figure = _frame(embedding.explained_stress)
    _add_curve(figure, embedding.explained_stress, "stress", theme.SPACE_LIKE, "solid", "circle")
    return figure


def explained_variance_figure(embedding: Embedding) -> go.Figure:
    """Signed and (where the whole spectrum is known) absolute variance ratio, and explained distance, against k."""
    figure = _frame(embedding.explained_variance, embedding.explained_distance)
    _add_curve(figure, embedding.explained_variance, "signed", theme.SPACE_LIKE, "solid", "circle")
    if np.isfinite(embedding.explained_variance_absolute).all():
        _add_curve(figure, embedding.explained_variance_absolute, "absolute", ABSOLUTE_COLOR, "dash", "square")
    _add_curve(figure, embedding.explained_distance, "distance", DISTANCE_COLOR, "dot", "diamond")
    figure.update_layout(showlegend=True)
    return figure


def _frame(*curves: FloatArray) -> go.Figure:
    values = np.concatenate(curves)
    lowest = np.floor(10 * (float(np.nanmin(values)) - 0.02)) / 10
    highest = max(1.0, float(np.nanmax(values)))
    y_axis = {"range": [lowest, highest + 0.02 * (highest - lowest)], "tickformat": ".2~f", "nticks": 6}
    return panel_figure(len(curves[0]), "components k", "bottom", y_axis)


def _add_curve(figure: go.Figure, values: FloatArray, name: str, color: str, dash: str, symbol: str) -> None:
    figure.add_scatter(
        x=np.arange(1, len(values) + 1),
        y=values,
        mode="lines+markers",
        name=name,
        line={"color": color, "dash": dash, "width": 2},
        marker={"color": color, "symbol": symbol, "size": 5},
        hovertemplate=f"k = %{{x}}<br>{name} %{{y:.4f}}<extra></extra>",
    )
