"""Routes of a study that is being recorded: pulse and current tables.

A pulse (:class:`.catalogue.Pulse`) is a summary of the study's state, a few hundred bytes: fingerprint, counts, and how
long each unfinished run has committed nothing (``silence``, seconds) against the time after which it counts as stalled
(``patience``, seconds). The page polls it and fetches the tables when the fingerprint has changed. An id from the
browser is looked up in the catalogue of studies and never made into a path (`engine.explorer.catalogue`).
"""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from dataclasses import asdict

import flask
from flask.typing import ResponseReturnValue

from dashboard.payloads.legend import color_options
from dashboard.payloads.study import column_definitions, study_payload
from dashboard.server.requests import AddRoute
from engine.errors import StaleStudyError
from engine.explorer.catalogue import Pulse, pulse_of
from engine.explorer.explorer import Explorer


def add_live_routes(route: AddRoute, explorer: Explorer) -> None:
    """Add the routes of a study that is being recorded."""

    @route("api/studies/<study_id>/pulse", "GET")
    def fetch_pulse(study_id: str) -> ResponseReturnValue:
        # Keeps in memory the snapshot that the page shows: it asks about that one until it takes over a newer one. A
        # snapshot that is gone already is reported when the page asks about it.
        with suppress(StaleStudyError):
            explorer.hold(explorer.study(study_id, flask.request.args.get("held", "")))
        pulse = pulse_of(explorer.study(study_id), time.time())
        troubles = explorer.troubles()
        unfinished = [
            asdict(run)
            | {"silence": round(run.silence, 3), "patience": round(run.patience, 3), "is_stalled": run.is_stalled}
            for run in pulse.unfinished
        ]
        response = flask.jsonify({**asdict(pulse), "unfinished": unfinished, "troubles": troubles})
        response.headers["Cache-Control"] = "no-cache"
        response.set_etag(_tag(pulse, troubles), weak=True)
        return response.make_conditional(flask.request)

    @route("api/studies/<study_id>/growth", "GET")
    def fetch_growth(study_id: str) -> ResponseReturnValue:
        # Without a view's choices: the page keeps those that it has made (assets/study/growth.mjs).
        study = explorer.study(study_id)
        explorer.hold(study)
        response = flask.jsonify(
            study=study_payload(study, None), colors=color_options(study), columns=column_definitions(study)
        )
        response.headers["Cache-Control"] = "no-cache"
        return response


def _tag(pulse: Pulse, troubles: tuple[str, ...]) -> str:
    """Weak ETag of a pulse, without ``silence``: clients extrapolate it from the time of the last answer."""
    stalled = [run.run_id for run in pulse.unfinished if run.is_stalled]
    text = "\n".join([pulse.fingerprint, *troubles, *stalled])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]
