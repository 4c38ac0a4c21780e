"""Three axes spanned by four models, against the best three axes."""

from __future__ import annotations

import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.curves import COLORS, curve, explained_figure, has_component, pair_figure, signatures
from dashboard.figures.analyses.series import run_series
from dashboard.figures.frame import MARK_COLOR, Figure, Trace, numbers, scatter
from engine.analyses import Finding


def three_bases_figures(finding: Finding) -> list[Figure]:
    """All checkpoints in the three bases; explained distance of these and of the native axes."""
    table, explained, bases = (finding.tables[name] for name in ("coordinates", "explained", "bases"))
    signature = signatures(explained[explained["axes"] == "three bases"], "basis")
    figures = [
        pair_figure(
            f"Three bases: 1 and {k}",
            ("basis 1", f"basis {k}"),
            signature,
            [run_series(table, "basis 1", f"basis {k}")],
            [_four_models(bases, f"basis {k}")],
        )
        for k in (2, 3)
        if has_component(table, f"basis {k}")
    ]
    curves = [
        _curve(explained[explained["axes"] == name], name, color)
        for name, color in (("native", MARK_COLOR), ("three bases", COLORS[0]))
    ]
    title = "Explained distance; stars are time-like"
    return [*figures, explained_figure(title, "distance", curves, explained, "axes k")]


def _four_models(bases: pd.DataFrame, y: str) -> Trace:
    labels = {"text": list(bases["model"]), "textposition": "top center", "hovertemplate": "%{text}<extra></extra>"}
    marker = {"color": MARK_COLOR, "size": 9, "symbol": "diamond"}
    x, y_values = numbers(bases["basis 1"]), numbers(bases[y])
    return scatter(x, y_values, "markers+text", marker=marker, showlegend=False, **labels)


def _curve(rows: pd.DataFrame, name: str, color: str) -> Trace:
    is_time_like = (rows["signature"] < 0).tolist()
    marker = {
        "color": [theme.TIME_LIKE if one else color for one in is_time_like],
        "symbol": ["star" if one else "circle" for one in is_time_like],
        "size": [11 if one else 6 for one in is_time_like],
    }
    return curve(rows["components"], rows["explained distance (moduli)"], name, color, marker=marker)
