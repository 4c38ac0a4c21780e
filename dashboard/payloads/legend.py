"""Colour menu, and levels or numbers of each colouring."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from dashboard import text
from dashboard.payloads.filters import finite_numbers, is_numeric, natural_levels
from engine.store.hyperparameters import level_text
from engine.store.study import Study

MAXIMUM_ORDERED_LEVELS = 8
"""A numeric column with at most this many distinct values gets one colour per value instead of a continuous scale."""


def color_options(study: Study) -> list[dict[str, Any]]:
    """Groups of the colour menu: columns that differ between runs, then columns that change along training.

    An item's value is ``"run:<column>"`` or ``"model:<column>"``.
    """
    along = ["progress", "epoch", "step", *study.metrics]
    final = [name for name in study.metrics if name in study.runs.columns]
    statuses = ["status"] if (study.runs["status"] != "finished").any() else []
    groups = [
        ("Hyperparameters", [(f"run:{name}", text.label(name)) for name in study.differing]),
        ("Along training", [(f"model:{name}", text.label(name)) for name in along]),
        ("At the end", [(f"run:{name}", f"final {text.label(name)}") for name in final]),
        ("Now", [(f"run:{name}", text.label(name)) for name in statuses]),
    ]
    return [
        {"group": group, "items": [{"value": value, "label": label} for value, label in items]}
        for group, items in groups
        if items
    ]


def default_color(study: Study) -> str:
    """Default colouring: architecture if it differs, else the first hyperparameter that does, else progress."""
    if "architecture" in study.differing:
        return "run:architecture"
    return f"run:{study.differing[0]}" if study.differing else "model:progress"


def run_column(study: Study, name: str) -> dict[str, Any]:
    """Column of the run table for colouring and filtering: numbers if numeric, levels if few or not numeric."""
    column = study.runs[name]
    entry: dict[str, Any] = {"name": name, "label": text.label(name)}
    if numeric := is_numeric(column):
        values = column.astype(object).tolist()
        entry["numbers"] = [None if pd.isna(value) or not math.isfinite(value) else float(value) for value in values]
    if not numeric or finite_numbers(column).nunique() <= MAXIMUM_ORDERED_LEVELS:
        levels = natural_levels(column)
        entry |= {"levels": levels, "level": [levels.index(level_text(value)) for value in column], "ordered": numeric}
    return entry
