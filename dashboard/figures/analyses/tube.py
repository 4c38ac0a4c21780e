"""The tube around the mean: boxes at a few values of the clock, and every seed along all of it."""

from __future__ import annotations

from dashboard import theme
from dashboard.figures.analyses.series import figure, numbers, run_series
from dashboard.figures.frame import MARK_COLOR, Figure
from engine.analyses import Finding

DISTANCE = "distance to the mean"


def tube_figures(finding: Finding) -> list[Figure]:
    """Boxes over seeds; curves of seeds, with the distance between configurations to compare them with."""
    boxes, widths = finding.tables["boxes"], finding.tables["widths"]
    clock = boxes.columns[0]
    box = {
        "type": "box",
        "x": [f"{value:.3g}" for value in boxes[clock]],
        "q1": boxes["lower quartile"].tolist(),
        "median": boxes["median"].tolist(),
        "q3": boxes["upper quartile"].tolist(),
        "lowerfence": boxes["lower whisker"].tolist(),
        "upperfence": boxes["upper whisker"].tolist(),
        "marker": {"color": theme.SPACE_LIKE},
        "line": {"width": 1.5},
        "showlegend": False,
    }
    reference = []
    if "between_configurations" in finding.tables:
        between = finding.tables["between_configurations"]
        reference.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "between configurations",
                "x": between[clock].tolist(),
                "y": numbers(between["mean distance"]),
                "line": {"dash": "dash", "width": 2, "color": MARK_COLOR},
                "hovertemplate": "mean distance between configurations: %{y:.4g}<extra></extra>",
            }
        )
    return [
        figure(
            "Distance of seeds to their mean",
            clock,
            DISTANCE,
            data=[box],
            shape="half",
            xaxis={"type": "category"},
            yaxis={"rangemode": "tozero"},
        ),
        figure(
            "Every seed; dashed: between configurations",
            clock,
            DISTANCE,
            data=reference,
            series=[run_series(widths, clock, DISTANCE)],
            shape="half",
            yaxis={"rangemode": "tozero"},
        ),
    ]
