"""Path lengths of runs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dashboard.figures.analyses.series import FROM_ZERO, figure, plain, run_series
from dashboard.figures.frame import MARK_COLOR, Figure, guide, scatter
from engine.analyses import Finding

STRIP = 0.6
"""Width of a level's strip of points, as a share of the spacing of levels."""


def length_figures(finding: Finding) -> list[Figure]:
    """Path length against geodesic distance from first to last checkpoint; their ratio by level."""
    table = finding.tables["lengths"]
    whole = float(finding.numbers["from ignorance to truth"])
    end = 1.05 * max(float(table["straight"].max()), whole)
    top = 1.05 * max(float(table["length"].max()), whole)
    reach = [0, min(end, top)]
    diamond = {"symbol": "diamond-open", "size": 11, "color": MARK_COLOR}
    truth = scatter([whole], [whole], "markers", marker=diamond, hoverinfo="skip")
    levels = list(dict.fromkeys(table["group"]))
    span = [-0.6, len(levels) - 0.4]
    return [
        figure(
            "Length against the straight way",
            "geodesic from first to last checkpoint",
            "length of the path",
            data=[guide(reach, reach), truth],
            series=[run_series(table, "straight", "length", "markers")],
            xaxis={"range": [0, end]},
            yaxis={"range": [0, top]},
        ),
        figure(
            "Length over the straight way",
            "",
            "times the straight way",
            data=[guide(span, [1, 1])],
            series=[run_series(_stripped(table, levels), "place", "detour", "markers")],
            xaxis={
                "tickvals": list(range(len(levels))),
                "ticktext": [plain(level) for level in levels],
                "range": span,
                "showgrid": False,
                "zeroline": False,
            },
            yaxis=FROM_ZERO,
        ),
    ]


def _stripped(table: pd.DataFrame, levels: list[str]) -> pd.DataFrame:
    """The table with a column ``place``: runs of a level spread evenly around the level's number, in order."""
    level = table["group"].map({name: number for number, name in enumerate(levels)}).to_numpy()
    rank = table.groupby("group", sort=False).cumcount().to_numpy()
    count = table.groupby("group", sort=False)["group"].transform("size").to_numpy()
    return table.assign(place=level + STRIP * ((rank + 0.5) / np.maximum(count, 1) - 0.5))
