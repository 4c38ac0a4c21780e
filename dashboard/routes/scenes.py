"""Embeddings: ask for one, watch it, stop it, fetch it.

A selection travels as a bit per run in the study's order, so that thousands of runs fit a few hundred bytes; the
study's fingerprint travels along, so that a page opened on older data is told so instead of being misread.
"""

from __future__ import annotations

from typing import Any

import flask

from dashboard.routes.border import AddRoute, Question, immutable
from dashboard.scene_payload import encode_scene
from engine.explorer import Explorer
from engine.values import JobStatus

PATIENCE_SECONDS = 0.25
"""How long an answer waits for a computation: short enough to feel immediate, long enough to save a round trip."""


def add_scene_routes(route: AddRoute, explorer: Explorer) -> None:
    """Add the routes of embeddings."""

    @route("api/scenes", "POST")
    def request_scene() -> Any:
        question = Question(flask.request.get_json())
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
        return _status(explorer.cancel(key, client=Question(flask.request.get_json()).text("client")))

    @route("api/scenes/<key>.bin", "GET")
    def fetch_scene(key: str) -> Any:
        return immutable(encode_scene(explorer.scene(key)), "application/octet-stream")


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
