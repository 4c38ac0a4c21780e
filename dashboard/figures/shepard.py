"""The Shepard diagram: distance against embedded distance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard import theme
from dashboard.figures.frame import MARGIN, SMALL, Figure, axis_title, guide, legend, numbers, scatter
from engine.embedding.shepard import ShepardDiagram

WITHIN_COLOR = "#EE7733"
DIGITS = 5
"""Significant digits sent: finer than the screen resolves, a third of the bytes."""


def shepard_figure(diagram: ShepardDiagram, runs: NDArray[Any], unit: str) -> Figure:
    """Shepard diagram of pairs within and across runs, with the identity line of a lossless embedding.

    Args:
        diagram: sampled pairs of a scene's models.
        runs: (model,) run index of each model.
        unit: unit of the divergence.
    """
    sample = diagram.sample
    is_within = runs[sample.rows] == runs[sample.columns]
    end = float(sample.distances.max(initial=0.0)) or 1.0
    line = guide([0.0, end], [0.0, end], "dot", showlegend=False)
    groups = [
        (~is_within, "different runs", theme.SPACE_LIKE, "circle", 3),
        (is_within, "same run", WITHIN_COLOR, "diamond", 4),
    ]
    points = [
        scatter(
            numbers(sample.distances[chosen], DIGITS),
            numbers(sample.embedded[chosen], DIGITS),
            "markers",
            customdata=np.flatnonzero(chosen).tolist(),
            name=name,
            marker={"color": color, "symbol": symbol, "size": size, "opacity": 0.45},
            hoverinfo="none",
        )
        for chosen, name, color, symbol, size in groups
        if chosen.any()
    ]
    layout = {
        "legend": {**legend("top"), "x": 0, "xanchor": "left", "itemclick": False, "itemdoubleclick": False},
        "margin": MARGIN,
        "font": SMALL,
        "xaxis": {"title": axis_title(f"distance D ({unit})"), "rangemode": "tozero", "nticks": 6},
        "yaxis": {"title": axis_title("embedded D̂"), "nticks": 6},
        "hovermode": "closest",
        "showlegend": len(points) > 1,
    }
    return {"data": [line, *points], "layout": layout}
