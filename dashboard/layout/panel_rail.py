"""Right rail: diagnostics in tabs, one section per panel."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard import text
from dashboard.figures import PANEL_FIGURES
from dashboard.layout.parts import button, div, element, plain_select, section, span

EXTENSIONS = "panels-extensions"
"""Id of the tab panel of extensions, which the page has from the first of them on."""


def panel_rail() -> html.Aside:
    """Right rail, with the first tab open; a panel about components has its key in ``PANEL_FIGURES`` for an id."""
    tabs = [
        _tab("components", "Components", *[_components(panel) for panel in PANEL_FIGURES], is_open=True),
        _tab("distances", "Distances", _shepard(), _run_distances()),
    ]
    bar = div("tabs", *[each for each, _ in tabs], id="panel-tabs", role="tablist", aria_label="Diagnostics")
    return element(
        html.Aside, "rail right", bar, *[panel for _, panel in tabs], id="panel-rail", aria_label="Diagnostics"
    )


def add_panel(layout: Component, title: str, *content: Component | str) -> html.Section:
    """Panel of an extension, added to the tab *Extensions* of the right rail."""
    if EXTENSIONS not in layout:
        tab, tab_panel = _tab("extensions", "Extensions")
        tab_panel.children = []
        layout["panel-tabs"].children.append(tab)
        layout["panel-rail"].children.append(tab_panel)
    panel = section("panel extension-panel", div("panel-title", html.H2(title)), *content)
    layout[EXTENSIONS].children.append(panel)
    return panel


def _tab(key: str, label: str, *content: Component, is_open: bool = False) -> tuple[html.Button, html.Div]:
    """Button and panel of a tab."""
    names = {"data_tab": key, "aria_selected": str(is_open).lower(), "aria_controls": f"panels-{key}"}
    return (
        button("tab", label, f"tab-{key}", role="tab", tabIndex="0" if is_open else "-1", **names),
        div(
            "tab-panel",
            *content,
            id=f"panels-{key}",
            role="tabpanel",
            hidden=not is_open,
            aria_labelledby=f"tab-{key}",
        ),
    )


def _components(panel: str) -> html.Section:
    hint = [div("panel-hint", "", id="spectrum-hint")] if panel == "spectrum" else []
    return _section(panel, _figure(panel), *hint)


def _shepard() -> html.Section:
    choices = {"axes": "the drawn axes", "3": "the first 3", "10": "the first 10", "all": "all that were fetched"}
    pairs = element(html.Ol, "worst-pairs", id="worst-pairs")
    return _section(
        "shepard",
        _choice("shepard-components", "of", "Components of the Shepard diagram", choices),
        _figure("shepard", "panel-figure tall"),
        div("panel-hint", "", data_hint="shepard"),
        html.Div([html.H3("Worst pairs of checkpoints"), pairs], id="worst", hidden=True),
    )


def _run_distances() -> html.Section:
    return _section(
        "run-distances",
        _choice("run-order", "ordered", "Order of the runs", {"color": "by colour", "table": "as in the table"}),
        # role="application": arrow keys move through the cells, and a screen reader reads each one.
        _figure("run-distances", "heat-map", role="application", tabIndex="0"),
        div("panel-hint", "", data_hint="run-distances"),
    )


def _section(panel: str, *content: html.Div) -> html.Section:
    title, definition = text.PANELS[panel]
    words: list[html.P | html.Div] = [html.P(paragraph) for paragraph in definition]
    if any(" D" in paragraph for paragraph in definition):
        # The place for the definition of D; assets/study/divergence.mjs fills it.
        words.append(div(data_divergence_words=""))
    heading = div(
        "panel-title",
        html.H2(title),
        button("what-is", "?", aria_label=f"What is shown: {title}", aria_expanded="false"),
        span("figure-of-merit", "", data_merit=panel),
    )
    return section(f"panel {panel}-panel", heading, div("definition", *words, hidden=True), *content)


def _figure(panel: str, css_class: str = "panel-figure", role: str = "figure", **properties: Any) -> html.Div:
    return div(css_class, id=panel, role=role, aria_label=text.PANELS[panel][0], **properties)


def _choice(component_id: str, prefix: str, label: str, options: dict[str, str]) -> html.Div:
    entries = plain_select("plain-select", component_id, options, label)
    return div("panel-choice", span("input-prefix", prefix, aria_hidden="true"), entries)
