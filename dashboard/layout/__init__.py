"""Page skeleton, one module per region.

Pure and the same for every visitor; callbacks and assets fill it. Assets name the same ids.
"""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from dashboard import text, theme
from dashboard.layout.filter_rail import filter_rail
from dashboard.layout.foot import help_sheet, status_line
from dashboard.layout.header import header
from dashboard.layout.panel_rail import panel_rail
from dashboard.layout.parts import div, element
from dashboard.layout.stage import stage
from dashboard.layout.table import run_table


def page(device: str) -> dmc.MantineProvider:
    """Empty page: header, filters, picture, panels, run table, status line."""
    workplace = element(html.Main, "workplace", filter_rail(), stage(), panel_rail())
    return dmc.MantineProvider(
        id="provider",
        defaultColorScheme="auto",
        theme={
            "primaryColor": "indigo",
            # The light theme's --accent; white on Mantine's default, indigo 6, has too little contrast.
            "primaryShade": 8,
            "fontFamily": theme.FONT,
            "defaultRadius": "sm",
        },
        children=[
            dcc.Location(id="location", refresh=False),
            dcc.Store(id="study-data"),
            dcc.Store(id="open-study"),
            dcc.Store(id="growth"),
            # For callbacks of extensions: the selection and the key of the picture's scene, written by the browser.
            dcc.Store(id="shown"),
            dcc.Store(id="style-data", data=_style()),
            html.A("Skip to the picture", id="skip-link", href="#picture", className="skip-link"),
            div("page", header(), workplace, run_table(), status_line(device), id="page", data_state="loading"),
            help_sheet(),
            div("visually-hidden", id="announcer", aria_live="polite"),
        ],
    )


def _style() -> dict[str, Any]:
    """Colours and texts for the browser's half of the page."""
    return {
        **theme.style(),
        "stages": text.STAGES,
        "labels": text.COLUMN_LABELS,
        "divergences": text.divergence_words(),
        "frames": {
            "shared": [text.ONE_FRAME, text.ONE_FRAME_EXPLAINED],
            "own": [text.OWN_FRAMES, text.OWN_FRAMES_EXPLAINED],
        },
    }
