"""Signed eigenvalue spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dashboard import theme
from dashboard.figures.frame import Components, Figure, axis_title, bars, panel_layout, shuffled_band

if TYPE_CHECKING:
    from engine.statistics.shuffled_spectra import ShuffledSpectra


def spectrum_figure(components: Components, shuffled: ShuffledSpectra | None = None) -> Figure:
    """Bars of |lambda| on a logarithmic axis, one trace per signature that occurs.

    Imaginary (time-like) components are red *and* hatched, so colour is never the only cue. With the spectra of
    shuffled runs, their range is drawn before the bars, and ``verdict`` says which components are above it.
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
    figure = {
        "data": traces,
        "layout": {**layout, "barmode": "overlay", "showlegend": True, "hovermode": "closest"},
        "merit": f"{int((components.signature < 0).sum())} of {components.n_components} imaginary",
    }
    if shuffled is None:
        return figure
    band = shuffled_band(np.abs(shuffled.eigenvalues)[:, : components.n_components], "component", "|λ|", ".4~g")
    words = shuffled.in_words(components.eigenvalues)
    return {**figure, "data": [*band, *traces], "verdict": f"{words[0].upper()}{words[1:]}."}
