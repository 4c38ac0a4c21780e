"""What panels ask about a scene once somebody looks at them; every answer is immutable under its address."""

from __future__ import annotations

import json
from typing import Any

import flask
import numpy as np

from dashboard.figures import PANEL_FIGURES, shepard_figure
from dashboard.routes.border import AddRoute, immutable
from dashboard.scene_payload import encode_arrays
from engine.divergence_table import DIVERGENCES
from engine.errors import InvalidSpecError
from engine.explorer import Explorer
from engine.shepard import Pairs

LONGEST_LIST = 400


def add_panel_routes(route: AddRoute, explorer: Explorer) -> None:
    """Add the routes of panels."""

    @route("api/scenes/<key>/components", "GET")
    def fetch_components(key: str) -> Any:
        spectrum = explorer.spectrum(key)
        return _json({"panels": {name: make(spectrum) for name, make in PANEL_FIGURES.items()}})

    @route("api/scenes/<key>/shepard/<components>", "GET")
    def fetch_shepard(key: str, components: str) -> Any:
        found = explorer.shepard(key, _parse_components(components))
        scene, diagram = explorer.scene(key), found.diagram
        runs = scene.models["run_id"].to_numpy()
        return _json(
            {
                "figure": shepard_figure(diagram, runs, DIVERGENCES[scene.spec.divergence].unit),
                "components": found.components,
                "sample": _pairs(diagram.sample),
                "worst": {
                    **_pairs(diagram.worst),
                    "distances": diagram.worst.distances.tolist(),
                    "embedded": diagram.worst.embedded.tolist(),
                },
                "n_pairs": diagram.n_pairs,
                "n_negative": diagram.n_negative,
                "n_runs": found.n_runs,
                "explained": diagram.explained,
            }
        )

    @route("api/scenes/<key>/run-distances.bin", "GET")
    def fetch_run_distances(key: str) -> Any:
        means = explorer.run_distances(key).means
        # One side of the diagonal, row by row: entry i (i + 1) / 2 + j is that of runs i and j <= i of the scene.
        body = encode_arrays({"n_runs": len(means)}, {"means": means[np.tril_indices(len(means))].astype("<f4")})
        return immutable(body, "application/octet-stream")


def _parse_components(text: str) -> tuple[int, ...]:
    if len(text) > LONGEST_LIST or not all(part.isascii() and part.isdecimal() for part in text.split(",")):
        raise InvalidSpecError("components must be whole numbers with commas between them, such as 1,2,3.")
    return tuple(int(part) for part in text.split(","))


def _pairs(pairs: Pairs) -> dict[str, Any]:
    return {"rows": pairs.rows.tolist(), "columns": pairs.columns.tolist()}


def _json(body: dict[str, Any]) -> flask.Response:
    return immutable(json.dumps(body, allow_nan=False, separators=(",", ":")).encode(), "application/json")
