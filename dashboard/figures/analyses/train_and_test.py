"""Train and test trajectories in one embedding, and the gap between them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard.figures.analyses.curves import (
    COLORS,
    band,
    components_axis,
    curve,
    curves_figure,
    has_component,
    pair_figure,
    reference_line,
    signatures,
)
from dashboard.figures.analyses.series import figure, run_series
from dashboard.figures.frame import MARK_COLOR, Figure
from engine.analyses import Finding

SPLIT_COLORS = {"train": COLORS[0], "test": COLORS[1], "joint": MARK_COLOR}


def train_and_test_figures(finding: Finding) -> list[Figure]:
    """Pairs of components, what is explained, and the distance of each network on train from itself on test."""
    table, explained = finding.tables["coordinates"], finding.tables["explained"]
    signature = signatures(explained[explained["embedding"] == "joint"], "component")
    is_matched = "gap" in finding.tables
    title = "solid train, dotted test" if is_matched else "train and test as one"
    figures = [
        pair_figure(
            f"1 and {k}: {title}",
            ("component 1", f"component {k}"),
            signature,
            _trajectories(table, f"component {k}"),
            [reference_line(finding.tables["geodesic"], "component 1", f"component {k}")],
        )
        for k in (2, 3)
        if has_component(table, f"component {k}")
    ]
    curves: list[dict[str, Any]] = []
    for name, color in SPLIT_COLORS.items():
        rows = explained[explained["embedding"] == name]
        if name == "joint":
            low, high = rows["explained stress, low"], rows["explained stress, high"]
            curves.append(band(rows["components"], low, high, color))
        words = name if name == "joint" else f"{name} alone"
        curves.append(curve(rows["components"], rows["explained stress"], words, color))
    figures.append(
        curves_figure("Explained stress", "components k", "explained stress", curves, xaxis=components_axis(explained))
    )
    if is_matched:
        gap = finding.tables["gap"]
        figures.append(
            figure(
                "Solid train to test, dotted within train",
                "epoch",
                "divergence of a network from itself",
                series=[
                    run_series(gap, "epoch", "train to test", name="train to test"),
                    run_series(
                        gap,
                        "epoch",
                        "train to other train samples",
                        name="within train",
                        line={"dash": "dot", "width": 1},
                    ),
                ],
                shape="half",
            )
        )
    return figures


def _trajectories(table: pd.DataFrame, y: str) -> list[dict[str, Any]]:
    if set(table["split"]) == {"both"}:
        return [run_series(table, "component 1", y)]
    return [
        run_series(table[table["split"] == "train"], "component 1", y, name="train"),
        run_series(table[table["split"] == "test"], "component 1", y, name="test", line={"dash": "dot"}),
    ]
