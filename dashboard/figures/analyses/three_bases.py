"""Three axes from four models against the best axes of all."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.curves import (
    COLORS,
    components_axis,
    curve,
    curves_figure,
    has_component,
    pair_figure,
    signatures,
)
from dashboard.figures.analyses.series import numbers, run_series
from dashboard.figures.frame import MARK_COLOR, Figure
from engine.analyses import Finding


def three_bases_figures(finding: Finding) -> list[Figure]:
    """All checkpoints in the three bases, and explained distance of these and of the native axes."""
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
    return [
        *figures,
        curves_figure(
            "Explained distance; stars are time-like",
            "axes k",
            "explained distance",
            curves,
            xaxis=components_axis(explained),
        ),
    ]


def _four_models(bases: pd.DataFrame, y: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": numbers(bases["basis 1"]),
        "y": numbers(bases[y]),
        "text": list(bases["model"]),
        "textposition": "top center",
        "marker": {"color": MARK_COLOR, "size": 9, "symbol": "diamond"},
        "hovertemplate": "%{text}<extra></extra>",
        "showlegend": False,
    }


def _curve(rows: pd.DataFrame, name: str, color: str) -> dict[str, Any]:
    is_time_like = (rows["signature"] < 0).tolist()
    marker = {
        "color": [theme.TIME_LIKE if one else color for one in is_time_like],
        "symbol": ["star" if one else "circle" for one in is_time_like],
        "size": [11 if one else 6 for one in is_time_like],
    }
    return curve(rows["components"], rows["explained distance (moduli)"], name, color, marker=marker)
