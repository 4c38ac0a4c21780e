"""What is taken away: coordinates as CSV, the recipe of an embedding and its comparison, the standalone page."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import asdict
from functools import cache
from typing import Any

import flask

from dashboard.export.coordinates import coordinates_csv
from dashboard.export.standalone import standalone_page
from dashboard.routes.border import AddRoute, Question
from dashboard.run_mask import selected_runs
from engine.explorer import Explorer
from engine.recipe import compare_recipes, parse_recipe


def add_export_routes(route: AddRoute, explorer: Explorer) -> None:
    """Add the routes of what people take away."""

    @route("api/scenes/<key>/coordinates.csv", "GET")
    def fetch_coordinates(key: str) -> Any:
        scene = explorer.scene(key)
        run_ids = list(dict.fromkeys(scene.models["run_id"]))
        mask = flask.request.args.get("runs")
        chosen = run_ids if mask is None else selected_runs(mask, run_ids)
        pieces = coordinates_csv(scene, explorer.study(scene.spec.study_id), chosen)
        return flask.Response(pieces, mimetype="text/csv")

    @route("api/scenes/<key>/recipe", "GET")
    def fetch_recipe(key: str) -> Any:
        return explorer.recipe(key).document()

    @route("api/scenes/<key>/recipe", "POST")
    def compare_with_recipe(key: str) -> Any:
        recipe = parse_recipe(Question(flask.request.get_json()).document("recipe"))
        comparison = compare_recipes(recipe, explorer.recipe(key))
        apart = comparison.eigenvalue_difference
        return {
            **asdict(comparison),
            "is_same": comparison.is_same,
            "eigenvalue_difference": apart if apart < float("inf") else None,
        }

    @route("api/standalone.html", "GET")
    def fetch_standalone_page() -> Any:
        body, tag = _gzipped_page()
        # As text: it is material for a file, and must never open as a page of this address.
        response = flask.Response(body, mimetype="text/plain")
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Cache-Control"] = "no-cache"
        response.set_etag(tag)
        return response.make_conditional(flask.request)


@cache
def _gzipped_page() -> tuple[bytes, str]:
    page = standalone_page().encode()
    return gzip.compress(page, compresslevel=6, mtime=0), hashlib.sha256(page).hexdigest()[:20]
