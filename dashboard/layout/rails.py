"""The right rail: diagnostics."""

from __future__ import annotations

from dash import html

from dashboard import text
from dashboard.ids import Panels


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
