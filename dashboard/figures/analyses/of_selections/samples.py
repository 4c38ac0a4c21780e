"""Explained stress and distance against number of samples, with bands."""

from __future__ import annotations

import pandas as pd

from dashboard.figures.analyses.curves import COLORS, band, curve, curves_figure, explained_figure
from dashboard.figures.frame import MARK_COLOR, Figure, Trace
from engine.analyses import Finding

SHOWN = 3
"""Curves are drawn for one up to this many components."""
OF_ALL = "explained distance of all samples"
BANDS = " (bands: nine of ten subsets)"


def sample_counts_figures(finding: Finding) -> list[Figure]:
    """Explained stress, explained distance and distance error by samples; explained distance by components."""
    table = finding.tables["by_number"]
    sizes = sorted(set(table["samples"].tolist()))
    by_samples = {"type": "log", "tickvals": sizes, "ticktext": [str(size) for size in sizes]}

    def curve_with_band(rows: pd.DataFrame, x: str, measure: str, name: str, color: str) -> list[Trace]:
        return [band(rows, x, measure, color), curve(rows[x], rows[measure], name, color)]

    def against_samples(measure: str) -> list[Trace]:
        curves = []
        for k in range(1, SHOWN + 1):
            curves += curve_with_band(table[table["components"] == k], "samples", measure, f"k = {k}", COLORS[k - 1])
        return curves

    by_components = []
    for place, samples in enumerate(sizes):
        is_all = samples == sizes[-1]
        name, color = (f"all {samples}", MARK_COLOR) if is_all else (f"{samples}", COLORS[place % len(COLORS)])
        by_components += curve_with_band(table[table["samples"] == samples], "components", OF_ALL, name, color)
    first = table[(table["components"] == 1) & (table["samples"] < sizes[-1])]
    errors = [
        *curve_with_band(first, "samples", "error of distances", "relative error", COLORS[1]),
        curve(first["samples"], 1 - first["correlation of distances"], "1 - correlation", COLORS[0], "dash"),
    ]
    titles = {
        "Explained stress of subsets": ("explained stress", against_samples("explained stress"), {}),
        "Explained distance of all, from subsets": ("explained distance", against_samples(OF_ALL), {}),
        "Distances on subsets against all": ("error", errors, {"yaxis": {"type": "log"}}),
    }
    return [
        *(
            curves_figure(title, f"samples{BANDS}", y_title, data, xaxis=by_samples, **layout)
            for title, (y_title, data, layout) in titles.items()
        ),
        explained_figure(
            "Explained distance of all, by axes", "distance", by_components, table, f"components k{BANDS}"
        ),
    ]
