"""Progress along training and against error."""

from __future__ import annotations

from typing import Any

from dashboard.figures.analyses.series import along_training, figure, run_series
from dashboard.figures.frame import Figure, guide
from engine.analyses import Finding

SHARE = {"range": [-0.03, 1.03]}


def progress_figures(finding: Finding) -> list[Figure]:
    """Progress against the table's third column (step, epoch or the like); progress against error."""
    table = finding.tables["progress"]
    along = table.columns[2]
    drawn, axis = along_training(table, along)
    curves = [run_series(drawn, along, "progress")]
    against = [run_series(table, "error", "progress", "lines+markers")]
    diagonal, shares = [guide([0, 1], [1, 0])], dict[str, Any](xaxis=SHARE, yaxis=SHARE)
    return [
        figure("Progress while training", along, "progress", series=curves, xaxis=axis, yaxis=SHARE),
        figure("Progress against error", "error", "progress", data=diagonal, series=against, **shares),
    ]
