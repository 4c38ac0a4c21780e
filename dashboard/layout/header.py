"""The top bar: which study, how much of it, and what the page shows."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import html

from dashboard import text
from dashboard.ids import Header
from dashboard.layout.export import export_button, export_panel
from dashboard.layout.parts import divergence_options, link_button
from dashboard.layout.saved_views import present_button, views_menu


def header() -> html.Header:
    """The top bar."""
    return html.Header(
        [
            html.H1([html.Span(className="brand-mark", **{"aria-hidden": "true"}), text.TITLE]),
            dmc.Select(
                id=Header.STUDY,
                withScrollArea=False,
                size="xs",
                w=250,
                allowDeselect=False,
                searchable=True,
                placeholder="No study",
                comboboxProps={"width": 320, "position": "bottom-start"},
                **{"aria-label": "Study"},
            ),
            dmc.SegmentedControl(id=Header.SPLIT, size="xs", value="train", data=["train", "test"]),
            html.Select(
                divergence_options(),
                id=Header.DIVERGENCE,
                className="plain-select divergence",
                **{"aria-label": "Divergence that is embedded"},
            ),
            html.Div(
                [
                    html.Span("", id=Header.COUNTS, className="counts"),
                    link_button("", Header.LEFT_OUT, hidden=True),
                    html.Span("stale", id=Header.STALE, className="badge stale", hidden=True),
                ],
                className="headline",
                role="status",
            ),
            html.Button("Re-embed", id=Header.EMBED, type="button", className="embed-button", disabled=True),
            dmc.Switch(id=Header.AUTOMATIC, label="automatic", size="xs", checked=True),
            html.Div(className="spacer"),
            views_menu(),
            export_button(),
            export_panel(),
            present_button(),
            html.Div(
                [_rail_toggle("filters", "Filters"), _rail_toggle("panels", "Panels"), _rail_toggle("table", "Runs")],
                className="rail-toggles",
                role="group",
                **{"aria-label": "Show or hide parts of the page"},
            ),
            html.Button(
                "?",
                id=Header.HELP,
                className="icon-button",
                title="Keys and gestures (?)",
                type="button",
                **{"aria-label": "Keys and gestures", "aria-haspopup": "dialog"},
            ),
            html.Button("◐", id=Header.THEME, className="icon-button", title="Light or dark", type="button"),
        ],
        className="topbar",
    )


def _rail_toggle(part: str, label: str) -> html.Button:
    return html.Button(label, type="button", className="rail-toggle", **{"data-toggle": part, "aria-pressed": "true"})
