"""Dash application around an engine: ``create_app(explorer)``.

Reading order: ``view_state`` (the view as a value), ``payloads`` (studies and embeddings as the browser receives them),
``figures`` (plotly figures), ``layout`` (the page), ``routes`` (requests and their answers), ``saved`` (saved views and
selections), ``server`` (access, request validation, modules, compression, web server), ``extensions`` (an operator's
own files), ``notebook`` (the page in a frame of Jupyter). The browser's half is in ``assets/``, from ``main.mjs``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import flask
from dash import Dash

from dashboard import text
from dashboard.extensions import Extensible, load_extension
from dashboard.layout import page
from dashboard.routes import register_routes
from dashboard.routes.callbacks import register_callbacks
from dashboard.saved import Saved
from dashboard.server.access import AccessPolicy, protect
from dashboard.server.assets import folder_tags
from dashboard.server.calls import guard_callbacks
from dashboard.server.compression import compress_answers
from dashboard.server.modules import RENDERER, Modules
from dashboard.server.requests import StrictJson
from dashboard.server.styles import Styles
from engine.explorer.explorer import Explorer

ASSETS = Path(__file__).resolve().parent.parent / "assets"

_INDEX = """<!DOCTYPE html>
<html lang="en">
    <head>
        {%metas%}
        <title>{%title%}</title>
        <link rel="icon" href="FAVICON">
        {%css%}
        <link rel="stylesheet" href="STYLES">
        FOLDER_LINKS
        MODULES
        <script src="PREFIXplotly.min.js?v=VERSION" defer></script>
    </head>
    <body>
        {%app_entry%}
        {%config%}
        {%scripts%}
        SCRIPTS
        FOLDER_TAGS
        {%renderer%}
    </body>
</html>
"""


_FAVICON = (
    "data:image/svg+xml,"
    "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke-width='2'%3E"
    "%3Cpath stroke='%234477AA' d='M2 13C4 4 9 3 14 3'/%3E%3Cpath stroke='%23EE6677' d='M2 13C6 11 10 8 14 3'/%3E"
    "%3Cpath stroke='%23228833' d='M2 13C9 14 13 9 14 3'/%3E%3C/svg%3E"
)
"""Inline, because browsers ask for a linked icon anew whenever the address bar changes."""


class _Application(Extensible):
    """Dash application with scripts and styles of its own: see ``server.modules`` and ``server.styles``."""

    server: flask.Flask
    styles: Styles
    modules: Modules

    def interpolate_index(self, **parts: str) -> str:  # type: ignore[override]  # Dash gives every part by its name
        prefix = self.config.requests_pathname_prefix
        links, script = self.modules.tags(prefix)
        index: str = super().interpolate_index(**parts)  # type: ignore[no-untyped-call]  # Dash leaves it untyped
        styles = f"{prefix}styles/{self.styles.name}"
        folder_links, folder_scripts = folder_tags(ASSETS, self.get_asset_url)
        index = index.replace("FOLDER_LINKS", folder_links).replace("FOLDER_TAGS", folder_scripts)
        return index.replace("STYLES", styles).replace("MODULES", links).replace("SCRIPTS", script)


def create_app(
    explorer: Explorer,
    access: AccessPolicy | None = None,
    prefix: str = "/",
    saved: Saved | None = None,
    extensions: Sequence[Path] = (),
) -> Dash:
    """Dash application around an engine, ready to serve.

    Args:
        explorer: the engine; the app itself never touches study files or tensors.
        access: accepted hosts and token; loopback only when None.
        prefix: path under which the app is served, beginning and ending with a slash.
        saved: store of saved views and selections; in the user's data directory when None.
        extensions: Python files with a function ``register(app, explorer)``: see docs/extending.md.

    Raises:
        ExtensionError: an extension cannot be loaded.
    """
    import plotly

    app = _Application(
        explorer,
        name=__name__,
        assets_folder=str(ASSETS),
        assets_ignore=r"\.(m?js|css)$",
        title=text.TITLE,
        description=text.DESCRIPTION,
        update_title="",
        url_base_pathname=prefix,
        index_string=_INDEX.replace("PREFIX", prefix)
        .replace("VERSION", plotly.__version__)
        .replace("FAVICON", _FAVICON),
        serve_locally=True,
        compress=False,
        enable_mcp=False,
    )
    app.layout = page(explorer.device)
    app.styles, app.modules = Styles(ASSETS / "styles"), Modules(ASSETS)
    app.renderer = RENDERER
    saved = saved or Saved.at(None)
    register_routes(app.server, explorer, saved, prefix, app.styles, app.modules)
    register_callbacks(app, explorer, saved.selections)
    for path in extensions:
        load_extension(app, path)
    compress_answers(app.server)
    app.server.json = StrictJson(app.server)
    protect(app, access or AccessPolicy(), prefix)
    guard_callbacks(app, prefix)
    return app
