"""Ratios of real to shuffled distances, by kind of pair."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.series import LEGEND_ABOVE, figure, plain
from dashboard.figures.frame import MARK_COLOR, Figure
from engine.analyses import Finding

MOST_DOTS = 3000
N_BINS = 60
SEED = 0


def against_null_figures(finding: Finding) -> list[Figure]:
    """How often which ratio occurs, and every pair's two distances."""
    pairs = finding.tables["pairs"]
    kinds = sorted(set(pairs["pair"]))
    colors = dict(zip(kinds, theme.CATEGORY_COLORS, strict=False))
    return [_ratios(pairs, kinds, colors), _distances(pairs, kinds, colors)]


def _ratios(pairs: pd.DataFrame, kinds: list[str], colors: dict[str, str]) -> Figure:
    ratios = pairs["ratio"].dropna()
    highest = max(1.05, float(ratios.max())) if len(ratios) else 1.05
    edges = np.linspace(0.0, highest, N_BINS + 1)
    bars = []
    for kind in kinds:
        counts, _ = np.histogram(pairs.loc[pairs["pair"] == kind, "ratio"].dropna(), edges)
        bars.append(
            {
                "type": "bar",
                "name": plain(kind),
                "x": (0.5 * (edges[1:] + edges[:-1])).round(4).tolist(),
                "y": counts.tolist(),
                "marker": {"color": colors[kind]},
                "hovertemplate": "ratio about %{x:.2f}: %{y} pairs<extra></extra>",
            }
        )
    line = {"color": MARK_COLOR, "width": 1, "dash": "dash"}
    return figure(
        "Ratios: below one is nearer",
        "distance / shuffled distance",
        "pairs of runs",
        data=bars,
        shape="half",
        xaxis={"range": [0, highest]},
        shapes=[{"type": "line", "x0": 1, "x1": 1, "yref": "paper", "y0": 0, "y1": 1, "line": line}],
        barmode="stack",
        bargap=0.02,
        showlegend=True,
        legend=LEGEND_ABOVE,
    )


def _distances(pairs: pd.DataFrame, kinds: list[str], colors: dict[str, str]) -> Figure:
    if len(pairs) > MOST_DOTS:
        pairs = pairs.sample(MOST_DOTS, random_state=SEED).sort_index()
    top = float(max(pairs["distance"].max(), pairs["shuffled distance"].max()))
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": plain(kind),
            "x": members["shuffled distance"].round(6).tolist(),
            "y": members["distance"].round(6).tolist(),
            "text": [
                f"{plain(a)}<br>{plain(b)}" for a, b in zip(members["run_id"], members["other_run_id"], strict=True)
            ],
            "marker": {"color": colors[kind], "size": 5, "opacity": 0.6},
            "hovertemplate": "%{text}<br>%{y:.4g}, shuffled %{x:.4g}<extra></extra>",
        }
        for kind in kinds
        if len(members := pairs[pairs["pair"] == kind])
    ]
    diagonal = {
        "type": "scatter",
        "mode": "lines",
        "x": [0, top],
        "y": [0, top],
        "line": {"dash": "dash", "width": 1, "color": MARK_COLOR},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    return figure("Every pair", "shuffled distance", "distance", data=[diagonal, *data], shape="half", showlegend=False)
