"""The dashboard: ``create_app(explorer)`` gives a Dash application, ready to be served.

Reading order: ``view_state`` (what is looked at), ``filters`` and ``study_payload`` (a study for the browser),
``figures`` and ``scene_payload`` (an embedding for the browser), ``layout`` (the page), ``routes`` and ``callbacks``
(who answers), ``access`` and ``callback_border`` (who may ask, and what), ``bundle``, ``compression`` and ``serving``
(how it travels). The browser's half is in ``assets/``, in the order of its file numbers.
"""

from __future__ import annotations

from pathlib import Path

from dash import Dash

from dashboard import text
from dashboard.access import AccessPolicy, protect
from dashboard.bundle import Bundle
from dashboard.callback_border import guard_callbacks
from dashboard.callbacks import register_callbacks
from dashboard.compression import compress_answers
from dashboard.layout import page
from dashboard.routes import register_routes
from dashboard.routes.border import StrictJson
from engine.explorer import Explorer

ASSETS = Path(__file__).resolve().parent.parent / "assets"

_INDEX = """<!DOCTYPE html>
<html lang="en">
    <head>
        {%metas%}
        <title>{%title%}</title>
        <link rel="icon" href="FAVICON">
        {%css%}
        <link rel="stylesheet" href="STYLES">
        <script src="PREFIXplotly.min.js?v=VERSION" defer></script>
    </head>
    <body>
        {%app_entry%}
        {%config%}
        {%scripts%}
        <script src="SCRIPTS"></script>
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


class _Application(Dash):
    """Dash with the page's own scripts and styles as one file each: see ``bundle``."""

    bundles: tuple[Bundle, Bundle]

    def interpolate_index(self, **parts: str) -> str:  # type: ignore[override]
        scripts, styles = (f"{self.config.requests_pathname_prefix}bundle/{each.name}" for each in self.bundles)
        return super().interpolate_index(**parts).replace("SCRIPTS", scripts).replace("STYLES", styles)


def create_app(explorer: Explorer, access: AccessPolicy | None = None, prefix: str = "/") -> Dash:
    """Build the application around an engine.

    Args:
        explorer: what answers; the app never touches files or tensors itself.
        access: which hosts and tokens are let in; loopback only when None.
        prefix: path under which the app is served, beginning and ending with a slash.
    """
    import plotly

    app = _Application(
        __name__,
        assets_folder=str(ASSETS),
        assets_ignore=r"\.(js|css)$",
        title=text.TITLE,
        description=text.DESCRIPTION,
        update_title=None,
        url_base_pathname=prefix,
        index_string=_INDEX.replace("PREFIX", prefix)
        .replace("VERSION", plotly.__version__)
        .replace("FAVICON", _FAVICON),
        serve_locally=True,
        compress=False,
        enable_mcp=False,
    )
    app.layout = page(explorer.device)
    app.bundles = Bundle(ASSETS, ".js"), Bundle(ASSETS, ".css")
    register_routes(app.server, explorer, prefix, app.bundles)
    register_callbacks(app, explorer)
    compress_answers(app.server)
    app.server.json = StrictJson(app.server)
    protect(app, access or AccessPolicy(), prefix)
    guard_callbacks(app, prefix)
    return app
