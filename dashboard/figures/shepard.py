"""The Shepard diagram: distance against embedded distance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard import theme
from dashboard.figures.frame import MARGIN, MARK_COLOR, SMALL, Figure, axis_title, legend
from engine.shepard import ShepardDiagram

WITHIN_COLOR = "#EE7733"
DIGITS = 5
"""More than the eye sees, and a third of the bytes."""


def shepard_figure(diagram: ShepardDiagram, runs: NDArray[Any], unit: str) -> Figure:
    """Pairs within a run and pairs across runs, and the line on which they would lie if nothing were lost.

    Args:
        diagram: of models of a scene.
        runs: (model,) the run that each belongs to.
        unit: of the divergence.
    """
    sample = diagram.sample
    is_within = runs[sample.rows] == runs[sample.columns]
    end = float(sample.distances.max(initial=0.0)) or 1.0
    line = {
        "type": "scatter",
        "x": [0.0, end],
        "y": [0.0, end],
        "mode": "lines",
        "line": {"color": MARK_COLOR, "width": 1, "dash": "dot"},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    groups = [
        (~is_within, "different runs", theme.SPACE_LIKE, "circle", 3),
        (is_within, "same run", WITHIN_COLOR, "diamond", 4),
    ]
    points = [
        {
            "type": "scatter",
            "x": _rounded(sample.distances[chosen]),
            "y": _rounded(sample.embedded[chosen]),
            "customdata": np.flatnonzero(chosen).tolist(),
            "mode": "markers",
            "name": name,
            "marker": {"color": color, "symbol": symbol, "size": size, "opacity": 0.45},
            "hoverinfo": "none",
        }
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


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]
