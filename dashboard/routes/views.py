"""Routes of saved views, of a study's tour, and of named selections.

A tour is a list of views that comes with a study. A change of the views is answered with the whole list, which includes
changes by other pages; a selection that is kept, with the name under which a link can ask for it.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import flask
from flask.typing import ResponseReturnValue

from dashboard.saved import Saved
from dashboard.saved.views import MAXIMUM_VIEWS, View
from dashboard.server.requests import AddRoute, Question
from dashboard.view_state import MAXIMUM_QUERY_LENGTH, saved_query
from engine.errors import InvalidSpecError, SavedFileError
from engine.explorer.explorer import Explorer


def add_view_routes(route: AddRoute, explorer: Explorer, saved: Saved) -> None:
    """Add the routes of saved views and named selections."""

    @route("api/studies/<study_id>/views", "GET")
    def list_views(study_id: str) -> ResponseReturnValue:
        study = explorer.study(study_id)
        answer: dict[str, Any] = {"problems": []}
        for name, read in (("views", saved.views.saved), ("tour", saved.views.tour)):
            try:
                answer[name] = _entries(read(study))
            except SavedFileError as error:
                answer[name] = []
                answer["problems"].append(str(error))
        return answer

    @route("api/studies/<study_id>/views", "POST")
    def add_view(study_id: str) -> ResponseReturnValue:
        question = Question(flask.request.get_json())
        position = None if question.is_missing("position") else question.integer("position", 0, MAXIMUM_VIEWS)
        return _all_views(saved.views.add(explorer.study(study_id), *_fields(question), position))

    @route("api/studies/<study_id>/views/<view_id>", "POST")
    def change_view(study_id: str, view_id: str) -> ResponseReturnValue:
        question = Question(flask.request.get_json())
        return _all_views(saved.views.change(explorer.study(study_id), view_id, *_fields(question)))

    @route("api/studies/<study_id>/views/<view_id>/move", "POST")
    def move_view(study_id: str, view_id: str) -> ResponseReturnValue:
        steps = Question(flask.request.get_json()).integer("steps", -MAXIMUM_VIEWS, MAXIMUM_VIEWS)
        return _all_views(saved.views.move(explorer.study(study_id), view_id, steps))

    @route("api/studies/<study_id>/views/<view_id>/delete", "POST")
    def delete_view(study_id: str, view_id: str) -> ResponseReturnValue:
        return _all_views(saved.views.remove(explorer.study(study_id), view_id))

    @route("api/studies/<study_id>/selections", "POST")
    def keep_selection(study_id: str) -> ResponseReturnValue:
        question = Question(flask.request.get_json())
        study = question.study(explorer, study_id)
        return {"name": saved.selections.keep(study, question.run_ids(study))}


def _fields(question: Question) -> tuple[str, str, str]:
    try:
        query = saved_query(question.text("query", MAXIMUM_QUERY_LENGTH))
    except ValueError as error:
        raise InvalidSpecError(f"This view cannot be saved: {error}.") from None
    return question.text("title"), question.text("sentence"), query


def _entries(views: tuple[View, ...]) -> list[dict[str, Any]]:
    return [asdict(view) for view in views]


def _all_views(views: tuple[View, ...]) -> dict[str, Any]:
    return {"views": _entries(views)}
