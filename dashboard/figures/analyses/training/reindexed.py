"""Runs at equal values of a clock."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard.figures.analyses.series import LONG_TRAINING, figure, run_series
from dashboard.figures.frame import MARK_COLOR, Figure, scatter
from engine.analyses import Finding

WHEN, ACCURACY, LOSS = "epoch passed", "accuracy of the model there", "loss of the model there"


def reindexed_figures(finding: Finding) -> list[Figure]:
    """When clock values are reached, by how many runs, and accuracy and loss there; dotted outside a run's range."""
    table, shares = finding.tables["resampled"], finding.tables["shares"]
    clock = table.columns[2]
    reached = table.assign(**{name: table[name].where(table["reached"]) for name in (WHEN, "checkpoint")})
    when, title = (WHEN, "epoch") if reached[WHEN].notna().any() else ("checkpoint", "checkpoint")
    is_long = when == WHEN and reached[WHEN].max() > LONG_TRAINING
    if is_long:
        reached[WHEN] = reached[WHEN].where(reached[WHEN] > 0)
    curve = scatter(shares[clock].tolist(), shares["share of runs"].tolist(), line={"width": 2, "color": MARK_COLOR})
    when_axis = {"type": "log"} if is_long else {}
    return [
        figure("When it is first reached", clock, title, series=[run_series(reached, clock, when)], yaxis=when_axis),
        figure("How many reach it", clock, "share of runs", data=[curve], yaxis={"range": [-0.03, 1.03]}),
        _there(table, clock, ACCURACY, "Accuracy at equal clocks", "accuracy"),
        _there(table, clock, LOSS, "Loss at equal clocks", "loss (nats)"),
    ]


def _there(table: pd.DataFrame, clock: str, column: str, title: str, y_title: str) -> Figure:
    def part(is_drawn: Any, **line: Any) -> dict[str, Any]:
        return run_series(table.assign(**{column: table[column].where(is_drawn)}), clock, column, **line)

    inside = table["reached"]
    neighbours = inside.groupby(table["run_id"], sort=False)
    # Includes the inside point at which each outside stretch begins or ends.
    beyond = ~(inside & neighbours.shift(1, fill_value=True) & neighbours.shift(-1, fill_value=True))
    outside = part(beyond, line={"dash": "dot", "width": 1}, name="beyond its range")
    return figure(title, clock, y_title, series=[outside, part(inside)])
