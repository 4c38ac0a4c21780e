"""Bootstrap bands of explained stress, eigenvalues and mean distances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.series import FROM_ZERO, LEGEND, error_bars, figure, pair_names, plain
from dashboard.figures.frame import Figure, Trace, numbers, scatter
from engine.analyses import Finding

BAND_COLOR = "rgba(68, 119, 170, 0.25)"
"""``theme.SPACE_LIKE``, translucent: grid and curve stay readable through it."""
MOST_MEANS = 40
MOST_PAIRS = 2000


def bootstrap_figures(finding: Finding) -> list[Figure]:
    """Explained stress and moduli of eigenvalues, each with its band."""
    table = finding.tables["components"]
    components = table["component"].tolist()
    stress = [
        *_band(components, table["stress, low"], table["stress, high"]),
        _curve(components, table["explained stress"]),
    ]
    moduli, negative = table["eigenvalue"].abs(), (table["eigenvalue"] < 0).to_numpy()
    colors = [theme.TIME_LIKE if is_negative else theme.SPACE_LIKE for is_negative in negative]
    shares = table["share of replicates where it is imaginary"]
    spectrum = scatter(
        components,
        moduli.tolist(),
        "markers",
        marker={"color": colors, "size": 7},
        error_y=error_bars(moduli, table["modulus, low"], table["modulus, high"]),
        customdata=[
            ["imaginary" if is_negative else "real", f"{share:.0%}"]
            for is_negative, share in zip(negative, shares, strict=True)
        ],
        hovertemplate=(
            "component %{x}, %{customdata[0]}: %{y:.4g}<br>imaginary in %{customdata[1]} of replicates<extra></extra>"
        ),
        showlegend=False,
    )
    ticks = {"dtick": 1} if len(components) <= 15 else {}
    modulus = "modulus of the eigenvalue"
    logarithmic: dict[str, Any] = {"xaxis": ticks, "yaxis": {"type": "log"}}
    return [
        figure("Explained stress", "components k", "explained stress", data=stress, xaxis=ticks, **LEGEND),
        figure("Eigenvalues, imaginary in red", "component", modulus, data=[spectrum], **logarithmic),
    ]


def distance_band_figures(finding: Finding) -> list[Figure]:
    """Mean distances with bands, smallest first; distances of single pairs with bands."""
    means = finding.tables["means"]
    title = "Mean distances"
    if len(means) > MOST_MEANS:
        means = means.iloc[np.round(np.linspace(0, len(means) - 1, MOST_MEANS)).astype(int)]
        title += f" ({MOST_MEANS} of {len(finding.tables['means'])}, evenly by size)"
    rows = means.iloc[::-1]
    dots = scatter(
        rows["mean distance"].tolist(),
        [plain(name) for name in rows["pair"]],
        "markers",
        marker={"color": theme.SPACE_LIKE, "size": 8},
        error_x=error_bars(rows["mean distance"], rows["low"], rows["high"]),
        customdata=rows[["low", "high", "pairs"]].to_numpy().tolist(),
        hovertemplate=(
            "%{y}: %{x:.4g}, from %{customdata[0]:.4g} to %{customdata[1]:.4g}, "
            "%{customdata[2]:.0f} pairs<extra></extra>"
        ),
    )
    figures = [figure(title, "mean distance", "", data=[dots], xaxis=FROM_ZERO, yaxis={"automargin": True})]
    if "pairs" in finding.tables:
        pairs = finding.tables["pairs"].sort_values("distance", kind="stable", ignore_index=True)
        if len(pairs) > MOST_PAIRS:
            pairs = pairs.iloc[np.round(np.linspace(0, len(pairs) - 1, MOST_PAIRS)).astype(int)]
        places = (pairs.index.to_numpy() + 1).tolist()
        curve = _curve(places, pairs["distance"], mode="lines")
        curve["text"] = pair_names(pairs)
        curve["hovertemplate"] = "%{text}<br>%{y:.4g}<extra></extra>"
        data = [*_band(places, pairs["low"], pairs["high"]), curve]
        figures.append(figure("Every pair of runs, the nearest first", "pair", "distance", data=data, yaxis=FROM_ZERO))
    return figures


def _band(x: list[Any], low: pd.Series, high: pd.Series) -> list[Trace]:
    edge: Trace = {"line": {"width": 0}, "hoverinfo": "skip"}
    fill = {"fill": "tonexty", "fillcolor": BAND_COLOR, "name": "band"}
    return [scatter(x, numbers(low), showlegend=False, **edge), scatter(x, numbers(high), **edge, **fill)]


def _curve(x: list[Any], y: pd.Series, mode: str = "lines+markers") -> Trace:
    line = {"color": theme.SPACE_LIKE, "width": 1.5}
    return scatter(x, numbers(y), mode, name="estimate", line=line, hovertemplate="%{x}: %{y:.4g}<extra></extra>")
