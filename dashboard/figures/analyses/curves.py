"""Curves, bands and pairs of components that figures of other embeddings share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.series import LEGEND_ABOVE, figure, numbers
from dashboard.figures.frame import MARK_COLOR, Figure

COLORS = theme.CATEGORY_COLORS
BAND_OPACITY = 0.18


def curve(x: Any, y: Any, name: str, color: str, dash: str = "solid", **properties: Any) -> dict[str, Any]:
    """A curve with a name in the legend."""
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": numbers(x),
        "y": numbers(y),
        "name": name,
        "line": {"color": color, "dash": dash, "width": 1.6},
        "marker": {"color": color, "size": 5},
        "hovertemplate": f"{name}<br>%{{x}}: %{{y:.4f}}<extra></extra>",
        **properties,
    }


def band(x: Any, low: Any, high: Any, color: str) -> dict[str, Any]:
    """What lies between two curves."""
    x, low, high = numbers(x), numbers(low), numbers(high)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [*x, *x[::-1]],
        "y": [*low, *high[::-1]],
        "fill": "toself",
        "fillcolor": color,
        "opacity": BAND_OPACITY,
        "line": {"width": 0, "color": color},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def curves_figure(title: str, x_title: str, y_title: str, data: Sequence[dict[str, Any]], **layout: Any) -> Figure:
    """A figure of named curves, half as wide as the page; the legend stands above them."""
    return figure(
        title,
        x_title,
        y_title,
        data=list(data),
        shape="half",
        showlegend=True,
        legend=LEGEND_ABOVE,
        margin={"l": 56, "r": 16, "t": 48, "b": 44},
        **layout,
    )


def components_axis(table: pd.DataFrame) -> dict[str, Any]:
    """An axis of whole numbers of components."""
    most = int(table["components"].max()) if len(table) else 1
    return {"range": [0.5, most + 0.5], "dtick": 1 if most <= 12 else 2}


def pair_figure(
    title: str,
    names: tuple[str, str],
    signature: dict[str, int],
    series: list[dict[str, Any]],
    data: list[dict[str, Any]] | None = None,
) -> Figure:
    """Two components against each other, equally scaled.

    Args:
        title: of the figure.
        names: of the components along the two axes.
        signature: of components by name; what is time-like is said, in red.
        series, data: what is drawn.
    """
    axes = []
    for name in names:
        is_time_like = signature.get(name) == -1
        axes.append(
            {
                "title": {
                    "text": f"{name} (imaginary)" if is_time_like else name,
                    "font": {"color": theme.TIME_LIKE} if is_time_like else {},
                }
            }
        )
    return figure(
        title, *names, series=series, data=data, shape="square", xaxis=axes[0], yaxis={**axes[1], "scaleanchor": "x"}
    )


def signatures(explained: pd.DataFrame, prefix: str) -> dict[str, int]:
    """Signature by name of the component, from rows of one embedding with ``components`` and ``signature``."""
    pairs = zip(explained["components"], explained["signature"], strict=True)
    return {f"{prefix} {k}": int(sign) for k, sign in pairs}


def reference_line(table: pd.DataFrame, x: str, y: str) -> dict[str, Any]:
    """The geodesic from ignorance to truth, its ends named."""
    ends = [""] * len(table)
    if ends:
        ends[0], ends[-1] = "P0", "P*"
    return {
        "type": "scatter",
        "mode": "lines+text",
        "x": numbers(table[x]),
        "y": numbers(table[y]),
        "text": ends,
        "textposition": "top center",
        "line": {"color": MARK_COLOR, "width": 2, "dash": "dash"},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def has_component(table: pd.DataFrame, name: str) -> bool:
    """Whether a table of coordinates has that component: embeddings of little may have one or two."""
    return bool(table[name].notna().any())
