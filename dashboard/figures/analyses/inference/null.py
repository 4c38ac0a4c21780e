"""Ratios of real to shuffled distances, by kind of pair."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.series import LEGEND, figure, pair_names, plain
from dashboard.figures.frame import MARK_COLOR, Figure, bars, guide, scatter
from engine.analyses import Finding

MOST_DOTS = 3000
N_BINS = 60
SEED = 0


def against_null_figures(finding: Finding) -> list[Figure]:
    """Histogram of ratios; real against shuffled distance of every pair."""
    pairs = finding.tables["pairs"]
    kinds = sorted(set(pairs["pair"]))
    colors = dict(zip(kinds, theme.CATEGORY_COLORS, strict=False))
    return [_ratios(pairs, kinds, colors), _distances(pairs, kinds, colors)]


def _ratios(pairs: pd.DataFrame, kinds: list[str], colors: dict[str, str]) -> Figure:
    ratios = pairs["ratio"].dropna()
    highest = max(1.05, float(ratios.max())) if len(ratios) else 1.05
    edges = np.linspace(0.0, highest, N_BINS + 1)
    centres = (0.5 * (edges[1:] + edges[:-1])).round(4).tolist()
    data = [
        bars(
            centres,
            np.histogram(pairs.loc[pairs["pair"] == kind, "ratio"].dropna(), edges)[0].tolist(),
            name=plain(kind),
            marker={"color": colors[kind]},
            hovertemplate="ratio about %{x:.2f}: %{y} pairs<extra></extra>",
        )
        for kind in kinds
    ]
    line = {"color": MARK_COLOR, "width": 1, "dash": "dash"}
    return figure(
        "Ratios: below one is nearer",
        "distance / shuffled distance",
        "pairs of runs",
        data=data,
        xaxis={"range": [0, highest]},
        shapes=[{"type": "line", "x0": 1, "x1": 1, "yref": "paper", "y0": 0, "y1": 1, "line": line}],
        barmode="stack",
        bargap=0.02,
        **LEGEND,
    )


def _distances(pairs: pd.DataFrame, kinds: list[str], colors: dict[str, str]) -> Figure:
    if len(pairs) > MOST_DOTS:
        pairs = pairs.sample(MOST_DOTS, random_state=SEED).sort_index()
    top = float(max(pairs["distance"].max(), pairs["shuffled distance"].max()))
    dots = [
        scatter(
            members["shuffled distance"].round(6).tolist(),
            members["distance"].round(6).tolist(),
            "markers",
            name=plain(kind),
            text=pair_names(members),
            marker={"color": colors[kind], "size": 5, "opacity": 0.6},
            hovertemplate="%{text}<br>%{y:.4g}, shuffled %{x:.4g}<extra></extra>",
        )
        for kind in kinds
        if len(members := pairs[pairs["pair"] == kind])
    ]
    data = [guide([0, top], [0, top], showlegend=False), *dots]
    return figure("Every pair", "shuffled distance", "distance", data=data, showlegend=False)
