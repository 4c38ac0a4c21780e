"""Dash callbacks: study opening on the server, the rest in the browser.

*Sync* is the one server callback: it opens a study, from the address bar or the picker, and sets every control.
Filtering, colouring, requesting an embedding and drawing it happen in the browser (assets/study/callbacks.mjs), which
talks to ``routes``; no callback ships a figure.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx
from dash.exceptions import PreventUpdate

from dashboard import text
from dashboard.layout.panel_rail import EXTENSIONS
from dashboard.payloads.legend import color_options, default_color
from dashboard.payloads.link import link_note
from dashboard.payloads.study import column_definitions, study_filters, study_payload
from dashboard.saved.selections import SelectionStore
from dashboard.server.calls import text_only
from dashboard.view_state import ViewState, selected_runs
from engine.errors import EngineError, SelectionNotKeptError
from engine.explorer.explorer import Explorer
from engine.store.study import Study
from engine.values import StudySummary


def register_callbacks(app: Dash, explorer: Explorer, selections: SelectionStore) -> None:
    """Attach all callbacks to the app."""

    @app.callback(
        output={
            "studies": Output("study-picker", "data"),
            "study": Output("study-picker", "value"),
            "splits": Output("split", "data"),
            "split": Output("split", "value"),
            "colors": Output("color-by", "data"),
            "color": Output("color-by", "value"),
            "axes": (Output("axis-x", "value"), Output("axis-y", "value"), Output("axis-z", "value")),
            "references": Output("references", "value"),
            "columns": Output("run-table", "columnDefs"),
            "payload": Output("study-data", "data"),
            "opened": Output("open-study", "data"),
        },
        inputs={"query": Input("location", "search"), "picked_study": Input("study-picker", "value")},
        state={
            "split": State("split", "value"),
            "color": State("color-by", "value"),
            "references": State("references", "value"),
            "opened": State("open-study", "data"),
        },
    )
    @text_only
    def sync(
        query: str | None,
        picked_study: str | None,
        split: str | None,
        color: str | None,
        references: str | None,
        opened: str | None,
    ) -> dict[str, Any]:
        if ctx.triggered_id == "study-picker":
            if opened and opened == picked_study:
                raise PreventUpdate
            # Another study opens with the same view settings; the browser keeps those it alone knows (explorer.mjs).
            view = ViewState(
                study=picked_study or "",
                split=split or "train",
                color_by=color or "",
                references=references or "project",
            )
            return open_view(explorer, selections, view, is_link=False)
        view = ViewState.from_query(query or "")
        if view.tab == "extensions" and EXTENSIONS not in app.layout:
            view = replace(view, tab="components", unread=(*view.unread, text.NO_EXTENSIONS))
        opened_view = open_view(explorer, selections, view)
        # By it the browser tells this answer from that to an earlier address (assets/page/history.mjs).
        opened_view["payload"]["query"] = query or ""
        return opened_view

    app.clientside_callback(
        ClientsideFunction("inpca", "explore"),
        Output("run-table", "rowData"),
        Input("study-data", "data"),
        Input("split", "value"),
        Input("references", "value"),
        Input("automatic", "checked"),
        State("style-data", "data"),
    )
    # Separate from *sync*: a study that changed on disk is updated in place, not opened again.
    app.clientside_callback(
        ClientsideFunction("inpca", "grow"),
        Output("color-by", "data", allow_duplicate=True),
        Output("run-table", "columnDefs", allow_duplicate=True),
        Output("study-data", "data", allow_duplicate=True),
        Input("growth", "data"),
        State("color-by", "data"),
        State("run-table", "columnDefs"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("inpca", "paint"),
        Input("color-by", "value"),
        Input("axis-x", "value"),
        Input("axis-y", "value"),
        Input("axis-z", "value"),
    )


def open_view(explorer: Explorer, selections: SelectionStore, view: ViewState, is_link: bool = True) -> dict[str, Any]:
    """Value of every control for a view; if the study cannot be opened, an empty page with the reason.

    Args:
        explorer: the engine.
        selections: selections that links name.
        view: view from the link or the picker; an unknown study becomes the first that opens.
        is_link: whether the view comes from a link, which gets a note on the parts that do not apply.
    """
    summaries = explorer.list_studies()
    usable = [summary.study_id for summary in summaries if not summary.error]
    notice = ""
    if view.study and view.study not in usable:
        broken = next((summary.error for summary in summaries if summary.study_id == view.study), "")
        notice = broken or f"There is no study {view.study!r} here; another one is shown."
        view = ViewState(dark=view.dark)
    if not usable:
        return _empty_page(summaries, view, notice)
    view = replace(view, study=view.study or usable[0])
    try:
        study = explorer.study(view.study)
    except EngineError as error:
        return _empty_page(summaries, view, str(error))
    explorer.hold(study)
    filters, colors = study_filters(study), color_options(study)
    picked, is_kept = _picked_runs(selections, study, view)
    if not is_kept:
        view = replace(view, unread=(*view.unread, text.SELECTION_NOT_KEPT))
    is_offered = any(item["value"] == view.color_by for group in colors for item in group["items"])
    if is_link:
        notice = notice or link_note(study, view, filters, is_offered)
    view = replace(
        view,
        split=view.split if view.split in study.splits else next(iter(study.splits)),
        color_by=view.color_by if is_offered else default_color(study),
        picked=picked,
    )
    payload = {**study_payload(study, view), "notice": notice, "is_link": is_link}
    return {
        "studies": _picker_entries(summaries),
        "study": view.study,
        "splits": list(study.splits),
        "split": view.split,
        "colors": colors,
        "color": view.color_by,
        "axes": tuple(str(axis) for axis in view.axes),
        "references": view.references,
        "columns": column_definitions(study),
        "payload": payload,
        "opened": view.study,
    }


def _picked_runs(selections: SelectionStore, study: Study, view: ViewState) -> tuple[tuple[str, ...], bool]:
    """Existing runs that a link narrows the selection to, and False if it names a selection not kept here.

    A mask of another state of the study is ignored.
    """
    if view.picked_name:
        try:
            run_ids = selections.run_ids(study, view.picked_name)
        except SelectionNotKeptError:
            return (), False
        return tuple(run_id for run_id in run_ids if run_id in study.runs.index), True
    fingerprint, _, mask = view.picked_mask.partition(".")
    if mask and study.fingerprint.startswith(fingerprint):
        with suppress(EngineError):
            return selected_runs(mask, list(study.runs.index)), True
    return tuple(run_id for run_id in view.picked if run_id in study.runs.index), True


def _empty_page(summaries: tuple[StudySummary, ...], view: ViewState, notice: str) -> dict[str, Any]:
    title, advice = text.NO_STUDIES
    broken = [{"run_id": summary.study_id, "reason": summary.error} for summary in summaries if summary.error]
    return {
        "studies": _picker_entries(summaries),
        "study": None,
        "splits": ["train", "test"],
        "split": view.split,
        "colors": [],
        "color": None,
        "axes": ("1", "2", "3"),
        "references": view.references,
        "columns": [],
        "payload": {"study": None, "title": title, "advice": advice, "notice": notice, "problems": broken},
        "opened": None,
    }


def _picker_entries(summaries: tuple[StudySummary, ...]) -> list[dict[str, Any]]:
    return [
        {
            "value": summary.study_id,
            "label": f"{summary.title or summary.study_id} (cannot be opened)" if summary.error else summary.title,
            "disabled": bool(summary.error),
        }
        for summary in summaries
    ]
