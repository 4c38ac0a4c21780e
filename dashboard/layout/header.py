"""Top bar: study, split, divergence, selection size, menus."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import html

from dashboard import text
from dashboard.layout.menus import export_button, export_panel, present_button, views_menu
from dashboard.layout.parts import button, div, divergence_names, element, plain_select, select, span

PARTS = {"filters": "Filters", "panels": "Panels", "table": "Runs"}
"""Parts of the page that the top bar hides -> label of the switch."""


def header() -> html.Header:
    """Top bar."""
    return element(
        html.Header,
        "topbar",
        html.H1([span("brand-mark", aria_hidden="true"), text.TITLE]),
        select(
            "study-picker",
            "Study",
            w=250,
            searchable=True,
            placeholder="No study",
            comboboxProps={"width": 320, "position": "bottom-start"},
        ),
        dmc.SegmentedControl(id="split", size="xs", value="train", data=["train", "test"]),
        plain_select("plain-select divergence", "divergence", divergence_names(), "Divergence that is embedded"),
        div(
            "headline",
            span("counts", "", id="counts"),
            button("link-button", "", "left-out", hidden=True),
            span("badge stale", "stale", id="stale-badge", hidden=True),
            role="status",
        ),
        button("embed-button", "Re-embed", "embed-button", disabled=True),
        dmc.Switch(id="automatic", label="automatic", size="xs", checked=True),
        div("spacer"),
        views_menu(),
        export_button(),
        export_panel(),
        present_button(),
        div(
            "rail-toggles",
            *[button("rail-toggle", label, data_toggle=part, aria_pressed="true") for part, label in PARTS.items()],
            role="group",
            aria_label="Show or hide parts of the page",
        ),
        button(
            "icon-button",
            "?",
            "help-button",
            title="Keys and gestures (?)",
            aria_label="Keys and gestures",
            aria_haspopup="dialog",
        ),
        button("icon-button", "◐", "theme-toggle", title="Light or dark"),
    )
