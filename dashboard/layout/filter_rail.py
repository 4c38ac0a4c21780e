"""The left rail: what narrows the study, and what is left out of it."""

from __future__ import annotations

from dash import html

from dashboard.ids import Filters
from dashboard.layout.parts import link_button


def filter_rail() -> html.Aside:
    """The left rail, empty until a study is open."""
    return html.Aside(
        [
            html.Div(
                [
                    html.H2("Filters"),
                    link_button("clear", Filters.CLEAR),
                ],
                className="rail-title",
            ),
            html.Div(id=Filters.PANEL, className="filters"),
            html.Div(id=Filters.PROBLEMS, className="problems"),
        ],
        className="rail left",
        **{"aria-label": "Filters"},
    )
