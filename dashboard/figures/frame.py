"""What the panels have in common: small type, narrow margins, components along the bottom, the legend inside."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go


def panel_figure(n_components: int, x_title: str, legend_corner: str, y_axis: dict[str, Any]) -> go.Figure:
    """An empty panel.

    Args:
        n_components: how many components the x axis has room for.
        x_title: title of the x axis.
        legend_corner: ``"top"`` or ``"bottom"``, on the right; wherever the curves are not.
        y_axis: properties of the y axis.
    """
    figure = go.Figure()
    figure.update_layout(
        legend={
            "orientation": "h",
            "x": 1,
            "xanchor": "right",
            "y": 1.02 if legend_corner == "top" else 0.02,
            "yanchor": legend_corner,
            "bgcolor": "rgba(0,0,0,0)",
        },
        margin={"l": 6, "r": 6, "t": 4, "b": 4},
        font={"size": 10},
        xaxis={"title": {"text": x_title, "standoff": 2, "font": {"size": 10}}, "range": [0.4, n_components + 0.6]},
        yaxis=y_axis,
    )
    return figure
