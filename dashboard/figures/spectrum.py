"""The signed eigenvalue spectrum."""

from __future__ import annotations

import numpy as np

from dashboard import theme
from dashboard.figures.frame import Figure, panel_layout
from engine.values import Embedding


def spectrum_figure(embedding: Embedding) -> Figure:
    """Bars of |lambda| on a logarithmic axis, one trace per signature that occurs.

    Imaginary (time-like) components are red *and* hatched, so that colour is never the only sign.
    """
    components = np.arange(1, embedding.n_components + 1)
    traces = []
    for sign, name, color, pattern in ((1, "real", theme.SPACE_LIKE, ""), (-1, "imaginary", theme.TIME_LIKE, "/")):
        chosen = embedding.signature == sign
        if chosen.any():
            traces.append(
                {
                    "type": "bar",
                    "x": components[chosen].tolist(),
                    "y": np.abs(embedding.eigenvalues[chosen]).tolist(),
                    "customdata": [f"{value:.4g}" for value in embedding.eigenvalues[chosen]],
                    "name": name,
                    "width": 0.75,
                    "marker": {"color": color, "pattern": {"shape": pattern, "size": 5, "solidity": 0.35}},
                    "hovertemplate": f"component %{{x}}, {name}<br>λ = %{{customdata}}<extra></extra>",
                }
            )
    y_axis = {
        "title": {"text": "|λ|", "standoff": 2, "font": {"size": 10}},
        "type": "log",
        "dtick": 1,
        "exponentformat": "power",
    }
    layout = panel_layout(embedding.n_components, "component", "top", y_axis)
    return {"data": traces, "layout": {**layout, "barmode": "overlay", "showlegend": True}}
