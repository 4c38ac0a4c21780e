"""The page's skeleton: pure, the same for every visitor; callbacks and assets fill it."""

from __future__ import annotations

from typing import Any

import dash_ag_grid as dag
import dash_mantine_components as dmc
from dash import dcc, html

from dashboard import text, theme
from dashboard.ids import Filters, Header, Page, Panels, Picture, Status, Table

AXIS_NAMES = ("x", "y", "z")


def page(device: str) -> dmc.MantineProvider:
    """The whole page, empty: header, filters, picture, panels, run table, status line."""
    return dmc.MantineProvider(
        id=Page.PROVIDER,
        defaultColorScheme="auto",
        theme={"primaryColor": "indigo", "fontFamily": theme.FONT, "defaultRadius": "sm"},
        children=[
            dcc.Location(id=Page.LOCATION, refresh=False),
            dcc.Store(id=Page.STUDY_DATA),
            dcc.Store(id=Page.STYLE_DATA, data={**theme.style(), "stages": text.STAGES, "labels": text.COLUMN_LABELS}),
            html.Div(
                [_header(), _workplace(), _run_table(), _status_line(device)],
                className="page",
                id="page",
                **{"data-state": "loading"},
            ),
            html.Div(id=Page.ANNOUNCER, className="visually-hidden", **{"aria-live": "polite"}),
        ],
    )


def _header() -> html.Header:
    return html.Header(
        [
            html.H1([html.Span(className="brand-mark", **{"aria-hidden": "true"}), text.TITLE]),
            dmc.Select(
                id=Header.STUDY,
                size="xs",
                w=250,
                allowDeselect=False,
                searchable=True,
                placeholder="No study",
                comboboxProps={"width": 320, "position": "bottom-start"},
                **{"aria-label": "Study"},
            ),
            dmc.SegmentedControl(id=Header.SPLIT, size="xs", value="train", data=["train", "test"]),
            html.Div(
                [
                    html.Span("", id=Header.COUNTS, className="counts"),
                    _link_button("", Header.LEFT_OUT, hidden=True),
                    html.Span("stale", id=Header.STALE, className="badge stale", hidden=True),
                ],
                className="headline",
                role="status",
            ),
            dmc.Button("Re-embed", id=Header.EMBED, size="compact-xs", variant="light", disabled=True),
            dmc.Switch(id=Header.AUTOMATIC, label="automatic", size="xs", checked=True),
            html.Div(className="spacer"),
            html.Div(
                [_rail_toggle("filters", "Filters"), _rail_toggle("panels", "Panels"), _rail_toggle("table", "Runs")],
                className="rail-toggles",
                role="group",
                **{"aria-label": "Show or hide parts of the page"},
            ),
            html.Button("◐", id=Header.THEME, className="icon-button", title="Light or dark", type="button"),
        ],
        className="topbar",
    )


def _link_button(label: str, component_id: str, **properties: Any) -> html.Button:
    return html.Button(label, id=component_id, type="button", className="link-button", **properties)


def _rail_toggle(part: str, label: str) -> html.Button:
    return html.Button(label, type="button", className="rail-toggle", **{"data-toggle": part, "aria-pressed": "true"})


def _workplace() -> html.Main:
    return html.Main([_filter_rail(), _stage(), _panel_rail()], className="workplace")


def _filter_rail() -> html.Aside:
    return html.Aside(
        [
            html.Div(
                [
                    html.H2("Filters"),
                    _link_button("clear", Filters.CLEAR),
                ],
                className="rail-title",
            ),
            html.Div(id=Filters.PANEL, className="filters"),
            html.Div(id=Filters.PROBLEMS, className="problems"),
        ],
        className="rail left",
        **{"aria-label": "Filters"},
    )


def _stage() -> html.Section:
    return html.Section(
        [
            html.Div(
                [
                    dmc.Select(
                        id=Picture.COLOR_BY,
                        size="xs",
                        w=158,
                        allowDeselect=False,
                        searchable=True,
                        leftSection=html.Span("colour", className="input-prefix"),
                        leftSectionWidth=52,
                        comboboxProps={"width": 240},
                        **{"aria-label": "Colour by"},
                    ),
                    *[_axis_select(index) for index in range(3)],
                    dmc.SegmentedControl(
                        id=Picture.REFERENCES,
                        size="xs",
                        value="project",
                        data=[
                            {"value": "project", "label": "project P0, P*"},
                            {"value": "fit", "label": "fit"},
                            {"value": "hide", "label": "hide"},
                        ],
                    ),
                    _link_button("reset view", Picture.RESET_CAMERA),
                ],
                className="toolbar",
                role="toolbar",
                **{"aria-label": "Picture"},
            ),
            html.Div(
                [
                    html.Div(id=Picture.SCENE, className="scene", role="figure", tabIndex="0"),
                    html.Div(id=Picture.LEGEND, className="legend", role="group", **{"aria-label": "Legend"}),
                    html.Div(id=Picture.DETAIL, className="detail", hidden=True),
                    html.Div(id=Picture.NOTICE, className="notice", hidden=True, role="alert"),
                    html.Div(
                        [
                            html.Span("", id=Picture.PROGRESS_STAGE),
                            html.Progress(id=Picture.PROGRESS_BAR, max="1", **{"aria-label": "Progress"}),
                            _link_button("cancel", Picture.CANCEL),
                        ],
                        id=Picture.PROGRESS,
                        className="job",
                        hidden=True,
                    ),
                ],
                className="canvas",
            ),
        ],
        className="stage",
        **{"aria-label": "Embedding"},
    )


def _axis_select(index: int) -> dmc.Select:
    letter = AXIS_NAMES[index]
    return dmc.Select(
        id=(Picture.AXIS_X, Picture.AXIS_Y, Picture.AXIS_Z)[index],
        size="xs",
        w=68,
        allowDeselect=False,
        data=[str(component) for component in range(1, 4)],
        value=str(index + 1),
        leftSection=html.Span(letter, className="input-prefix"),
        leftSectionWidth=20,
        **{"aria-label": f"Component on the {letter} axis"},
    )


def _panel_rail() -> html.Aside:
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


def _run_table() -> html.Section:
    options: dict[str, Any] = {
        "rowSelection": {"mode": "multiRow", "selectAll": "filtered", "enableClickSelection": False},
        "selectionColumnDef": {"pinned": "left", "width": 38},
        "rowHeight": 26,
        "headerHeight": 28,
        "theme": {"function": "themeBalham.withParams({fontFamily: 'inherit', fontSize: 12})"},
        "animateRows": False,
        "suppressCellFocus": True,
        "localeText": {"noMatchingRows": "No run passes the filters.", "noRowsToShow": "No runs."},
    }
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Runs"),
                    html.Button(
                        "keep only the picked",
                        id=Table.ONLY_PICKED,
                        type="button",
                        className="link-button",
                        disabled=True,
                    ),
                    html.Button(
                        "all runs again", id=Table.CLEAR_PICKED, type="button", className="link-button", hidden=True
                    ),
                ],
                className="rail-title",
            ),
            dag.AgGrid(
                id=Table.GRID,
                columnDefs=[],
                rowData=[],
                getRowId="params.data.run_id",
                defaultColDef={"sortable": True, "resizable": True, "suppressHeaderMenuButton": True},
                dashGridOptions=options,
                style={"height": "100%", "width": "100%"},
            ),
        ],
        className="runs",
        **{"aria-label": "Run table"},
    )


def _status_line(device: str) -> html.Footer:
    return html.Footer(
        [
            html.Span("starting", id=Status.LINE, role="status"),
            html.Span(className="spacer"),
            html.Span(device, className="device", title="Where distances are computed"),
        ],
        className="statusbar",
    )
