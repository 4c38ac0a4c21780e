"""Embeddings: ask for one, watch it, stop it, fetch it.

A selection travels as a bit per run in the study's order, so that thousands of runs fit a few hundred bytes; the
study's fingerprint travels along, so that a page is answered about the state of the study that it shows: what runs have
committed since then comes in when the page takes it up, and not with whatever is asked next.
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

BINARY = "application/octet-stream"

MAXIMUM_INLINE_BYTES = 1_000_000
"""A scene up to this size answers its own question, which saves a round trip; a larger one is fetched by its key, so
that the browser keeps it from one visit to the next."""

PREVIEW_SECONDS = 0.4
"""A selection that is predicted to take longer is previewed meanwhile; a quicker one would only be drawn twice."""


def add_scene_routes(route: AddRoute, explorer: Explorer) -> None:
    """Add the routes of embeddings."""

    @route("api/scenes", "POST")
    def request_scene() -> Any:
        question = Question(flask.request.get_json())
        study = question.study(explorer)
        spec = question.spec(study)
        predicted = explorer.predicted_seconds(spec, study)
        preview = predicted > PREVIEW_SECONDS and explorer.can_preview(spec, study)
        if predicted > question.number("limit"):
            return {"state": "expensive", "predicted": predicted, "preview": preview}
        status = explorer.request(spec, client=question.text("client"), study=study)
        if not status.is_over and not preview:
            status = explorer.wait(status.key, PATIENCE_SECONDS)
        return scene_or(status, {"predicted": predicted, "preview": preview})

    @route("api/previews", "POST")
    def fetch_preview() -> Any:
        question = Question(flask.request.get_json())
        study = question.study(explorer)
        scene = explorer.preview(question.spec(study), study)
        if scene is None:
            raise SceneNotReadyError("There is no preview of this selection yet: ask for its embedding.")
        return flask.Response(encode_preview(scene), mimetype=BINARY)

    @route("api/scenes/<key>/status", "GET")
    def scene_status(key: str) -> Any:
        return scene_or(explorer.wait(key, PATIENCE_SECONDS), {})

    def scene_or(status: JobStatus, further: dict[str, Any]) -> Any:
        """The embedding itself where it is there, small, and asked for in the request's Accept; else how far it is."""
        accepted = flask.request.accept_mimetypes.best_match(("application/json", BINARY))
        if status.state == "done" and accepted == BINARY:
            scene = encode_scene(explorer.scene(status.key))
            if len(scene) <= MAXIMUM_INLINE_BYTES:
                return flask.Response(scene, mimetype=BINARY)
        return {**status_document(status), **further}

    @route("api/scenes/<key>/cancel", "POST")
    def cancel_scene(key: str) -> Any:
        return status_document(explorer.cancel(key, client=Question(flask.request.get_json()).text("client")))

    @route("api/scenes/<key>.bin", "GET")
    def fetch_scene(key: str) -> Any:
        return immutable(encode_scene(explorer.scene(key)), BINARY)


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
