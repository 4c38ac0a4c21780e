"""Routes of exports: coordinates as CSV, recipes and their comparison, standalone page."""

from __future__ import annotations

from dataclasses import asdict

import flask
from flask.typing import ResponseReturnValue

from dashboard.payloads.standalone import standalone_page
from dashboard.payloads.tables import coordinates_csv
from dashboard.server.requests import AddRoute, Question
from dashboard.view_state import selected_runs
from engine.explorer.explorer import Explorer
from engine.formats.recipe import compare_recipes, parse_recipe


def add_export_routes(route: AddRoute, explorer: Explorer) -> None:
    """Add the routes of exports."""

    @route("api/scenes/<key>/coordinates.csv", "GET")
    def fetch_coordinates(key: str) -> ResponseReturnValue:
        scene = explorer.scene(key)
        run_ids = list(dict.fromkeys(scene.models["run_id"]))
        mask = flask.request.args.get("runs")
        chosen = run_ids if mask is None else selected_runs(mask, run_ids)
        pieces = coordinates_csv(scene, explorer.study(scene.spec.study_id), chosen)
        return flask.Response(pieces, mimetype="text/csv")

    @route("api/scenes/<key>/recipe", "GET")
    def fetch_recipe(key: str) -> ResponseReturnValue:
        return explorer.recipe(key).document()

    @route("api/scenes/<key>/recipe", "POST")
    def compare_with_recipe(key: str) -> ResponseReturnValue:
        recipe = parse_recipe(Question(flask.request.get_json()).document("recipe"))
        comparison = compare_recipes(recipe, explorer.recipe(key))
        apart = comparison.eigenvalue_difference
        return {
            **asdict(comparison),
            "is_same": comparison.is_same,
            "eigenvalue_difference": apart if apart < float("inf") else None,
        }

    @route("api/standalone.html", "GET")
    def fetch_standalone_page() -> ResponseReturnValue:
        # As text: the file must never open as a page of this origin.
        response = flask.Response(standalone_page(), mimetype="text/plain")
        response.headers["Cache-Control"] = "no-cache"
        response.add_etag()
        return response.make_conditional(flask.request)
