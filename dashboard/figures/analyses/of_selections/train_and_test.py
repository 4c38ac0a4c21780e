"""Train and test trajectories in one embedding, and the gap between them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from dashboard.figures.analyses.curves import (
    COLORS,
    band,
    curve,
    explained_figure,
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
    """Pairs of components, explained stress, and each network's distance between train and test."""
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
    curves = []
    for name, color in SPLIT_COLORS.items():
        rows = explained[explained["embedding"] == name]
        if name == "joint":
            curves.append(band(rows, "components", "explained stress", color))
        words = "joint, lowest to highest matching" if name == "joint" else f"{name} alone"
        curves.append(curve(rows["components"], rows["explained stress"], words, color))
    figures.append(explained_figure("Explained stress", "stress", curves, explained))
    if is_matched:
        gap, dotted = finding.tables["gap"], {"dash": "dot", "width": 1}
        series = [
            run_series(gap, "epoch", "train to test", name="train to test"),
            run_series(gap, "epoch", "train to other train samples", name="within train", line=dotted),
        ]
        title = "Solid train to test, dotted within train"
        figures.append(figure(title, "epoch", "divergence of a network from itself", series=series))
    return figures


def _trajectories(table: pd.DataFrame, y: str) -> list[dict[str, Any]]:
    if set(table["split"]) == {"both"}:
        return [run_series(table, "component 1", y)]
    return [
        run_series(table[table["split"] == "train"], "component 1", y, name="train"),
        run_series(table[table["split"] == "test"], "component 1", y, name="test", line={"dash": "dot"}),
    ]
