"""Routes of embeddings: request, status, cancellation, scene.

A selection travels as one bit per run in the study's order, so that thousands of runs fit a few hundred bytes. The
study's fingerprint travels along, so that the answer is about the snapshot that the page shows; later commits come in
only when the page updates its snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import flask
from flask.typing import ResponseReturnValue

from dashboard.payloads.scene import encode_preview, encode_scene
from dashboard.server.requests import AddRoute, Question, immutable
from engine.explorer.explorer import Explorer
from engine.values import JobStatus

PATIENCE_SECONDS = 0.25
"""Time an answer waits for a computation: short enough to feel immediate, long enough to save a round trip."""

BINARY = "application/octet-stream"

MAXIMUM_INLINE_BYTES = 1_000_000
"""A scene up to this size is the answer to its request, which saves a round trip; a larger one is fetched by its key,
so that the browser caches it between visits."""

PREVIEW_SECONDS = 0.4
"""A selection predicted to take longer than this gets a preview; a quicker one would only be drawn twice."""


def add_scene_routes(route: AddRoute, explorer: Explorer) -> None:
    """Add the routes of embeddings."""

    @route("api/scenes", "POST")
    def request_scene() -> ResponseReturnValue:
        question = Question(flask.request.get_json())
        study = question.study(explorer)
        plan = explorer.plan(question.spec(study), study)
        # Asked last: at the start it waits until the kernels have been checked, and a kept scene must not.
        preview = plan.can_preview and (plan.seconds > PREVIEW_SECONDS or explorer.is_compiling)
        if plan.seconds > question.number("limit"):
            return {"state": "expensive", "predicted": plan.seconds, "preview": preview}
        status = explorer.start(plan, client=question.text("client"))
        if not status.is_over and not preview:
            status = explorer.wait(status.key, PATIENCE_SECONDS)
        return scene_or(status, {"predicted": plan.seconds, "preview": preview})

    @route("api/previews", "POST")
    def fetch_preview() -> ResponseReturnValue:
        question = Question(flask.request.get_json())
        study = question.study(explorer)
        scene = explorer.preview(explorer.plan(question.spec(study), study))
        if scene is None:
            # What a question was promised may be gone by now: kernels are compiled, or the factor was dropped.
            return flask.Response(status=204)
        return flask.Response(encode_preview(scene), mimetype=BINARY)

    @route("api/scenes/<key>/status", "GET")
    def scene_status(key: str) -> ResponseReturnValue:
        return scene_or(explorer.wait(key, PATIENCE_SECONDS), {})

    def scene_or(status: JobStatus, further: Mapping[str, object]) -> ResponseReturnValue:
        """Scene, if it is done, small and in the request's Accept header; otherwise the job's status."""
        accepted = flask.request.accept_mimetypes.best_match(("application/json", BINARY))
        if status.state == "done" and accepted == BINARY:
            scene = encode_scene(explorer.scene(status.key))
            if len(scene) <= MAXIMUM_INLINE_BYTES:
                return flask.Response(scene, mimetype=BINARY)
        return {**asdict(status), **further}

    @route("api/scenes/<key>/cancel", "POST")
    def cancel_scene(key: str) -> ResponseReturnValue:
        return asdict(explorer.cancel(key, client=Question(flask.request.get_json()).text("client")))

    @route("api/scenes/<key>.bin", "GET")
    def fetch_scene(key: str) -> ResponseReturnValue:
        return immutable(encode_scene(explorer.scene(key)), BINARY)
