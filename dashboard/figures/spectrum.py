"""The signed eigenvalue spectrum."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from dashboard import theme
from engine.values import Embedding


def spectrum_figure(embedding: Embedding) -> go.Figure:
    """Bars of |lambda| on a logarithmic axis, one trace per signature that occurs.

    Imaginary (time-like) components are red *and* hatched, so that colour is never the only sign.
    """
    components = np.arange(1, embedding.n_components + 1)
    figure = go.Figure()
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
    figure.update_layout(
        barmode="overlay",
        showlegend=True,
        legend={
            "orientation": "h",
            "x": 1,
            "xanchor": "right",
            "y": 1.02,
            "yanchor": "top",
            "bgcolor": "rgba(0,0,0,0)",
        },
        margin={"l": 6, "r": 6, "t": 4, "b": 4},
        font={"size": 10},
        xaxis={
            "title": {"text": "component", "standoff": 2, "font": {"size": 10}},
            "range": [0.4, embedding.n_components + 0.6],
        },
        yaxis={
            "title": {"text": "|λ|", "standoff": 2, "font": {"size": 10}},
            "type": "log",
            "dtick": 1,
            "exponentformat": "power",
        },
    )
    return figure
