"""What embeddings explain against the number of samples, with bands over subsets."""

from __future__ import annotations

from typing import Any

from dashboard.figures.analyses.curves import COLORS, band, components_axis, curve, curves_figure
from dashboard.figures.frame import MARK_COLOR, Figure
from engine.analyses import Finding

SHOWN = 3
"""Numbers of components with a curve of their own."""


def sample_counts_figures(finding: Finding) -> list[Figure]:
    """Explained stress and distance, and errors of distances, by samples; and explained distance by components."""
    table = finding.tables["by_number"]
    sizes = sorted(set(table["samples"].tolist()))
    by_samples = {"type": "log", "tickvals": sizes, "ticktext": [str(size) for size in sizes]}

    def against_samples(measure: str) -> list[dict[str, Any]]:
        curves = []
        for k in range(1, SHOWN + 1):
            rows = table[table["components"] == k]
            color = COLORS[k - 1]
            curves.append(band(rows["samples"], rows[f"{measure}, low"], rows[f"{measure}, high"], color))
            curves.append(curve(rows["samples"], rows[measure], f"k = {k}", color))
        return curves

    by_components = []
    for place, samples in enumerate(sizes):
        rows = table[table["samples"] == samples]
        measure, is_all = "explained distance of all samples", samples == sizes[-1]
        color = MARK_COLOR if is_all else COLORS[place % len(COLORS)]
        by_components.append(band(rows["components"], rows[f"{measure}, low"], rows[f"{measure}, high"], color))
        by_components.append(
            curve(rows["components"], rows[measure], f"all {samples}" if is_all else f"{samples}", color)
        )
    first = table[(table["components"] == 1) & (table["samples"] < sizes[-1])]
    name = "error of distances"
    errors = [
        band(first["samples"], first[f"{name}, low"], first[f"{name}, high"], COLORS[1]),
        curve(first["samples"], first[name], "relative error", COLORS[1]),
        curve(first["samples"], 1 - first["correlation of distances"], "1 - correlation", COLORS[0], "dash"),
    ]
    return [
        curves_figure(
            "Explained stress of subsets",
            "samples",
            "explained stress",
            against_samples("explained stress"),
            xaxis=by_samples,
        ),
        curves_figure(
            "Explained distance of all, from subsets",
            "samples",
            "explained distance",
            against_samples("explained distance of all samples"),
            xaxis=by_samples,
        ),
        curves_figure(
            "Distances on subsets against all",
            "samples",
            "error",
            errors,
            xaxis=by_samples,
            yaxis={"type": "log"},
        ),
        curves_figure(
            "Explained distance of all, by axes",
            "components k",
            "explained distance",
            by_components,
            xaxis=components_axis(table),
        ),
    ]
