"""Routes of panels fetched once visible; answers are immutable by address."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import flask
import numpy as np
from flask.typing import ResponseReturnValue

from dashboard.figures import panel_figures
from dashboard.figures.shepard import shepard_figure
from dashboard.payloads.scene import encode_arrays
from dashboard.routes.scenes import PATIENCE_SECONDS
from dashboard.server.requests import AddRoute, Question, immutable, immutable_json
from engine.distances.table import DIVERGENCES
from engine.embedding.shepard import Pairs
from engine.errors import InvalidSpecError
from engine.explorer.explorer import Explorer

LONGEST_LIST = 400


def add_panel_routes(route: AddRoute, explorer: Explorer) -> None:
    """Add the routes of panels."""

    @route("api/scenes/<key>/components", "GET")
    def fetch_components(key: str) -> ResponseReturnValue:
        return immutable_json({"panels": panel_figures(explorer.spectrum(key))})

    @route("api/shuffled", "POST")
    def request_shuffled() -> ResponseReturnValue:
        question = Question(flask.request.get_json())
        key, client, limit = question.text("scene"), question.text("client"), question.number("limit")
        seconds = explorer.comparisons.seconds(key)
        if seconds > limit:
            return {"state": "expensive", "predicted": seconds}
        status = explorer.comparisons.request(key, client)
        if not status.is_over:
            status = explorer.comparisons.wait(key, PATIENCE_SECONDS)
        return {**asdict(status), "key": key}

    @route("api/shuffled/<key>/status", "GET")
    def shuffled_status(key: str) -> ResponseReturnValue:
        return {**asdict(explorer.comparisons.wait(key, PATIENCE_SECONDS)), "key": key}

    @route("api/shuffled/<key>/cancel", "POST")
    def cancel_shuffled(key: str) -> ResponseReturnValue:
        client = Question(flask.request.get_json()).text("client")
        return {**asdict(explorer.comparisons.cancel(key, client)), "key": key}

    @route("api/shuffled/<key>", "GET")
    def fetch_shuffled(key: str) -> ResponseReturnValue:
        return immutable_json({"panels": panel_figures(explorer.spectrum(key), explorer.comparisons.get(key))})

    @route("api/scenes/<key>/shepard/<components>", "GET")
    def fetch_shepard(key: str, components: str) -> ResponseReturnValue:
        found = explorer.shepard(key, _parse_components(components))
        scene, diagram = explorer.scene(key), found.diagram
        runs = scene.models["run_id"].to_numpy()
        return immutable_json(
            {
                "figure": shepard_figure(diagram, runs, DIVERGENCES[scene.spec.divergence].unit),
                "components": found.components,
                "sample": _listed(diagram.sample, "rows", "columns"),
                "worst": _listed(diagram.worst, "rows", "columns", "distances", "embedded"),
                "n_pairs": diagram.n_pairs,
                "n_negative": diagram.n_negative,
                "n_runs": found.n_runs,
                "explained": diagram.explained,
            }
        )

    @route("api/scenes/<key>/run-distances.bin", "GET")
    def fetch_run_distances(key: str) -> ResponseReturnValue:
        means = explorer.run_distances(key).means
        # Lower triangle with diagonal, row by row: entry i (i + 1) / 2 + j belongs to runs i and j <= i of the scene.
        body = encode_arrays({"n_runs": len(means)}, {"means": means[np.tril_indices(len(means))].astype("<f4")})
        return immutable(body, "application/octet-stream")


def _parse_components(text: str) -> tuple[int, ...]:
    if len(text) > LONGEST_LIST or not all(part.isascii() and part.isdecimal() for part in text.split(",")):
        raise InvalidSpecError("components must be whole numbers with commas between them, such as 1,2,3.")
    return tuple(int(part) for part in text.split(","))


def _listed(pairs: Pairs, *names: str) -> dict[str, Any]:
    return {name: getattr(pairs, name).tolist() for name in names}
