"""The help sheet: keys, the pointer, and search; assets/84-help.js lists the keys from their registry."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import html

from dashboard import text
from dashboard.ids import Help


def help_sheet() -> html.Dialog:
    """A modal dialog, closed until it is asked for."""
    return html.Dialog(
        [
            html.Header(
                [
                    html.H2("Keys and gestures", id=Help.TITLE),
                    html.Button(
                        "×", id=Help.CLOSE, type="button", className="icon-button", **{"aria-label": "close this sheet"}
                    ),
                ],
                className="rail-title",
            ),
            html.Div(id=Help.KEYS, className="help-keys"),
            dmc.Switch(id=Help.SINGLE_KEYS, label=text.SINGLE_KEYS, size="xs", checked=True),
            html.Dl(
                [part for term, words in text.GESTURES for part in (html.Dt(term), html.Dd(words))],
                className="help-gestures",
            ),
        ],
        id=Help.SHEET,
        className="help-sheet",
        **{"aria-labelledby": Help.TITLE},
    )
