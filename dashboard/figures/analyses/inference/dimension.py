"""Spectrum and explained stress beside shuffled runs and random walks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.curves import band, curve, curves_figure
from dashboard.figures.frame import MARK_COLOR, Figure, Trace
from engine.analyses import Finding

RUNS, LONG_WALK = theme.SPACE_LIKE, "#999933"


def dimension_figures(finding: Finding) -> list[Figure]:
    """Relative spectrum; explained stress by components; explained stress of three by number of runs."""
    table, by_number = finding.tables["components"], finding.tables["by_number"]
    k = table["component"]
    real, shuffled = (by_number[by_number["of"] == of] for of in ("as they are", "shuffled"))
    colors = [theme.TIME_LIKE if sign < 0 else RUNS for sign in table["signature"]]
    is_above = table["above shuffled runs"] == "yes"
    symbols, sizes = np.where(is_above, "diamond", "circle").tolist(), np.where(is_above, 11, 6).tolist()
    spectrum = [
        *_shuffled(table, "component", "shuffled share"),
        curve(k, table["one long walk, share"], "one long random walk", LONG_WALK, "dash"),
        curve(k, table["unrelated walks, share"], "unrelated random walks", MARK_COLOR, "dot"),
        curve(k, table["share"], "runs", RUNS, marker={"color": colors, "symbol": symbols, "size": sizes}),
    ]
    stress = [
        *_shuffled(table, "component", "shuffled stress"),
        curve(k, table["one long walk, stress"], "one long random walk", LONG_WALK, "dash"),
        curve(k, table["unrelated walks, stress"], "unrelated random walks", MARK_COLOR, "dot"),
        curve(k, table["explained stress"], "runs", RUNS),
    ]
    numbers = [
        *_shuffled(shuffled, "runs", "stress"),
        curve(real["runs"], real["stress of unrelated walks"], "unrelated random walks", MARK_COLOR, "dot"),
        band(real, "runs", "stress", RUNS),
        curve(real["runs"], real["stress"], "runs", RUNS),
    ]
    counts = sorted(set(by_number["runs"].tolist()))
    counted = {"type": "log", "tickvals": counts, "ticktext": [str(count) for count in counts]}
    relative = "|λₖ| / |λ₁|"
    return [
        curves_figure("Spectrum: ◆ above shuffled, red imaginary", "component k", relative, spectrum,
                      yaxis={"type": "log"}),
        curves_figure("Explained stress", "components k", "explained stress", stress),
        curves_figure("Explained stress of three, by number of runs", "runs", "explained stress", numbers,
                      xaxis=counted),
    ]  # fmt: skip


def _shuffled(rows: pd.DataFrame, x: str, measure: str) -> list[Trace]:
    """Band and mean of shuffled runs."""
    line = curve(rows[x], rows[measure], "shuffled runs", theme.SHUFFLED)
    return [band(rows, x, measure, theme.SHUFFLED), line]
