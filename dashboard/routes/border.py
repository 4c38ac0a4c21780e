"""The border: what the browser sends is parsed once, each field with its rule, and refusals are named."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import flask
from flask.json.provider import DefaultJSONProvider

from dashboard.run_mask import selected_runs
from engine.document import strict_json
from engine.errors import (
    EngineError,
    InvalidSpecError,
    KeepsakeError,
    SceneNotReadyError,
    StaleStudyError,
    StudyNotFoundError,
    ViewNotFoundError,
)
from engine.explorer import Explorer
from engine.store import Study
from engine.values import EmbeddingSpec

MAXIMUM_CLIENT_LENGTH = 64
IMMUTABLE = "public, max-age=31536000, immutable"

AddRoute = Callable[[str, str], Callable[[Callable[..., Any]], Callable[..., Any]]]
"""``@route(path, method)``: adds a view under the app's prefix, its named errors turned into 4xx answers."""


class StrictJson(DefaultJSONProvider):
    """What the browser sends is JSON and nothing beyond: no NaN, no key twice, no nesting without end."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return strict_json(s.encode() if isinstance(s, str) else s, "the request")


class Question:
    """The border: a JSON body whose fields are parsed once, each with its rule."""

    def __init__(self, body: Any) -> None:
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
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise InvalidSpecError(f"{name} must be a finite number.")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise InvalidSpecError(f"{name} must be a finite number.")
        return number

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
        """The study as the page has it: a page that is frozen asks about what it shows while runs go on."""
        return explorer.study(self.text("study") if study_id is None else study_id, self.text("fingerprint"))

    def run_ids(self, study: Study) -> tuple[str, ...]:
        """The runs of the mask, which has a bit per run of the study as the page has it."""
        return selected_runs(self.text("mask"), list(study.runs.index))

    def spec(self, study: Study) -> EmbeddingSpec:
        run_ids = self.run_ids(study)
        split = self.text("split")
        if split not in study.splits:
            raise InvalidSpecError(f"Study {study.study_id} has no split {split!r}; it has {sorted(study.splits)}.")
        return EmbeddingSpec(
            study_id=study.study_id,
            split=split,
            run_ids=run_ids,
            divergence="bhattacharyya" if self.is_missing("divergence") else self.text("divergence"),
            fit_references=self._body.get("fit_references") is True,
        )


def guarded(view: Callable[..., Any]) -> Callable[..., Any]:
    """Turn the engine's named errors into a 4xx answer with their text; anything else stays a logged 500."""

    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except EngineError as error:
            code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), 400)
            return {"error": str(error), "kind": type(error).__name__}, code

    return answer


_CODES = {
    StaleStudyError: 409,
    StudyNotFoundError: 404,
    SceneNotReadyError: 404,
    ViewNotFoundError: 404,
    KeepsakeError: 409,
}


def immutable(body: bytes, mimetype: str, encoding: str = "") -> flask.Response:
    """An answer that never changes under its address."""
    response = flask.Response(body, mimetype=mimetype)
    response.headers["Cache-Control"] = IMMUTABLE
    if encoding:
        response.headers["Content-Encoding"] = encoding
    return response
