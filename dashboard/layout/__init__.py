"""The page's skeleton: pure, the same for every visitor; callbacks and assets fill it. One module per region."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from dashboard import text, theme
from dashboard.divergence_words import divergence_words
from dashboard.ids import Page, Status
from dashboard.layout.filter_rail import filter_rail
from dashboard.layout.header import header
from dashboard.layout.help_sheet import help_sheet
from dashboard.layout.live import live_box
from dashboard.layout.panel_rail import panel_rail
from dashboard.layout.stage import stage
from dashboard.layout.table import run_table

__all__ = ["page"]


def page(device: str) -> dmc.MantineProvider:
    """The whole page, empty: header, filters, picture, panels, run table, status line."""
    return dmc.MantineProvider(
        id=Page.PROVIDER,
        defaultColorScheme="auto",
        theme={
            "primaryColor": "indigo",
            # One step darker than Mantine's own: white on its sixth indigo is too faint to read.
            "primaryShade": {"light": 7, "dark": 8},
            "fontFamily": theme.FONT,
            "defaultRadius": "sm",
        },
        children=[
            dcc.Location(id=Page.LOCATION, refresh=False),
            dcc.Store(id=Page.STUDY_DATA),
            dcc.Store(id=Page.OPEN_STUDY),
            dcc.Store(id=Page.GROWTH),
            dcc.Store(id=Page.STYLE_DATA, data=_style()),
            html.A("Skip to the picture", id=Page.SKIP, href="#picture", className="skip-link"),
            html.Div(
                [header(), _workplace(), run_table(), _status_line(device)],
                className="page",
                id="page",
                **{"data-state": "loading"},
            ),
            help_sheet(),
            html.Div(id=Page.ANNOUNCER, className="visually-hidden", **{"aria-live": "polite"}),
        ],
    )


def _style() -> dict[str, Any]:
    """Colours and words of the browser's part of the page."""
    return {
        **theme.style(),
        "stages": text.STAGES,
        "labels": text.COLUMN_LABELS,
        "divergences": divergence_words(),
        "frames": {
            "shared": [text.ONE_FRAME, text.ONE_FRAME_EXPLAINED],
            "own": [text.OWN_FRAMES, text.OWN_FRAMES_EXPLAINED],
        },
    }


def _workplace() -> html.Main:
    return html.Main([filter_rail(), stage(), panel_rail()], className="workplace")


def _status_line(device: str) -> html.Footer:
    return html.Footer(
        [
            html.Span("starting", id=Status.LINE, role="status"),
            html.Span(className="spacer"),
            live_box(),
            html.Span(device, className="device", title="Where distances are computed"),
        ],
        className="statusbar",
    )
