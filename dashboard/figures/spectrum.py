"""The signed eigenvalue spectrum."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from dashboard import theme
from dashboard.figures.frame import panel_figure
from engine.values import Embedding


def spectrum_figure(embedding: Embedding) -> go.Figure:
    """Bars of |lambda| on a logarithmic axis, one trace per signature that occurs.

    Imaginary (time-like) components are red *and* hatched, so that colour is never the only sign.
    """
    components = np.arange(1, embedding.n_components + 1)
    y_axis = {
        "title": {"text": "|λ|", "standoff": 2, "font": {"size": 10}},
        "type": "log",
        "dtick": 1,
        "exponentformat": "power",
    }
    figure = panel_figure(embedding.n_components, "component", "top", y_axis)
    figure.update_layout(barmode="overlay", showlegend=True)
    for sign, name, color, pattern in ((1, "real", theme.SPACE_LIKE, ""), (-1, "imaginary", theme.TIME_LIKE, "/")):
        chosen = embedding.signature == sign
        if chosen.any():
            figure.add_bar(
                x=components[chosen],
                y=np.abs(embedding.eigenvalues[chosen]),
                customdata=[f"{value:.4g}" for value in embedding.eigenvalues[chosen]],
                name=name,
                width=0.75,
                marker={"color": color, "pattern": {"shape": pattern, "size": 5, "solidity": 0.35}},
                hovertemplate=f"component %{{x}}, {name}<br>λ = %{{customdata}}<extra></extra>",
            )
    return figure
