"""Outliers by epoch and level; distance of every run from truth."""

from __future__ import annotations

import pandas as pd

from dashboard import theme
from dashboard.figures.analyses.series import FROM_ZERO, LEGEND, figure, plain, run_series
from dashboard.figures.frame import MARK_COLOR, Figure, bars
from engine.analyses import Finding


def outlier_figures(finding: Finding) -> list[Figure]:
    """Counts in bins of epochs, one colour per level; distance curves with the threshold."""
    table, course = finding.tables["outliers"], finding.tables["course"]
    name = str(table.columns[0])
    levels = list(dict.fromkeys(table[name]))
    colors = [*theme.CATEGORY_COLORS, *[theme.OTHER_COLOR] * len(levels)]
    data = [
        bars(
            members["epochs"].tolist(),
            members["outliers"].tolist(),
            name=plain(level),
            marker={"color": color},
            meta={"column": plain(name), "level": plain(level)},
            customdata=members["checkpoints"].tolist(),
            hovertemplate=f"{plain(level)}, epochs %{{x}}: %{{y}} of %{{customdata}} checkpoints<extra></extra>",
        )
        for level, color in zip(levels, colors, strict=False)
        for members in [table[table[name] == level]]
    ]
    layout = {"xaxis": {"type": "category"}, "yaxis": FROM_ZERO, "barmode": "stack", **LEGEND}
    return [
        figure("Outliers while training", "epochs", "checkpoints beyond the threshold", data=data, **layout),
        _course(course, float(finding.numbers["threshold"])),
    ]


def _course(course: pd.DataFrame, threshold: float) -> Figure:
    x = "epoch" if course["epoch"].notna().any() else "step"
    line = {"color": MARK_COLOR, "width": 1, "dash": "dash"}
    limit = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": threshold, "y1": threshold, "line": line}
    series = [run_series(course, x, "distance to the truth")]
    title, y_title = "Distance to the truth while training", "distance to P*, nats per sample"
    return figure(title, x, y_title, series=series, shapes=[limit])
