"""Standalone page without its view: plotly, viewer and style in one file.

Its Content-Security-Policy forbids connections and all scripts but the two whose digests it lists, so names in the view
cannot run as code. The browser replaces :data:`PLACE` by the view.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PLACE = "<!--view-->"
PLOTLY = FOLDER / "plotly-gl3d.min.js"
STYLES = (FOLDER.parents[1] / "assets" / "styles" / "tokens.css", FOLDER / "standalone.css")


@cache
def standalone_page() -> str:
    """Page as text that contains :data:`PLACE` once."""
    plotly = PLOTLY.read_text(encoding="utf-8")
    viewer = (FOLDER / "standalone.js").read_text(encoding="utf-8")
    style = "".join(path.read_text(encoding="utf-8") for path in STYLES)
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
