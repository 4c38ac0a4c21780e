"""Distance of runs from the geodesic along training."""

from __future__ import annotations

from dashboard.figures.analyses.series import along_training, figure, run_series
from dashboard.figures.frame import Figure
from engine.analyses import Finding


def geodesic_distance_figures(finding: Finding) -> list[Figure]:
    """Distance to the geodesic at the checkpoint's own progress and at the nearest point, on one scale."""
    table = finding.tables["distances"]
    along = table.columns[2]
    drawn, axis = along_training(table, along)
    top = 1.05 * float(table["distance"].max())
    height = {"range": [0, top]} if top > 0 else {}
    columns = {"From the point at its progress": "distance", "From the nearest point": "nearest distance"}
    return [
        figure(title, along, "distance (nats)", series=[run_series(drawn, along, column)], xaxis=axis, yaxis=height)
        for title, column in columns.items()
    ]
