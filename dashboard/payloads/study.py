"""Study for the browser: run columns, filters, colourings, opening view.

Sent once, when a study is opened; the browser filters, colours and fills the run table from it alone.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from dashboard import text
from dashboard.payloads.filters import Filter, LevelsFilter, RangeFilter, filters_of, is_numeric
from dashboard.payloads.legend import run_column
from dashboard.view_state import ViewState
from engine.store.study import Study

FINAL_METRICS_FILTERED = ("test_error", "train_error")
"""Final metrics that become filters; the run table shows and sorts all of them."""

OPENING_SECONDS = 60.0
"""Longest predicted time of a first embedding that starts without a click."""

NUMBER_FORMAT = {"function": "inpcaFormat(params.value)"}

CONTROLLED = ("study", "split", "references", "levels", "ranges", "picked_mask", "picked_name", "unread")
"""Fields of a view that a Dash control, the choices of filters or the picked runs carry."""


def study_filters(study: Study) -> tuple[Filter, ...]:
    """Filters of the hyperparameters that differ, then of the final errors."""
    metrics = [name for name in FINAL_METRICS_FILTERED if name in study.runs.columns]
    return filters_of(study.runs, [*study.differing, *metrics])


def study_payload(study: Study, view: ViewState | None) -> dict[str, Any]:
    """Payload from which the browser filters, colours and lists the runs of a study.

    Args:
        study: the snapshot to describe.
        view: view the page opens with; None keeps the page's own.
    """
    filters = study_filters(study)
    return {
        "study": study.study_id,
        "title": study.title,
        "fingerprint": study.fingerprint,
        "run_ids": list(study.runs.index),
        "splits": list(study.splits),
        "columns": [run_column(study, name) for name in study.runs.columns],
        "differing": list(study.differing),
        "filters": [_filter(entry) for entry in filters],
        "unfiltered": "" if filters else _why_unfiltered(study),
        "empty": None if len(study.runs) else text.NO_USABLE_RUN if study.problems else text.NO_RUNS,
        "problems": [{"run_id": problem.run_id, "reason": problem.reason} for problem in study.problems],
        "opening_seconds": OPENING_SECONDS,
        "view": {**_view(view), "choices": _choices(view, filters)} if view else None,
    }


def _why_unfiltered(study: Study) -> str:
    """Sentence in the place of the filters of a study without any."""
    if len(study.runs) < 2:
        return text.ONE_RUN if len(study.runs) else ""
    return text.ALL_ALIKE if study.hyperparameters else text.NO_HYPERPARAMETERS


def _choices(view: ViewState, filters: tuple[Filter, ...]) -> list[tuple[str, list[str] | list[int]]]:
    """Chosen levels or range stops per filter; unfiltered columns omitted."""
    levels, ranges = dict(view.levels), {name: (low, high) for name, low, high in view.ranges}
    choices: list[tuple[str, list[str] | list[int]]] = []
    for entry in filters:
        match entry:
            case LevelsFilter() if entry.name in levels:
                choices.append((entry.name, [level for level in levels[entry.name] if level in entry.levels]))
            case RangeFilter() if entry.name in ranges:
                choices.append((entry.name, list(entry.enclosing_stops(*ranges[entry.name]))))
    return choices


def _view(view: ViewState) -> dict[str, Any]:
    """Fields of a view without a Dash control; the browser applies them itself."""
    values = {field.name: getattr(view, field.name) for field in fields(view) if field.name not in CONTROLLED}
    listed = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    return {**listed, "figure_options": dict(view.figure_options)}


def column_definitions(study: Study) -> list[dict[str, Any]]:
    """Column definitions of the run table: differing hyperparameters, then counts and final metrics."""
    shown = [*study.differing, "n_checkpoints", *study.metrics, "status"]
    definitions: list[dict[str, Any]] = [
        {"field": "run_id", "headerName": text.label("run_id"), "pinned": "left", "width": 300, "filter": False}
    ]
    for name in shown:
        if name in study.runs.columns:
            numeric = is_numeric(study.runs[name])
            definitions.append(
                {
                    # The grid keeps columns in plain objects, where "__proto__" and "constructor" are reserved.
                    "colId": f"column {name}",
                    "field": name,
                    "headerName": text.label(name),
                    **({"type": "rightAligned", "valueFormatter": NUMBER_FORMAT} if numeric else {}),
                    "width": 118 if numeric else 132,
                    **({"cellClassRules": {"is-stalled": "params.value === 'stalled'"}} if name == "status" else {}),
                }
            )
    return definitions


def _filter(entry: Filter) -> dict[str, Any]:
    if isinstance(entry, LevelsFilter):
        return {"kind": "levels", **asdict(entry)}
    return {"kind": "range", **asdict(entry), "logarithmic": entry.is_logarithmic}
