"""Bands of the bootstrap: of explained stress, of eigenvalues, of mean distances."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.series import LEGEND_ABOVE, figure, numbers, plain
from dashboard.figures.frame import MARK_COLOR, Figure
from engine.analyses import Finding

BAND_COLOR = "rgba(68, 119, 170, 0.25)"
"""``theme.SPACE_LIKE``, so that grid and curve stay readable through it."""
MOST_MEANS = 40
MOST_PAIRS = 2000


def bootstrap_figures(finding: Finding) -> list[Figure]:
    """Explained stress in its band, and moduli of eigenvalues in theirs."""
    table = finding.tables["components"]
    components = table["component"].tolist()
    stress = [
        *_band(components, table["stress, low"], table["stress, high"]),
        _curve(components, table["explained stress"], "estimate"),
    ]
    moduli = table["eigenvalue"].abs()
    negative = (table["eigenvalue"] < 0).to_numpy()
    marks = {
        "color": [theme.TIME_LIKE if is_negative else theme.SPACE_LIKE for is_negative in negative],
        "size": 7,
    }
    spectrum = {
        "type": "scatter",
        "mode": "markers",
        "x": components,
        "y": moduli.tolist(),
        "marker": marks,
        "error_y": _errors(moduli, table["modulus, low"], table["modulus, high"]),
        "customdata": [
            ["imaginary" if is_negative else "real", f"{share:.0%}"]
            for is_negative, share in zip(negative, table["share of replicates where it is imaginary"], strict=True)
        ],
        "hovertemplate": (
            "component %{x}, %{customdata[0]}: %{y:.4g}<br>imaginary in %{customdata[1]} of replicates<extra></extra>"
        ),
        "showlegend": False,
    }
    ticks = {"dtick": 1} if len(components) <= 15 else {}
    return [
        figure(
            "Explained stress",
            "components k",
            "explained stress",
            data=stress,
            shape="half",
            xaxis=ticks,
            showlegend=True,
            legend=LEGEND_ABOVE,
        ),
        figure(
            "Eigenvalues, imaginary in red",
            "component",
            "modulus of the eigenvalue",
            data=[spectrum],
            shape="half",
            xaxis=ticks,
            yaxis={"type": "log"},
        ),
    ]


def distance_band_figures(finding: Finding) -> list[Figure]:
    """Mean distances with their bands, the nearest first; and single pairs in theirs."""
    means = finding.tables["means"]
    title = "Mean distances"
    if len(means) > MOST_MEANS:
        means = means.iloc[np.round(np.linspace(0, len(means) - 1, MOST_MEANS)).astype(int)]
        title += f" ({MOST_MEANS} of {len(finding.tables['means'])}, evenly by size)"
    rows = means.iloc[::-1]
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": rows["mean distance"].tolist(),
        "y": [plain(name) for name in rows["pair"]],
        "marker": {"color": theme.SPACE_LIKE, "size": 8},
        "error_x": _errors(rows["mean distance"], rows["low"], rows["high"]),
        "customdata": rows[["low", "high", "pairs"]].to_numpy().tolist(),
        "hovertemplate": (
            "%{y}: %{x:.4g}, from %{customdata[0]:.4g} to %{customdata[1]:.4g}, "
            "%{customdata[2]:.0f} pairs<extra></extra>"
        ),
    }
    figures = [
        figure(
            title, "mean distance", "", data=[dots], shape="half", xaxis={"rangemode": "tozero"},
            yaxis={"automargin": True},
        )
    ]  # fmt: skip
    if "pairs" in finding.tables:
        pairs = finding.tables["pairs"].sort_values("distance", kind="stable", ignore_index=True)
        if len(pairs) > MOST_PAIRS:
            pairs = pairs.iloc[np.round(np.linspace(0, len(pairs) - 1, MOST_PAIRS)).astype(int)]
        places = pairs.index.to_numpy() + 1
        curve = _curve(places.tolist(), pairs["distance"], "estimate", mode="lines")
        curve["text"] = [
            f"{plain(one)}<br>{plain(other)}" for one, other in zip(pairs["run_id"], pairs["other_run_id"], strict=True)
        ]
        curve["hovertemplate"] = "%{text}<br>%{y:.4g}<extra></extra>"
        figures.append(
            figure(
                "Every pair of runs, the nearest first",
                "pair",
                "distance",
                data=[*_band(places.tolist(), pairs["low"], pairs["high"]), curve],
                shape="half",
                yaxis={"rangemode": "tozero"},
            )
        )
    return figures


def _band(x: list[Any], low: pd.Series, high: pd.Series) -> list[dict[str, Any]]:
    edge = {"type": "scatter", "mode": "lines", "x": x, "line": {"width": 0}, "hoverinfo": "skip"}
    return [
        {**edge, "y": numbers(low), "showlegend": False},
        {**edge, "y": numbers(high), "fill": "tonexty", "fillcolor": BAND_COLOR, "name": "band"},
    ]


def _curve(x: list[Any], y: pd.Series, name: str, mode: str = "lines+markers") -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": mode,
        "x": x,
        "y": numbers(y),
        "name": name,
        "line": {"color": theme.SPACE_LIKE, "width": 1.5},
        "hovertemplate": "%{x}: %{y:.4g}<extra></extra>",
    }


def _errors(middle: pd.Series, low: pd.Series, high: pd.Series) -> dict[str, Any]:
    """Bars of plotly, which hang on the point: where a band lies wholly beside it, one of them has no length."""
    return {
        "type": "data",
        "symmetric": False,
        "array": (high - middle).clip(lower=0).tolist(),
        "arrayminus": (middle - low).clip(lower=0).tolist(),
        "color": MARK_COLOR,
        "thickness": 1.5,
        "width": 4,
    }
