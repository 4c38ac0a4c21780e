"""Embeddings: ask for one, watch it, stop it, fetch it.

A selection travels as a bit per run in the study's order, so that thousands of runs fit a few hundred bytes; the
study's fingerprint travels along, so that a page opened on older data is told so instead of being misread.
"""

from __future__ import annotations

from typing import Any

import flask

from dashboard.routes.border import AddRoute, Question, immutable
from dashboard.scene_payload import encode_preview, encode_scene
from engine.errors import SceneNotReadyError
from engine.explorer import Explorer
from engine.values import JobStatus

PATIENCE_SECONDS = 0.25
"""How long an answer waits for a computation: short enough to feel immediate, long enough to save a round trip."""

PREVIEW_SECONDS = 0.4
"""A selection that is predicted to take longer is previewed meanwhile; a quicker one would only be drawn twice."""


def add_scene_routes(route: AddRoute, explorer: Explorer) -> None:
    """Add the routes of embeddings."""

    @route("api/scenes", "POST")
    def request_scene() -> Any:
        question = Question(flask.request.get_json())
        study = explorer.study(question.text("study"))
        spec = question.spec(study)
        predicted = explorer.predicted_seconds(spec)
        preview = predicted > PREVIEW_SECONDS and explorer.can_preview(spec)
        if predicted > question.number("limit"):
            return {"state": "expensive", "predicted": predicted, "preview": preview}
        status = explorer.request(spec, client=question.text("client"))
        if not status.is_over and not preview:
            status = explorer.wait(status.key, PATIENCE_SECONDS)
        return {**status_document(status), "predicted": predicted, "preview": preview}

    @route("api/previews", "POST")
    def fetch_preview() -> Any:
        question = Question(flask.request.get_json())
        scene = explorer.preview(question.spec(explorer.study(question.text("study"))))
        if scene is None:
            raise SceneNotReadyError("There is no preview of this selection yet: ask for its embedding.")
        return flask.Response(encode_preview(scene), mimetype="application/octet-stream")

    @route("api/scenes/<key>/status", "GET")
    def scene_status(key: str) -> Any:
        return status_document(explorer.wait(key, PATIENCE_SECONDS))

    @route("api/scenes/<key>/cancel", "POST")
    def cancel_scene(key: str) -> Any:
        return status_document(explorer.cancel(key, client=Question(flask.request.get_json()).text("client")))

    @route("api/scenes/<key>.bin", "GET")
    def fetch_scene(key: str) -> Any:
        return immutable(encode_scene(explorer.scene(key)), "application/octet-stream")


def status_document(status: JobStatus) -> dict[str, Any]:
    """How a computation is getting on, as the browser is told."""
    return {
        "key": status.key,
        "state": status.state,
        "stage": status.stage,
        "fraction": status.fraction,
        "elapsed": status.elapsed,
        "remaining": status.remaining,
        "message": status.message,
    }
