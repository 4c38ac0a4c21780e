"""Routes of the page's styles and modules, under addresses that change with their content."""

from __future__ import annotations

import flask
from flask.typing import ResponseReturnValue

from dashboard.server.modules import Modules
from dashboard.server.requests import AddRoute, immutable
from dashboard.server.styles import Styles

SCRIPT = "text/javascript; charset=utf-8"


def add_asset_routes(route: AddRoute, styles: Styles, modules: Modules) -> None:
    """Add the routes of joined styles and of modules, under their current names."""

    @route("styles/<name>", "GET")
    def fetch_styles(name: str) -> ResponseReturnValue:
        joined, current = styles.current(), styles.name
        if name == current:
            return immutable(joined.content, "text/css; charset=utf-8")
        if name == f"{current}.map":
            return immutable(joined.source_map, "application/json")
        return _too_old()

    @route("modules/<digest>/<path:name>", "GET")
    def fetch_module(digest: str, name: str) -> ResponseReturnValue:
        current, files = modules.current()
        if digest != current or name not in files:
            return _too_old()
        return immutable(files[name], "application/json" if name.endswith(".map") else SCRIPT)

    @route("libraries/<digest>/pdf.js", "GET")
    def fetch_library(digest: str) -> ResponseReturnValue:
        library = modules.library()
        return immutable(library.body, SCRIPT) if library and library.digest == digest else _too_old()


def _too_old() -> flask.Response:
    """Answer to a page that was opened just before a file changed, and asks for the old name."""
    return flask.Response("This page is older than its scripts: reload it.", 404, mimetype="text/plain")
