"""Weighted embedding beside the unweighted one."""

from __future__ import annotations

from dashboard.figures.analyses.curves import COLORS, curve, explained_figure, has_component, pair_figure, signatures
from dashboard.figures.analyses.series import run_series
from dashboard.figures.frame import MARK_COLOR, Figure
from engine.analyses import Finding

EMBEDDINGS = (("unweighted", MARK_COLOR), ("weighted", COLORS[0]))


def weights_figures(finding: Finding) -> list[Figure]:
    """Pairs of components of both embeddings side by side, and what each embedding explains."""
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
    for quantity in ("stress", "distance"):
        measure = f"explained {quantity}"
        curves = [curve(rows[name]["components"], rows[name][measure], name, color) for name, color in EMBEDDINGS]
        if quantity == "distance":
            numbers, alike = (rows["weighted"][name] for name in ("components", f"{measure}, all pairs alike"))
            curves.append(curve(numbers, alike, "weighted axes, all pairs alike", COLORS[0], "dot"))
        figures.append(explained_figure(measure.capitalize(), quantity, curves, explained))
    return figures
