"""What the browser knows of a study: its runs column by column, its filters, its colourings and the first view.

Sent once when a study is opened; the browser filters, colours and fills the run table from it alone.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from dashboard import text
from dashboard.filters import Filter, LevelsFilter, RangeFilter, filters_of, is_numeric
from dashboard.view_state import ViewState
from engine.hyperparameters import level_text
from engine.store import Study

FINAL_METRICS_FILTERED = ("test_error", "train_error")
"""Of the final metrics only these become filters; the run table sorts and shows all of them."""

MAXIMUM_ORDERED_LEVELS = 8
"""A number with no more distinct values than this is coloured by step, with a legend, instead of continuously."""

OPENING_SECONDS = 60.0
"""Opening a study starts its first embedding by itself while it is predicted to take no longer than this."""

NUMBER_FORMAT = {"function": "inpcaFormat(params.value)"}


def study_filters(study: Study) -> tuple[Filter, ...]:
    """Filters of the hyperparameters that differ, then of the final errors."""
    metrics = [name for name in FINAL_METRICS_FILTERED if name in study.runs.columns]
    return filters_of(study.runs, [*study.differing, *metrics])


def study_payload(study: Study, view: ViewState | None) -> dict[str, Any]:
    """Everything the browser needs to filter, colour and list the runs of a study.

    Args:
        study: the snapshot to describe.
        view: the view the page opens with; None where it keeps its own.
    """
    filters = study_filters(study)
    return {
        "study": study.study_id,
        "title": study.title,
        "fingerprint": study.fingerprint,
        "run_ids": list(study.runs.index),
        "splits": list(study.splits),
        "columns": [_column(study, name) for name in study.runs.columns],
        "differing": list(study.differing),
        "filters": [_filter(entry) for entry in filters],
        "problems": [{"run_id": problem.run_id, "reason": problem.reason} for problem in study.problems],
        "opening_seconds": OPENING_SECONDS,
        "view": {**_view(view), "choices": _choices(view, filters)} if view else None,
    }


def _choices(view: ViewState, filters: tuple[Filter, ...]) -> list[tuple[str, list[Any]]]:
    """Of each filter that a view narrows, its chosen levels or the stops at its ends; of others nothing."""
    levels, ranges = dict(view.levels), {name: (low, high) for name, low, high in view.ranges}
    choices: list[tuple[str, list[Any]]] = []
    for entry in filters:
        match entry:
            case LevelsFilter() if entry.name in levels:
                choices.append((entry.name, [level for level in levels[entry.name] if level in entry.levels]))
            case RangeFilter() if entry.name in ranges:
                choices.append((entry.name, list(entry.enclosing_stops(*ranges[entry.name]))))
    return choices


def _view(view: ViewState) -> dict[str, Any]:
    """What of a view no control of Dash's holds: the browser takes it up itself."""
    return {
        "search": view.search,
        "picked": list(view.picked),
        "divergence": view.divergence,
        "mode": view.mode,
        "paired": view.paired,
        "comparison": view.comparison,
        "figure": view.figure,
        "figure_options": dict(view.figure_options),
        "pinned": list(view.pinned),
        "context": view.context,
        "color_by": view.color_by,
        "axes": list(view.axes),
        "flips": list(view.flips),
        "camera": list(view.camera),
        "dark": view.dark,
        "scale": view.scale,
        "clock": view.clock,
        "moment": view.moment,
        "tab": view.tab,
    }


def color_options(study: Study) -> list[dict[str, Any]]:
    """Grouped entries of the colour menu: what differs between runs, then what changes along training."""
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
    """Architecture where it differs, else the first hyperparameter that does, else progress."""
    if "architecture" in study.differing:
        return "run:architecture"
    return f"run:{study.differing[0]}" if study.differing else "model:progress"


def column_definitions(study: Study) -> list[dict[str, Any]]:
    """Columns of the run table: what differs first, then counts and final metrics."""
    shown = [*study.differing, "n_checkpoints", *study.metrics, "status"]
    definitions: list[dict[str, Any]] = [
        {"field": "run_id", "headerName": text.label("run_id"), "pinned": "left", "width": 300, "filter": False}
    ]
    for name in shown:
        if name in study.runs.columns:
            numeric = is_numeric(study.runs[name])
            definitions.append(
                {
                    # The grid keeps columns in plain objects: there no name may be "__proto__" or "constructor".
                    "colId": f"column {name}",
                    "field": name,
                    "headerName": text.label(name),
                    **({"type": "rightAligned", "valueFormatter": NUMBER_FORMAT} if numeric else {}),
                    "width": 118 if numeric else 132,
                    **({"cellClassRules": {"is-stalled": "params.value === 'stalled'"}} if name == "status" else {}),
                }
            )
    return definitions


def _column(study: Study, name: str) -> dict[str, Any]:
    column = study.runs[name]
    entry: dict[str, Any] = {"name": name, "label": text.label(name)}
    numbers = _numbers(column) if is_numeric(column) else None
    distinct = sorted({number for number in numbers if number is not None}) if numbers is not None else []
    if numbers is not None:
        entry["numbers"] = numbers
    if numbers is None or len(distinct) <= MAXIMUM_ORDERED_LEVELS:
        texts = [level_text(value) for value in column]
        order = [level_text(value) for value in distinct] if numbers is not None else sorted(set(texts))
        entry["levels"] = order + sorted(set(texts) - set(order))
        entry["level"] = [entry["levels"].index(value) for value in texts]
        entry["ordered"] = numbers is not None
    return entry


def _numbers(column: pd.Series) -> list[float | None]:
    return [
        float(value) if not pd.isna(value) and math.isfinite(value) else None
        for value in column.astype(object).tolist()
    ]


def _filter(entry: Filter) -> dict[str, Any]:
    match entry:
        case LevelsFilter():
            return {"name": entry.name, "kind": "levels", "levels": list(entry.levels)}
        case RangeFilter():
            return {
                "name": entry.name,
                "kind": "range",
                "stops": list(entry.stops),
                "counts": list(entry.counts),
                "discrete": entry.discrete,
                "logarithmic": entry.is_logarithmic,
            }
