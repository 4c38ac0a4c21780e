"""Intervals of explained stress, eigenvalues, mean distances and differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.series import FROM_ZERO, LEGEND, error_bars, figure, pair_names, plain
from dashboard.figures.frame import MARK_COLOR, Figure, Trace, numbers, scatter
from engine.analyses import Finding
from engine.analyses.inference.spectrum_bands import INTERVAL

BAND_COLOR = "rgba(68, 119, 170, 0.25)"
"""``theme.SPACE_LIKE``, translucent: grid and curve stay readable through it."""
ROWS: dict[str, Any] = {"yaxis": {"automargin": True}, **LEGEND}
"""Layout of intervals one below the other, with a legend that does not narrow them."""
ZERO_LINE = {"color": MARK_COLOR, "width": 1, "dash": "dash"}
MOST_MEANS = 40
MOST_PAIRS = 2000


def spectrum_band_figures(finding: Finding) -> list[Figure]:
    """Explained stress and moduli of eigenvalues, each with its interval."""
    table = finding.tables["components"]
    components, name = table["component"].tolist(), str(finding.numbers[INTERVAL])
    stress = [
        *_band(components, table["stress, low"], table["stress, high"], name),
        _curve(components, table["explained stress"]),
    ]
    moduli, negative = table["eigenvalue"].abs(), (table["eigenvalue"] < 0).to_numpy()
    colors = [theme.TIME_LIKE if is_negative else theme.SPACE_LIKE for is_negative in negative]
    shares = table["share of parts where it is imaginary"]
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
            "component %{x}, %{customdata[0]}: %{y:.4g}<br>imaginary in %{customdata[1]} of the parts<extra></extra>"
        ),
        name=name,
        showlegend=True,
    )
    ticks = {"dtick": 1} if len(components) <= 15 else {}
    modulus = "modulus of the eigenvalue"
    logarithmic: dict[str, Any] = {"xaxis": ticks, "yaxis": {"type": "log"}}
    return [
        figure("Explained stress", "components k", "explained stress", data=stress, xaxis=ticks, **LEGEND),
        figure("Eigenvalues, imaginary in red", "component", modulus, data=[spectrum], **logarithmic, **LEGEND),
    ]


def distance_band_figures(finding: Finding) -> list[Figure]:
    """Mean distances, smallest first, differences of levels and distances of single pairs, each with its interval."""
    means = finding.tables["means"]
    title = "Mean distances"
    if len(means) > MOST_MEANS:
        means = means.iloc[np.round(np.linspace(0, len(means) - 1, MOST_MEANS)).astype(int)]
        title += f" ({MOST_MEANS} of {len(finding.tables['means'])}, evenly by size)"
    name = str(finding.numbers[INTERVAL])
    figures = [figure(title, "mean distance", "", data=[_dots(means, "mean distance", name)], xaxis=FROM_ZERO, **ROWS)]
    if "differences" in finding.tables:
        differences = finding.tables["differences"]
        title = "Between minus within: zero if nothing differs"
        if len(differences) > MOST_MEANS:
            title += f" (the largest {MOST_MEANS} of {len(differences)})"
            differences = differences.iloc[-MOST_MEANS:]
        line = {"type": "line", "x0": 0, "x1": 0, "yref": "paper", "y0": 0, "y1": 1, "line": ZERO_LINE}
        dots = [_dots(differences, "between minus within", name)]
        figures.append(figure(title, "mean distance between less within", "", data=dots, shapes=[line], **ROWS))
    if "pairs" in finding.tables:
        pairs = finding.tables["pairs"].sort_values("distance", kind="stable", ignore_index=True)
        if len(pairs) > MOST_PAIRS:
            pairs = pairs.iloc[np.round(np.linspace(0, len(pairs) - 1, MOST_PAIRS)).astype(int)]
        places = (pairs.index.to_numpy() + 1).tolist()
        curve = _curve(places, pairs["distance"], mode="lines")
        curve["text"] = pair_names(pairs)
        curve["hovertemplate"] = "%{text}<br>%{y:.4g}<extra></extra>"
        data = [*_band(places, pairs["low"], pairs["high"], name), curve]
        title = "Every pair of runs, the nearest first"
        figures.append(figure(title, "pair", "distance", data=data, yaxis=FROM_ZERO, **LEGEND))
    return figures


def _dots(table: pd.DataFrame, measure: str, name: str) -> Trace:
    """Dots with intervals, the last row at the bottom; a row without an interval has the dot only."""
    rows = table.iloc[::-1]
    ends = [
        f"from {low:.4g} to {high:.4g}" if np.isfinite(low) else "no interval"
        for low, high in zip(rows["low"], rows["high"], strict=True)
    ]
    return scatter(
        rows[measure].tolist(),
        [plain(pair) for pair in rows["pair"]],
        "markers",
        name=name,
        showlegend=True,
        marker={"color": theme.SPACE_LIKE, "size": 8},
        error_x=error_bars(rows[measure], rows["low"], rows["high"]),
        customdata=ends,
        hovertemplate="%{y}: %{x:.4g}, %{customdata}<extra></extra>",
    )


def _band(x: list[Any], low: pd.Series, high: pd.Series, name: str) -> list[Trace]:
    edge: Trace = {"line": {"width": 0}, "hoverinfo": "skip"}
    fill = {"fill": "tonexty", "fillcolor": BAND_COLOR, "name": name}
    return [scatter(x, numbers(low), showlegend=False, **edge), scatter(x, numbers(high), **edge, **fill)]


def _curve(x: list[Any], y: pd.Series, mode: str = "lines+markers") -> Trace:
    line = {"color": theme.SPACE_LIKE, "width": 1.5}
    return scatter(x, numbers(y), mode, name="estimate", line=line, hovertemplate="%{x}: %{y:.4g}<extra></extra>")
