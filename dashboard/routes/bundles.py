"""The page's own scripts and styles, as one file each."""

from __future__ import annotations

from typing import Any

import flask

from dashboard.bundle import Bundle
from dashboard.routes.border import AddRoute, immutable

MIMETYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


def add_bundle_routes(route: AddRoute, bundles: tuple[Bundle, ...]) -> None:
    """Add the routes of joined files, under the names they have now."""

    @route("bundle/<name>", "GET")
    def fetch_bundle(name: str) -> Any:
        for bundle in bundles:
            joined, current = bundle.current(), bundle.name
            if name == current:
                return immutable(joined.content, MIMETYPES[bundle.suffix])
            if name == f"{current}.map":
                return immutable(joined.source_map, "application/json")
        # A page that was opened just before a file changed: nothing else could follow from its old name.
        return flask.Response("This page is older than its scripts: reload it.", 404, mimetype="text/plain")
