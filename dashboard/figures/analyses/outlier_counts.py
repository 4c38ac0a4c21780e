"""Outliers by epoch and level, and how far from the truth every run is as it trains."""

from __future__ import annotations

import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.series import LEGEND_ABOVE, figure, plain, run_series
from dashboard.figures.frame import MARK_COLOR, Figure
from engine.analyses import Finding


def outlier_figures(finding: Finding) -> list[Figure]:
    """Counts in bins of epochs, one colour per level; courses with the threshold."""
    table, course = finding.tables["outliers"], finding.tables["course"]
    name = str(table.columns[0])
    levels = list(dict.fromkeys(table[name]))
    bars = [
        {
            "type": "bar",
            "name": plain(level),
            "x": members["epochs"].tolist(),
            "y": members["outliers"].tolist(),
            "marker": {
                "color": theme.CATEGORY_COLORS[place] if place < len(theme.CATEGORY_COLORS) else theme.OTHER_COLOR
            },
            "meta": {"column": plain(name), "level": plain(level)},
            "customdata": members["checkpoints"].tolist(),
            "hovertemplate": f"{plain(level)}, epochs %{{x}}: %{{y}} of %{{customdata}} checkpoints<extra></extra>",
        }
        for place, level in enumerate(levels)
        for members in [table[table[name] == level]]
    ]
    return [
        figure(
            "Outliers while training",
            "epochs",
            "checkpoints beyond the threshold",
            data=bars,
            shape="half",
            xaxis={"type": "category"},
            yaxis={"rangemode": "tozero"},
            barmode="stack",
            showlegend=True,
            legend=LEGEND_ABOVE,
        ),
        _course(course, float(finding.numbers["threshold"])),
    ]


def _course(course: pd.DataFrame, threshold: float) -> Figure:
    x = "epoch" if course["epoch"].notna().any() else "step"
    line = {"color": MARK_COLOR, "width": 1, "dash": "dash"}
    return figure(
        "Distance to the truth while training",
        x,
        "distance to P*, nats per sample",
        series=[run_series(course, x, "distance to the truth")],
        shapes=[{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": threshold, "y1": threshold, "line": line}],
        shape="half",
    )
