"""How long the paths of runs are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.figures.analyses.series import figure, plain, run_series
from dashboard.figures.frame import MARK_COLOR, Figure
from engine.analyses import Finding

STRIP = 0.6
"""Width of a strip of points, of the room that a level has."""


def length_figures(finding: Finding) -> list[Figure]:
    """Every run's length against the straight way between its ends; and how much longer it is, level by level."""
    table = finding.tables["lengths"]
    whole = float(finding.numbers["from ignorance to truth"])
    end = 1.05 * max(float(table["straight"].max()), whole)
    top = 1.05 * max(float(table["length"].max()), whole)
    line = {"dash": "dash", "width": 1, "color": MARK_COLOR}
    reach = min(end, top)
    straight = {"type": "scatter", "mode": "lines", "x": [0, reach], "y": [0, reach], "line": line, "hoverinfo": "skip"}
    truth = {
        "type": "scatter",
        "mode": "markers",
        "x": [whole],
        "y": [whole],
        "marker": {"symbol": "diamond-open", "size": 11, "color": MARK_COLOR},
        "hoverinfo": "skip",
    }
    levels = list(dict.fromkeys(table["group"]))
    level_line = straight | {"x": [-0.6, len(levels) - 0.4], "y": [1, 1]}
    return [
        figure(
            "Length against the straight way",
            "geodesic from first to last checkpoint",
            "length of the path",
            data=[straight, truth],
            series=[run_series(table, "straight", "length", "markers")],
            shape="half",
            xaxis={"range": [0, end]},
            yaxis={"range": [0, top]},
        ),
        figure(
            "Length over the straight way",
            "",
            "times the straight way",
            data=[level_line],
            series=[run_series(_stripped(table, levels), "place", "detour", "markers")],
            shape="half",
            xaxis={
                "tickvals": list(range(len(levels))),
                "ticktext": [plain(level) for level in levels],
                "range": [-0.6, len(levels) - 0.4],
                "showgrid": False,
                "zeroline": False,
            },
            yaxis={"rangemode": "tozero"},
        ),
    ]


def _stripped(table: pd.DataFrame, levels: list[str]) -> pd.DataFrame:
    """With a column ``place``: the runs of a level side by side around its number, in their order."""
    level = table["group"].map({name: number for number, name in enumerate(levels)}).to_numpy()
    rank = table.groupby("group", sort=False).cumcount().to_numpy()
    count = table.groupby("group", sort=False)["group"].transform("size").to_numpy()
    return table.assign(place=level + STRIP * ((rank + 0.5) / np.maximum(count, 1) - 0.5))
