"""HTTP routes of the page beside Dash's own, one module per noun."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import flask
import plotly.offline
from flask.typing import ResponseReturnValue

from dashboard.routes.analyses import add_analysis_routes
from dashboard.routes.assets import SCRIPT, add_asset_routes
from dashboard.routes.exports import add_export_routes
from dashboard.routes.live import add_live_routes
from dashboard.routes.panels import add_panel_routes
from dashboard.routes.scenes import add_scene_routes
from dashboard.routes.views import add_view_routes
from dashboard.saved import Saved
from dashboard.server.modules import Modules
from dashboard.server.requests import RouteView, answer_errors, immutable
from dashboard.server.styles import Styles
from engine.explorer.explorer import Explorer


def register_routes(
    server: flask.Flask, explorer: Explorer, saved: Saved, prefix: str, styles: Styles, modules: Modules
) -> None:
    """Add all routes to a Flask server, under a path prefix that ends with a slash."""
    answer_errors(server)

    def route(path: str, method: str) -> Callable[[RouteView], RouteView]:
        return server.route(prefix + path, methods=[method])

    @route("health", "GET")
    def health() -> ResponseReturnValue:
        studies = explorer.list_studies()
        return {"status": "ok", "device": explorer.device, "studies": [study.study_id for study in studies]}

    @route("plotly.min.js", "GET")
    def plotly_script() -> ResponseReturnValue:
        return immutable(_plotly(), SCRIPT)

    add_asset_routes(route, styles, modules)
    add_scene_routes(route, explorer)
    add_panel_routes(route, explorer)
    add_analysis_routes(route, explorer)
    add_export_routes(route, explorer)
    add_view_routes(route, explorer, saved)
    add_live_routes(route, explorer)


@cache
def _plotly() -> bytes:
    script: str = plotly.offline.get_plotlyjs()
    return script.encode()
