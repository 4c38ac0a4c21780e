"""Tube around the mean trajectory: spread over seeds against the clock."""

from __future__ import annotations

from dashboard import theme
from dashboard.figures.analyses.series import FROM_ZERO, figure, run_series
from dashboard.figures.frame import MARK_COLOR, Figure, numbers, scatter
from engine.analyses import Finding

DISTANCE = "distance to the mean"


def tube_figures(finding: Finding) -> list[Figure]:
    """Boxes over seeds at a few values of the clock; curves of every seed, and of as many unrelated runs."""
    boxes, widths = finding.tables["boxes"], finding.tables["widths"]
    clock = boxes.columns[0]
    limits = {
        "q1": "lower quartile",
        "median": "median",
        "q3": "upper quartile",
        "lowerfence": "lower whisker",
        "upperfence": "upper whisker",
    }
    box = {
        "type": "box",
        "x": [f"{value:.3g}" for value in boxes[clock]],
        **{limit: boxes[name].tolist() for limit, name in limits.items()},
        "marker": {"color": theme.SPACE_LIKE},
        "line": {"width": 1.5},
        "showlegend": False,
    }
    reference = []
    if "unrelated_runs" in finding.tables:
        unrelated = finding.tables["unrelated_runs"]
        line = {"dash": "dash", "width": 2, "color": MARK_COLOR}
        hover = "as many runs of different configurations: %{y:.4g}<extra></extra>"
        x, y, name = unrelated[clock].tolist(), numbers(unrelated["distance to the mean"]), "unrelated runs"
        reference.append(scatter(x, y, name=name, line=line, hovertemplate=hover))
    series, category = [run_series(widths, clock, DISTANCE)], {"type": "category"}
    title = "Seeds; dashed: unrelated runs"
    return [
        figure("Distance of seeds to their mean", clock, DISTANCE, data=[box], xaxis=category, yaxis=FROM_ZERO),
        figure(title, clock, DISTANCE, data=reference, series=series, yaxis=FROM_ZERO),
    ]
