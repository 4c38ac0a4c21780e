"""Parsing and validation of requests, and answers to named errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import flask
from flask.json.provider import DefaultJSONProvider
from flask.typing import ResponseReturnValue

from dashboard.view_state import selected_runs
from engine.errors import (
    EngineError,
    InvalidSpecError,
    SavedFileError,
    SceneNotReadyError,
    StaleStudyError,
    StudyNotFoundError,
    ViewNotFoundError,
)
from engine.explorer.explorer import Explorer
from engine.store.documents import strict_json
from engine.store.study import Study
from engine.values import EmbeddingSpec

MAXIMUM_CLIENT_LENGTH = 64

RouteView = Callable[..., ResponseReturnValue]
"""View function of a route; its parameters are those of the path."""
AddRoute = Callable[[str, str], Callable[[RouteView], RouteView]]
"""Decorator ``@route(path, method)`` that adds a view under the app's prefix."""


class StrictJson(DefaultJSONProvider):
    """Strict JSON provider: rejects NaN, duplicate keys, deep nesting and lone surrogates."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        value = strict_json(s.encode() if isinstance(s, str) else s, "the request")
        try:
            # An escape such as "\ud800" gives half a character: no answer, file or log can repeat it.
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("the request holds half of a surrogate pair") from None
        return value


class Question:
    """JSON body of a request of the page; each method returns one of its fields, validated."""

    def __init__(self, body: object) -> None:
        if not isinstance(body, dict):
            raise InvalidSpecError("The request must be a JSON object.")
        self._body = body

    def text(self, name: str, longest: int = 4096) -> str:
        value = self._body.get(name)
        if not isinstance(value, str) or len(value) > (MAXIMUM_CLIENT_LENGTH if name == "client" else longest):
            raise InvalidSpecError(f"{name} must be a short text.")
        return value

    def number(self, name: str) -> float:
        value = self._body.get(name)
        # Of NaN, no comparison is true.
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
            raise InvalidSpecError(f"{name} must be a finite number.")
        return float(value)

    def document(self, name: str) -> dict[str, Any]:
        value = self._body.get(name)
        if not isinstance(value, dict):
            raise InvalidSpecError(f"{name} must be a JSON object.")
        return value

    def is_missing(self, name: str) -> bool:
        return self._body.get(name) is None

    def integer(self, name: str, lowest: int, highest: int) -> int:
        value = self.number(name)
        if not value.is_integer() or not lowest <= value <= highest:
            raise InvalidSpecError(f"{name} must be a whole number from {lowest} to {highest}.")
        return int(value)

    def study(self, explorer: Explorer, study_id: str | None = None) -> Study:
        """Snapshot of the study that the page shows, which may be older than the study on disk."""
        return explorer.study(self.text("study") if study_id is None else study_id, self.text("fingerprint"))

    def run_ids(self, study: Study) -> tuple[str, ...]:
        """Run ids of the mask, one bit per run of the page's snapshot."""
        return selected_runs(self.text("mask"), list(study.runs.index))

    def spec(self, study: Study) -> EmbeddingSpec:
        run_ids = self.run_ids(study)
        split = self.text("split")
        study.probe_set(split)
        return EmbeddingSpec(
            study_id=study.study_id,
            split=split,
            run_ids=run_ids,
            divergence="bhattacharyya" if self.is_missing("divergence") else self.text("divergence"),
            fit_references=self._body.get("fit_references") is True,
        )


_CODES = {
    StaleStudyError: 409,
    StudyNotFoundError: 404,
    SceneNotReadyError: 404,
    ViewNotFoundError: 404,
    SavedFileError: 409,
}


def answer_errors(server: flask.Flask) -> None:
    """Answer named errors of the engine with a 4xx and their text, and others with a 500 that names the log."""

    @server.errorhandler(EngineError)
    def answer(error: EngineError) -> ResponseReturnValue:
        code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), 400)
        return {"error": str(error), "kind": type(error).__name__}, code

    @server.errorhandler(500)
    def answer_defect(error: Exception) -> ResponseReturnValue:
        # Flask has logged the traceback.
        reason = "The server could not answer this. The reason is in its log, where it was started."
        return {"error": reason, "kind": "Defect"}, 500


def immutable(body: bytes, mimetype: str) -> flask.Response:
    """Response that browsers may cache forever, since it never changes under its address."""
    response = flask.Response(body, mimetype=mimetype)
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def immutable_json(document: dict[str, Any]) -> flask.Response:
    """The same of a JSON document."""
    return immutable(json.dumps(document, allow_nan=False, separators=(",", ":")).encode(), "application/json")
