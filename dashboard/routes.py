"""The few addresses the browser talks to beside Dash's own: ask for an embedding, watch it, stop it, fetch it.

A selection travels as a bit per run in the study's order, so that thousands of runs fit a few hundred bytes; the
study's fingerprint travels along, so that a page opened on older data is told so instead of being misread.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import flask
import plotly.offline

from dashboard.run_mask import selected_runs
from dashboard.scene_payload import encode_scene
from engine.errors import EngineError, InvalidSpecError, SceneNotReadyError, StudyNotFoundError
from engine.explorer import Explorer
from engine.store import Study
from engine.values import EmbeddingSpec, JobStatus

PATIENCE_SECONDS = 0.25
"""How long an answer waits for a computation: short enough to feel immediate, long enough to save a round trip."""

IMMUTABLE = "public, max-age=31536000, immutable"
MAXIMUM_CLIENT_LENGTH = 64


class StaleStudyError(EngineError):
    """The page shows a study that has changed on disk since."""


def register_routes(server: flask.Flask, explorer: Explorer, prefix: str) -> None:
    """Add the routes to a Flask server, under a path prefix that ends with a slash."""

    def route(path: str, method: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def add(view: Callable[..., Any]) -> Callable[..., Any]:
            server.add_url_rule(prefix + path, view.__name__, _guarded(view), methods=[method])
            return view

        return add

    @route("health", "GET")
    def health() -> Any:
        studies = explorer.list_studies()
        return {"status": "ok", "device": explorer.device, "studies": [study.study_id for study in studies]}

    @route("plotly.min.js", "GET")
    def plotly_script() -> Any:
        return _immutable(_gzipped_plotly(), "text/javascript; charset=utf-8", encoding="gzip")

    @route("api/scenes", "POST")
    def request_scene() -> Any:
        question = _Question(flask.request.get_json())
        study = explorer.study(question.text("study"))
        spec = question.spec(study)
        predicted = explorer.predicted_seconds(spec)
        if predicted > question.number("limit"):
            return {"state": "expensive", "predicted": predicted}
        status = explorer.request(spec, client=question.text("client"))
        return _status(explorer.wait(status.key, PATIENCE_SECONDS) if not status.is_over else status, predicted)

    @route("api/scenes/<key>/status", "GET")
    def scene_status(key: str) -> Any:
        return _status(explorer.wait(key, PATIENCE_SECONDS))

    @route("api/scenes/<key>/cancel", "POST")
    def cancel_scene(key: str) -> Any:
        return _status(explorer.cancel(key, client=_Question(flask.request.get_json()).text("client")))

    @route("api/scenes/<key>.bin", "GET")
    def fetch_scene(key: str) -> Any:
        return _immutable(encode_scene(explorer.scene(key)), "application/octet-stream")


class _Question:
    """The border: a JSON body whose fields are parsed once, each with its rule."""

    def __init__(self, body: Any) -> None:
        if not isinstance(body, dict):
            raise InvalidSpecError("The request must be a JSON object.")
        self._body = body

    def text(self, name: str) -> str:
        value = self._body.get(name)
        if not isinstance(value, str) or len(value) > (MAXIMUM_CLIENT_LENGTH if name == "client" else 4096):
            raise InvalidSpecError(f"{name} must be a short text.")
        return value

    def number(self, name: str) -> float:
        value = self._body.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise InvalidSpecError(f"{name} must be a finite number.")
        return float(value)

    def spec(self, study: Study) -> EmbeddingSpec:
        if self.text("fingerprint") != study.fingerprint:
            raise StaleStudyError(f"Study {study.study_id} has changed on disk: reload the page to see its runs.")
        split = self.text("split")
        if split not in study.splits:
            raise InvalidSpecError(f"Study {study.study_id} has no split {split!r}; it has {sorted(study.splits)}.")
        return EmbeddingSpec(
            study_id=study.study_id,
            split=split,
            run_ids=selected_runs(self.text("mask"), list(study.runs.index)),
            fit_references=self._body.get("fit_references") is True,
        )


def _status(status: JobStatus, predicted: float | None = None) -> dict[str, Any]:
    return {
        "key": status.key,
        "state": status.state,
        "stage": status.stage,
        "fraction": status.fraction,
        "elapsed": status.elapsed,
        "remaining": status.remaining,
        "message": status.message,
        "predicted": predicted,
    }


def _guarded(view: Callable[..., Any]) -> Callable[..., Any]:
    """Turn the engine's named errors into a 4xx answer with their text; anything else stays a logged 500."""

    @wraps(view)
    def answer(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except EngineError as error:
            code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), 400)
            return {"error": str(error), "kind": type(error).__name__}, code

    return answer


_CODES = {StaleStudyError: 409, StudyNotFoundError: 404, SceneNotReadyError: 404}


def _immutable(body: bytes, mimetype: str, encoding: str = "") -> flask.Response:
    response = flask.Response(body, mimetype=mimetype)
    response.headers["Cache-Control"] = IMMUTABLE
    if encoding:
        response.headers["Content-Encoding"] = encoding
    return response


@cache
def _gzipped_plotly() -> bytes:
    return gzip.compress(plotly.offline.get_plotlyjs().encode(), compresslevel=6)
