"""Curves, bands and component-pair charts shared by several analyses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.series import LEGEND, figure
from dashboard.figures.frame import MARK_COLOR, Figure, Trace, area, numbers, scatter

COLORS = theme.CATEGORY_COLORS
BAND_OPACITY = 0.18
MARGIN = {"l": 56, "r": 16, "t": 48, "b": 44}


def curve(x: Any, y: Any, name: str, color: str, dash: str = "solid", **properties: Any) -> Trace:
    """Line trace with an entry in the legend."""
    looks = {"line": {"color": color, "dash": dash, "width": 1.6}, "marker": {"color": color, "size": 5}}
    hover = f"{name}<br>%{{x}}: %{{y:.4f}}<extra></extra>"
    return scatter(numbers(x), numbers(y), "lines+markers", name=name, hovertemplate=hover, **{**looks, **properties})


def band(rows: pd.DataFrame, x: str, measure: str, color: str) -> Trace:
    """Filled band between the low and the high values of a measure."""
    places, low, high = (numbers(rows[name]) for name in (x, f"{measure}, low", f"{measure}, high"))
    return area(places, low, high, color, BAND_OPACITY)


def curves_figure(title: str, x_title: str, y_title: str, data: Sequence[Trace], **layout: Any) -> Figure:
    """Figure of named curves, legend above."""
    return figure(title, x_title, y_title, data=list(data), margin=MARGIN, **LEGEND, **layout)


def explained_figure(
    title: str, quantity: str, data: Sequence[Trace], table: pd.DataFrame, by: str = "components k"
) -> Figure:
    """Figure of what an embedding explains against the number of components in a table."""
    most = int(table["components"].max()) if len(table) else 1
    axis = {"range": [0.5, most + 0.5], "dtick": 1 if most <= 12 else 2}
    return curves_figure(title, by, f"explained {quantity}", data, xaxis=axis)


def pair_figure(
    title: str,
    names: tuple[str, str],
    signature: dict[str, int],
    series: list[dict[str, Any]],
    data: list[Trace] | None = None,
) -> Figure:
    """Figure of two components against each other, equally scaled.

    Args:
        title: of the figure.
        names: of the components along the two axes.
        signature: by component name; titles of time-like components say so, in red.
        series, data: run series and plotly traces to draw.
    """
    axes = []
    for name in names:
        words = {"text": f"{name} (imaginary)", "font": {"color": theme.TIME_LIKE}}
        axes.append({"title": words if signature.get(name) == -1 else {"text": name, "font": {}}})
    return figure(
        title, *names, series=series, data=data, shape="square", xaxis=axes[0], yaxis={**axes[1], "scaleanchor": "x"}
    )


def signatures(explained: pd.DataFrame, prefix: str) -> dict[str, int]:
    """Component name -> signature, from rows of one embedding with ``components`` and ``signature``."""
    pairs = zip(explained["components"], explained["signature"], strict=True)
    return {f"{prefix} {k}": int(sign) for k, sign in pairs}


def reference_line(table: pd.DataFrame, x: str, y: str) -> Trace:
    """Trace of the geodesic from P0 to P*, with labelled ends."""
    ends = [""] * len(table)
    if ends:
        ends[0], ends[-1] = "P0", "P*"
    labels = {"text": ends, "textposition": "top center", "hoverinfo": "skip", "showlegend": False}
    line = {"color": MARK_COLOR, "width": 2, "dash": "dash"}
    return scatter(numbers(table[x]), numbers(table[y]), "lines+text", line=line, **labels)


def has_component(table: pd.DataFrame, name: str) -> bool:
    """Whether a coordinate table has the component; embeddings of few models may have only one or two."""
    return bool(table[name].notna().any())
