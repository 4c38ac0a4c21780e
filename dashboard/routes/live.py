"""A study that is being recorded: its pulse, asked for every moment, and what is new in it, when there is some.

An id from the browser is compared with the studies there are and never made into a path (`engine.catalogue`).
"""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from typing import Any

import flask

from dashboard.routes.border import AddRoute
from dashboard.study_payload import color_options, column_definitions, study_payload
from engine.errors import StaleStudyError
from engine.explorer import Explorer
from engine.pulse import Pulse, pulse_of


def add_live_routes(route: AddRoute, explorer: Explorer) -> None:
    """Add the routes of a study that is being recorded."""

    @route("api/studies/<study_id>/pulse", "GET")
    def fetch_pulse(study_id: str) -> Any:
        # A page that feels the pulse is open, so what it shows is held.
        with suppress(StaleStudyError):
            explorer.hold(explorer.study(study_id, flask.request.args.get("held", "")))
        pulse = pulse_of(explorer.study(study_id), time.time())
        troubles = explorer.troubles()
        response = flask.jsonify(
            fingerprint=pulse.fingerprint,
            n_runs=pulse.n_runs,
            n_checkpoints=pulse.n_checkpoints,
            troubles=list(troubles),
            unfinished=[
                {
                    "run_id": run.run_id,
                    "n_checkpoints": run.n_checkpoints,
                    "silence": round(run.silence, 3),
                    "patience": round(run.patience, 3),
                    "is_stalled": run.is_stalled,
                }
                for run in pulse.unfinished
            ],
        )
        response.headers["Cache-Control"] = "no-cache"
        response.set_etag(_tag(pulse, troubles), weak=True)
        return response.make_conditional(flask.request)

    @route("api/studies/<study_id>/growth", "GET")
    def fetch_growth(study_id: str) -> Any:
        # What of the view is to be kept only the browser knows (assets/71-growth.js), so none of it is here.
        study = explorer.study(study_id)
        explorer.hold(study)
        response = flask.jsonify(
            study=study_payload(study, None), colors=color_options(study), columns=column_definitions(study)
        )
        response.headers["Cache-Control"] = "no-cache"
        return response


def _tag(pulse: Pulse, troubles: tuple[str, ...]) -> str:
    """Weak: silences go on by themselves, and whoever knows when they were told can count on."""
    stalled = [run.run_id for run in pulse.unfinished if run.is_stalled]
    return hashlib.sha256(
        "\n".join([pulse.fingerprint, *troubles, *stalled]).encode("utf-8", "surrogatepass")
    ).hexdigest()[:20]
