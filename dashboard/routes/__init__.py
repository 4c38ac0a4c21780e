"""The few addresses the browser talks to beside Dash's own, one module per noun."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from functools import cache
from typing import Any

import flask
import plotly.offline

from dashboard.bundle import Bundle
from dashboard.routes.analyses import add_analysis_routes
from dashboard.routes.border import guarded, immutable
from dashboard.routes.bundles import add_bundle_routes
from dashboard.routes.exports import add_export_routes
from dashboard.routes.live import add_live_routes
from dashboard.routes.panels import add_panel_routes
from dashboard.routes.scenes import add_scene_routes
from dashboard.routes.views import add_view_routes
from engine.explorer import Explorer

__all__ = ["register_routes"]


def register_routes(server: flask.Flask, explorer: Explorer, prefix: str, bundles: tuple[Bundle, ...] = ()) -> None:
    """Add the routes to a Flask server, under a path prefix that ends with a slash."""

    def route(path: str, method: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def add(view: Callable[..., Any]) -> Callable[..., Any]:
            server.add_url_rule(prefix + path, view.__name__, guarded(view), methods=[method])
            return view

        return add

    @route("health", "GET")
    def health() -> Any:
        studies = explorer.list_studies()
        return {"status": "ok", "device": explorer.device, "studies": [study.study_id for study in studies]}

    @route("plotly.min.js", "GET")
    def plotly_script() -> Any:
        return immutable(_gzipped_plotly(), "text/javascript; charset=utf-8", encoding="gzip")

    add_bundle_routes(route, bundles)
    add_scene_routes(route, explorer)
    add_panel_routes(route, explorer)
    add_analysis_routes(route, explorer)
    add_export_routes(route, explorer)
    add_view_routes(route, explorer)
    add_live_routes(route, explorer)


@cache
def _gzipped_plotly() -> bytes:
    return gzip.compress(plotly.offline.get_plotlyjs().encode(), compresslevel=6)
