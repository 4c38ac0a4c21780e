"""Signed eigenvalue spectrum."""

from __future__ import annotations

import numpy as np

from dashboard import theme
from dashboard.figures.frame import Components, Figure, axis_title, bars, panel_layout


def spectrum_figure(components: Components) -> Figure:
    """Bars of |lambda| on a logarithmic axis, one trace per signature that occurs.

    Imaginary (time-like) components are red *and* hatched, so colour is never the only cue.
    """
    numbers = np.arange(1, components.n_components + 1)
    traces = []
    for sign, name, color, pattern in ((1, "real", theme.SPACE_LIKE, ""), (-1, "imaginary", theme.TIME_LIKE, "/")):
        chosen = components.signature == sign
        if chosen.any():
            traces.append(
                bars(
                    numbers[chosen].tolist(),
                    np.abs(components.eigenvalues[chosen]).tolist(),
                    customdata=[f"{value:.4g}" for value in components.eigenvalues[chosen]],
                    name=name,
                    width=0.8,
                    marker={"color": color, "pattern": {"shape": pattern, "size": 5, "solidity": 0.35}},
                    hovertemplate=f"component %{{x}}, {name}<br>λ = %{{customdata}}<extra></extra>",
                )
            )
    y_axis = {"title": axis_title("|λ|"), "type": "log", "dtick": 1, "exponentformat": "power"}
    layout = panel_layout(components, "component", "top", y_axis)
    return {
        "data": traces,
        "layout": {**layout, "barmode": "overlay", "showlegend": True, "hovermode": "closest"},
        "merit": f"{int((components.signature < 0).sum())} of {components.n_components} imaginary",
    }
