"""The left rail: what narrows the study, and what is left out of it."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import html

from dashboard import text
from dashboard.ids import Filters
from dashboard.layout.parts import link_button


def filter_rail() -> html.Aside:
    """The left rail, empty until a study is open."""
    return html.Aside(
        [
            html.Div(
                [
                    html.Div(
                        [
                            html.H2("Filters"),
                            html.Span(className="spacer"),
                            link_button("fold all", Filters.FOLD, hidden=True),
                            link_button("clear", Filters.CLEAR),
                        ],
                        className="rail-title",
                    ),
                    dmc.TextInput(
                        id=Filters.SEARCH,
                        size="xs",
                        value="",
                        spellCheck=False,
                        placeholder=text.SEARCH_EXAMPLE,
                        **{"aria-label": text.SEARCH_LABEL},
                    ),
                    html.Div(id=Filters.ACTIVE, className="active-filters", role="group", **{"aria-label": "Active"}),
                ],
                className="rail-head",
            ),
            html.Div(id=Filters.PANEL, className="filters"),
            html.Div(id=Filters.PROBLEMS, className="problems"),
            html.Div(id=Filters.STALLED, className="problems"),
        ],
        className="rail left",
        **{"aria-label": "Filters"},
    )
