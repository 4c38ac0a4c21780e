"""Thin adapters between the page and the code that does the work.

*Sync* is the one server callback: it opens a study, from the address bar or the picker, and sets every control.
Everything after that, filtering, colouring, asking for an embedding and drawing it, happens in the browser
(assets/80-callbacks.js) and talks to ``routes``; no callback ships a figure.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, ctx
from dash.exceptions import PreventUpdate

from dashboard import text
from dashboard.ids import Header, Page, Picture, Table
from dashboard.link_note import link_note
from dashboard.run_mask import selected_runs
from dashboard.study_payload import color_options, column_definitions, default_color, study_filters, study_payload
from dashboard.view_state import ViewState
from engine.errors import EngineError, SelectionNotKeptError
from engine.explorer import Explorer
from engine.store import Study
from engine.values import StudySummary


def register_callbacks(app: Dash, explorer: Explorer) -> None:
    """Attach every callback to the app, once."""

    @app.callback(
        output={
            "studies": Output(Header.STUDY, "data"),
            "study": Output(Header.STUDY, "value"),
            "splits": Output(Header.SPLIT, "data"),
            "split": Output(Header.SPLIT, "value"),
            "colors": Output(Picture.COLOR_BY, "data"),
            "color": Output(Picture.COLOR_BY, "value"),
            "axes": (
                Output(Picture.AXIS_X, "value"),
                Output(Picture.AXIS_Y, "value"),
                Output(Picture.AXIS_Z, "value"),
            ),
            "references": Output(Picture.REFERENCES, "value"),
            "columns": Output(Table.GRID, "columnDefs"),
            "payload": Output(Page.STUDY_DATA, "data"),
            "opened": Output(Page.OPEN_STUDY, "data"),
        },
        inputs={"query": Input(Page.LOCATION, "search"), "picked_study": Input(Header.STUDY, "value")},
        state={
            "split": State(Header.SPLIT, "value"),
            "color": State(Picture.COLOR_BY, "value"),
            "references": State(Picture.REFERENCES, "value"),
            "opened": State(Page.OPEN_STUDY, "data"),
        },
    )
    def sync(
        query: str | None,
        picked_study: str | None,
        split: str | None,
        color: str | None,
        references: str | None,
        opened: str | None,
    ) -> Any:
        if ctx.triggered_id == Header.STUDY:
            if opened and opened == picked_study:
                raise PreventUpdate
            # Another study is looked at in the same way; what only the browser knows of it, it keeps (70-explorer.js).
            view = ViewState(
                study=picked_study or "",
                split=split or "train",
                color_by=color or "",
                references=references or "project",
            )
            return open_view(explorer, view, is_link=False)
        return open_view(explorer, ViewState.from_query(query or ""))

    app.clientside_callback(
        ClientsideFunction("inpca", "explore"),
        Output(Table.GRID, "rowData"),
        Input(Page.STUDY_DATA, "data"),
        Input(Header.SPLIT, "value"),
        Input(Picture.REFERENCES, "value"),
        Input(Header.AUTOMATIC, "checked"),
        State(Page.STYLE_DATA, "data"),
    )
    # Apart from *sync*, which opens: a study that has changed on disk is taken up in place.
    app.clientside_callback(
        ClientsideFunction("inpca", "grow"),
        Output(Picture.COLOR_BY, "data", allow_duplicate=True),
        Output(Table.GRID, "columnDefs", allow_duplicate=True),
        Output(Page.STUDY_DATA, "data", allow_duplicate=True),
        Input(Page.GROWTH, "data"),
        State(Picture.COLOR_BY, "data"),
        State(Table.GRID, "columnDefs"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("inpca", "paint"),
        Input(Picture.COLOR_BY, "value"),
        Input(Picture.AXIS_X, "value"),
        Input(Picture.AXIS_Y, "value"),
        Input(Picture.AXIS_Z, "value"),
    )


def open_view(explorer: Explorer, view: ViewState, is_link: bool = True) -> dict[str, Any]:
    """Every control's value for a view; a study that cannot be opened leaves the page empty, with the reason.

    Args:
        explorer: the engine.
        view: what the link or the picker asks for; an unknown study becomes the first that opens.
        is_link: whether a link says so, which is told what of it does not apply; the picker takes what there is.
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
    picked, is_kept = _picked_runs(explorer, study, view)
    if not is_kept:
        view = replace(view, unread=(*view.unread, text.SELECTION_NOT_KEPT))
    if is_link:
        notice = notice or link_note(study, view, filters, _is_offered(view.color_by, colors))
    view = replace(
        view,
        split=view.split if view.split in study.splits else next(iter(study.splits)),
        color_by=view.color_by if _is_offered(view.color_by, colors) else default_color(study),
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


def _picked_runs(explorer: Explorer, study: Study, view: ViewState) -> tuple[tuple[str, ...], bool]:
    """The runs a link narrows the selection to, of those there are; False where the link names what is not kept here.

    A mask of another state of the study is ignored.
    """
    if view.picked_name:
        try:
            run_ids = explorer.selections.run_ids(study, view.picked_name)
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


def _is_offered(color_by: str, options: list[dict[str, Any]]) -> bool:
    return any(item["value"] == color_by for group in options for item in group["items"])
