"""The standalone page without its view: plotly, a viewer and a style in one file that may ask nobody for anything.

Its content policy is its own first line: no connection at all, and no script but the two whose digests it names, so
that whatever the view's names hold, nothing of it runs. The browser puts the view in the place of :data:`PLACE`.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PLACE = "<!--view-->"
PLOTLY = FOLDER / "plotly-gl3d.min.js"


@cache
def standalone_page() -> str:
    """The page as text, :data:`PLACE` in it once."""
    plotly = PLOTLY.read_text(encoding="utf-8")
    viewer = (FOLDER / "standalone.js").read_text(encoding="utf-8")
    style = (FOLDER / "standalone.css").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src {_digest(plotly)} {_digest(viewer)}; "
        "style-src 'unsafe-inline'; img-src data: blob:; form-action 'none'; base-uri 'none'"
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>InPCA embedding</title>
<style>{style}</style>
</head>
<body>
<header>
<div><h1 id="title"></h1><p id="subtitle"></p></div>
<button id="recipe" type="button" title="Save what it takes to have the same numbers again">Save recipe</button>
</header>
<main>
<div id="picture" role="figure" tabindex="0"></div>
<div id="legend" role="group" aria-label="Legend"></div>
<div id="detail" hidden></div>
</main>
{PLACE}
<script>{plotly}</script>
<script>{viewer}</script>
</body>
</html>
"""


def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
