"""The embedding with weights beside that without."""

from __future__ import annotations

from dashboard.figures.analyses.curves import (
    COLORS,
    components_axis,
    curve,
    curves_figure,
    has_component,
    pair_figure,
    signatures,
)
from dashboard.figures.analyses.series import run_series
from dashboard.figures.frame import MARK_COLOR, Figure
from engine.analyses import Finding

EMBEDDINGS = (("unweighted", MARK_COLOR), ("weighted", COLORS[0]))


def weights_figures(finding: Finding) -> list[Figure]:
    """Pairs of components of either embedding side by side, and what each explains."""
    table, explained = finding.tables["coordinates"], finding.tables["explained"]
    rows = {name: explained[explained["embedding"] == name] for name, _ in EMBEDDINGS}
    figures = [
        pair_figure(
            f"{name.capitalize()}: 1 and {k}",
            (f"{name} 1", f"{name} {k}"),
            signatures(rows[name], name),
            [run_series(table, f"{name} 1", f"{name} {k}")],
        )
        for k in (2, 3)
        if all(has_component(table, f"{name} {k}") for name, _ in EMBEDDINGS)
        for name, _ in EMBEDDINGS
    ]
    for measure in ("explained stress", "explained distance"):
        curves = [curve(rows[name]["components"], rows[name][measure], name, color) for name, color in EMBEDDINGS]
        if measure == "explained distance":
            weighted = rows["weighted"]
            curves.append(
                curve(
                    weighted["components"],
                    weighted["explained distance, all pairs alike"],
                    "weighted axes, all pairs alike",
                    COLORS[0],
                    "dot",
                )
            )
        figures.append(
            curves_figure(measure.capitalize(), "components k", measure, curves, xaxis=components_axis(explained))
        )
    return figures
