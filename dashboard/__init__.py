"""The dashboard: ``create_app(explorer)`` gives a Dash application, ready to be served.

Reading order: ``view_state`` (what is looked at), ``filters`` and ``study_payload`` (a study for the browser),
``figures`` and ``scene_payload`` (an embedding for the browser), ``layout`` and ``controls`` (the page), ``routes``
and ``callbacks`` (who answers), ``access`` (who may ask). The browser's half is in ``assets/``, in the order of its
file numbers.
"""

from __future__ import annotations

from pathlib import Path

from dash import Dash

from dashboard import text
from dashboard.access import AccessPolicy, protect
from dashboard.callbacks import register_callbacks
from dashboard.layout import page
from dashboard.routes import register_routes
from engine.explorer import Explorer

ASSETS = Path(__file__).resolve().parent.parent / "assets"

_INDEX = """<!DOCTYPE html>
<html lang="en">
    <head>
        {%metas%}
        <title>{%title%}</title>
        {%favicon%}
        {%css%}
        <script src="PREFIXplotly.min.js?v=VERSION" defer></script>
    </head>
    <body>
        {%app_entry%}
        <footer>
            {%config%}
            {%scripts%}
            {%renderer%}
        </footer>
    </body>
</html>
"""


def create_app(explorer: Explorer, access: AccessPolicy | None = None, prefix: str = "/") -> Dash:
    """Build the application around an engine.

    Args:
        explorer: what answers; the app never touches files or tensors itself.
        access: which hosts and tokens are let in; loopback only when None.
        prefix: path under which the app is served, beginning and ending with a slash.
    """
    import plotly

    app = Dash(
        __name__,
        assets_folder=str(ASSETS),
        title=text.TITLE,
        description=text.DESCRIPTION,
        update_title=None,
        url_base_pathname=prefix,
        index_string=_INDEX.replace("PREFIX", prefix).replace("VERSION", plotly.__version__),
        serve_locally=True,
        compress=False,
        enable_mcp=False,
    )
    app.layout = page(explorer.device)
    register_routes(app.server, explorer, prefix)
    register_callbacks(app, explorer)
    protect(app, access or AccessPolicy())
    return app
