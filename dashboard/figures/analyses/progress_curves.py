"""Progress along training, and against the error."""

from __future__ import annotations

from dashboard.figures.analyses.series import figure, run_series
from dashboard.figures.frame import MARK_COLOR, Figure
from engine.analyses import Finding


def progress_figures(finding: Finding) -> list[Figure]:
    """Progress against epochs, on a logarithmic axis where training is long; and against the error."""
    table = finding.tables["progress"]
    is_long = table["epoch"].max() > 20
    along = table.assign(epoch=table["epoch"].where(table["epoch"] > 0)) if is_long else table
    figures = [
        figure(
            "Progress while training",
            "epoch",
            "progress",
            series=[run_series(along, "epoch", "progress")],
            shape="half",
            xaxis={"type": "log"} if is_long else {},
            yaxis={"range": [-0.03, 1.03]},
        )
    ]
    if "error" in table:
        diagonal = {
            "type": "scatter",
            "mode": "lines",
            "x": [0, 1],
            "y": [1, 0],
            "line": {"dash": "dash", "width": 1, "color": MARK_COLOR},
            "hoverinfo": "skip",
        }
        figures.append(
            figure(
                "Progress against error",
                "error",
                "progress",
                data=[diagonal],
                series=[run_series(table, "error", "progress", "lines+markers")],
                shape="half",
                yaxis={"range": [-0.03, 1.03]},
            )
        )
    return figures
