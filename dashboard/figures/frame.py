"""What the panels have in common: small type, narrow margins, components along the bottom, the legend inside.

Figures are plain values with lists of numbers, ``{"data": [...], "layout": {...}}``: what a plotly figure is made from
and what plotly.js draws. Building the objects themselves would cost as much as the embedding.
"""

from __future__ import annotations

from typing import Any

Figure = dict[str, Any]


def panel_layout(n_components: int, x_title: str, legend_corner: str, y_axis: dict[str, Any]) -> dict[str, Any]:
    """Layout of a panel.

    Args:
        n_components: how many components the x axis has room for.
        x_title: title of the x axis.
        legend_corner: ``"top"`` or ``"bottom"``, on the right; wherever the curves are not.
        y_axis: properties of the y axis.
    """
    return {
        "legend": {
            "orientation": "h",
            "x": 1,
            "xanchor": "right",
            "y": 1.02 if legend_corner == "top" else 0.02,
            "yanchor": legend_corner,
            "bgcolor": "rgba(0,0,0,0)",
        },
        "margin": {"l": 6, "r": 6, "t": 4, "b": 4},
        "font": {"size": 10},
        "xaxis": {"title": {"text": x_title, "standoff": 2, "font": {"size": 10}}, "range": [0.4, n_components + 0.6]},
        "yaxis": y_axis,
    }
