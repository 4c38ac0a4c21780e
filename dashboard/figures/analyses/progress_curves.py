"""Progress along training, and against the error."""

from __future__ import annotations

from dashboard.figures.analyses.series import along_training, figure, run_series
from dashboard.figures.frame import MARK_COLOR, Figure
from engine.analyses import Finding

SHARE = {"range": [-0.03, 1.03]}


def progress_figures(finding: Finding) -> list[Figure]:
    """Progress against what it is drawn along, the table's third column; and against the error."""
    table = finding.tables["progress"]
    along = table.columns[2]
    drawn, axis = along_training(table, along)
    diagonal = {
        "type": "scatter",
        "mode": "lines",
        "x": [0, 1],
        "y": [1, 0],
        "line": {"dash": "dash", "width": 1, "color": MARK_COLOR},
        "hoverinfo": "skip",
    }
    return [
        figure(
            "Progress while training",
            along,
            "progress",
            series=[run_series(drawn, along, "progress")],
            shape="half",
            xaxis=axis,
            yaxis=SHARE,
        ),
        figure(
            "Progress against error",
            "error",
            "progress",
            data=[diagonal],
            series=[run_series(table, "error", "progress", "lines+markers")],
            shape="half",
            xaxis=SHARE,
            yaxis=SHARE,
        ),
    ]
