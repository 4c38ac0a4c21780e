"""Left rail: search, filters, and the runs left out of the study or stalled."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import html

from dashboard import text
from dashboard.layout.parts import attributes, button, div, element, span


def filter_rail() -> html.Aside:
    """Left rail; the browser fills in the filters and the runs once a study is open."""
    head = div(
        "rail-head",
        div(
            "rail-title",
            html.H2("Filters"),
            span("spacer"),
            button("link-button", "fold all", "fold-filters", hidden=True),
            button("link-button", "clear", "clear-filters"),
        ),
        dmc.TextInput(
            id="search",
            size="xs",
            value="",
            spellCheck=False,
            placeholder=text.SEARCH_EXAMPLE,
            **attributes(aria_label=text.SEARCH_LABEL),
        ),
        div("active-filters", id="active-filters", role="group", aria_label="Active"),
    )
    return element(
        html.Aside,
        "rail left",
        head,
        div("filters", id="filters"),
        div("problems", id="problems"),
        div("problems", id="stalled-runs"),
        aria_label="Filters",
    )
