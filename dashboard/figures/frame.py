"""What the panels have in common: small type, narrow margins, components along the bottom, the legend inside.

Figures are plain values with lists of numbers, ``{"data": [...], "layout": {...}}``: what a plotly figure is made from
and what plotly.js draws. Building the objects themselves would cost as much as the embedding.
"""

from __future__ import annotations

from typing import Any

from engine.scene_measures import SPECTRUM_COMPONENTS, Spectrum
from engine.values import Embedding

Figure = dict[str, Any]
Components = Embedding | Spectrum
"""What is known of components: those of a scene at first, and then more of them."""

MARK_COLOR = "#8A8F98"
"""Lines that are no data: readable on both backgrounds."""
MARGIN = {"l": 6, "r": 6, "t": 4, "b": 4}
SMALL = {"size": 10}


def panel_layout(components: Components, x_title: str, legend_corner: str, y_axis: dict[str, Any]) -> dict[str, Any]:
    """Layout of a panel with components along the bottom.

    Args:
        components: whose number the x axis has room for, and for those that may be solved for yet: it must not jump.
        x_title: title of the x axis.
        legend_corner: ``"top"`` or ``"bottom"``, on the right; wherever the curves are not.
        y_axis: properties of the y axis.
    """
    room = max(components.n_components, min(SPECTRUM_COMPONENTS, components.n_models - 1))
    return {
        "legend": legend(legend_corner),
        "margin": MARGIN,
        "font": SMALL,
        "xaxis": {"title": axis_title(x_title), "range": [0.3, room + 0.7], "nticks": 8},
        "yaxis": y_axis,
    }


def legend(corner: str) -> dict[str, Any]:
    """A legend inside the plot, at the right of its top or bottom."""
    return {
        "orientation": "h",
        "x": 1,
        "xanchor": "right",
        "y": 1.02 if corner == "top" else 0.02,
        "yanchor": corner,
        "bgcolor": "rgba(0,0,0,0)",
    }


def axis_title(text: str) -> dict[str, Any]:
    """Title of an axis, small and near."""
    return {"text": text, "standoff": 2, "font": SMALL}
