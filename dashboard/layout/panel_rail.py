"""The right rail: diagnostics in tabs, one section per panel."""

from __future__ import annotations

from dash import html

from dashboard import text
from dashboard.ids import DistancePanels, PanelRail, Panels

TABS = {
    "components": ("Components", PanelRail.COMPONENTS_TAB, PanelRail.COMPONENTS),
    "distances": ("Distances", PanelRail.DISTANCES_TAB, PanelRail.DISTANCES),
}
"""Key, as in the address bar: label, and ids of the tab and of its panels."""
FIRST = "components"
"""Open unless a link says otherwise."""


def panel_rail() -> html.Aside:
    """The right rail."""
    return html.Aside(
        [
            html.Div(
                [_tab(key) for key in TABS],
                id=PanelRail.TABS,
                className="tabs",
                role="tablist",
                **{"aria-label": "Diagnostics"},
            ),
            _tab_panel("components", [_panel(panel, _BELOW.get(panel, [])) for panel in Panels]),
            _tab_panel("distances", [_shepard(), _run_distances()]),
        ],
        className="rail right",
        **{"aria-label": "Diagnostics"},
    )


def _tab(key: str) -> html.Button:
    label, tab, panels = TABS[key]
    return html.Button(
        label,
        id=tab,
        type="button",
        className="tab",
        role="tab",
        tabIndex="0" if key == FIRST else "-1",
        **{"data-tab": key, "aria-selected": str(key == FIRST).lower(), "aria-controls": panels},
    )


def _tab_panel(key: str, panels: list[html.Section]) -> html.Div:
    _, tab, tab_panel = TABS[key]
    return html.Div(
        panels,
        id=tab_panel,
        className="tab-panel",
        role="tabpanel",
        hidden=key != FIRST,
        **{"aria-labelledby": tab},
    )


def _panel(panel: str, below: list[html.Div]) -> html.Section:
    title, _ = text.PANELS[panel]
    figure = html.Div(id=panel, className="panel-figure", role="figure", **{"aria-label": title})
    return _section(panel, [figure, *below])


def _what_d_is(definition: tuple[str, ...]) -> list[html.Div]:
    """A place for the divergence's own words (assets/79-divergence.js), where a definition speaks of distances D."""
    return [html.Div(**{"data-divergence-words": ""})] if any(" D" in paragraph for paragraph in definition) else []


def _section(panel: str, content: list[html.Div]) -> html.Section:
    title, definition = text.PANELS[panel]
    return html.Section(
        [
            html.Div(
                [
                    html.H2(title),
                    html.Button(
                        "?",
                        type="button",
                        className="what-is",
                        **{
                            "aria-label": f"What is shown: {title}",
                            "aria-expanded": "false",
                        },
                    ),
                    html.Span("", className="figure-of-merit", **{"data-merit": panel}),
                ],
                className="panel-title",
            ),
            html.Div(
                [*[html.P(paragraph) for paragraph in definition], *_what_d_is(definition)],
                className="definition",
                hidden=True,
            ),
            *content,
        ],
        className=f"panel {panel}-panel",
    )


_BELOW = {
    Panels.SPECTRUM: [html.Div("", id=PanelRail.SPECTRUM_HINT, className="panel-hint")],
}


def _shepard() -> html.Section:
    panel = DistancePanels.SHEPARD
    choice = _select(
        PanelRail.SHEPARD_COMPONENTS,
        "of",
        "Components of the Shepard diagram",
        [("axes", "the drawn axes"), ("3", "the first 3"), ("10", "the first 10"), ("all", "all that were fetched")],
    )
    worst = html.Div(
        [
            html.H3("Worst pairs of checkpoints"),
            html.Ol(id=PanelRail.WORST_PAIRS, className="worst-pairs"),
        ],
        id=PanelRail.WORST,
        hidden=True,
    )
    title, _ = text.PANELS[panel]
    figure = html.Div(id=panel, className="panel-figure tall", role="figure", **{"aria-label": title})
    return _section(panel, [choice, figure, _hint(panel), worst])


def _run_distances() -> html.Section:
    panel = DistancePanels.RUN_DISTANCES
    order = _select(
        PanelRail.RUN_ORDER,
        "ordered",
        "Order of the runs",
        [("color", "by colour"), ("table", "as in the table")],
    )
    title, _ = text.PANELS[panel]
    # A table of numbers in all but name: walked through with the arrow keys, each cell read out as it is reached.
    figure = html.Div(id=panel, className="heat-map", role="application", tabIndex="0", **{"aria-label": title})
    return _section(panel, [order, figure, _hint(panel)])


def _hint(panel: str) -> html.Div:
    return html.Div("", className="panel-hint", **{"data-hint": panel})


def _select(component_id: str, prefix: str, label: str, options: list[tuple[str, str]]) -> html.Div:
    entries = [html.Option(words, value=value) for value, words in options]
    return html.Div(
        [
            html.Span(prefix, className="input-prefix", **{"aria-hidden": "true"}),
            html.Select(entries, id=component_id, className="plain-select", **{"aria-label": label}),
        ],
        className="panel-choice",
    )
