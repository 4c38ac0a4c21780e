"""The rails: filters on the left, diagnostics on the right."""

from __future__ import annotations

from dash import html

from dashboard import text
from dashboard.ids import Filters, Panels
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


def panel_rail() -> html.Aside:
    """The right rail: one section per panel."""
    return html.Aside([_panel(panel) for panel in Panels], className="rail right", **{"aria-label": "Diagnostics"})


def _panel(panel: Panels) -> html.Section:
    title, definition = text.PANELS[panel]
    return html.Section(
        [
            html.Div([html.H2(title), html.Span("", className="figure-of-merit", **{"data-merit": panel})]),
            html.P(definition, className="definition"),
            html.Div(id=panel, className="panel-figure", role="figure", **{"aria-label": title}),
        ],
        className="panel",
    )
