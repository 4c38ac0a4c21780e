"""The centre: the toolbar over the picture, the picture with what lies over it, and the time bar."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import html

from dashboard import text
from dashboard.ids import Picture
from dashboard.layout.figure_page import figure_page
from dashboard.layout.live import live_mark
from dashboard.layout.parts import link_button
from dashboard.layout.saved_views import caption, tour_card
from dashboard.layout.time import time_bar
from dashboard.layout.views import comparison_bar, graphics_notice, pair_grid, second_pane, trouble_notice, view_switch

AXIS_NAMES = ("x", "y", "z")


def stage() -> html.Section:
    """The toolbar, the picture with its overlays, and time under it."""
    return html.Section(
        [
            html.Div(
                [
                    dmc.Select(
                        id=Picture.COLOR_BY,
                        withScrollArea=False,
                        size="xs",
                        className="colour-select",
                        allowDeselect=False,
                        searchable=True,
                        leftSection=html.Span(className="colour-wheel", title="Colour by"),
                        leftSectionWidth=26,
                        rightSectionWidth=20,
                        comboboxProps={"width": 240},
                        **{"aria-label": "Colour by"},
                    ),
                    html.Div([_axis_select(index) for index in range(3)], className="axis-selects"),
                    dmc.Select(
                        id=Picture.REFERENCES,
                        withScrollArea=False,
                        size="xs",
                        w=88,
                        allowDeselect=False,
                        value="project",
                        data=[{"value": value, "label": label} for value, label in text.REFERENCES.items()],
                        leftSection=html.Span("P*", className="input-prefix", title=text.REFERENCES_LABEL),
                        leftSectionWidth=24,
                        rightSectionWidth=18,
                        comboboxProps={"width": 110},
                        **{"aria-label": text.REFERENCES_LABEL},
                    ),
                    view_switch(),
                    html.Button(
                        "1:1",
                        id=Picture.SCALE,
                        type="button",
                        className="tool-button",
                        title=text.EQUAL_SCALE,
                        **{"aria-label": "Equal scale on all axes", "aria-pressed": "true"},
                    ),
                    _camera_menu(),
                ],
                className="toolbar",
                role="toolbar",
                **{"aria-label": "Picture"},
            ),
            graphics_notice(),
            trouble_notice(),
            comparison_bar(),
            html.Div(
                [
                    html.Div(id=Picture.SCENE, className="scene", role="figure", tabIndex="0"),
                    pair_grid(),
                    second_pane(),
                    figure_page(),
                    _overlays(),
                    html.Div(id=Picture.DETAIL, className="detail", hidden=True),
                    html.Div(id=Picture.NOTICE, className="notice", hidden=True, role="alert"),
                    caption(),
                    live_mark(),
                ],
                className="canvas",
            ),
            time_bar(),
        ],
        className="stage",
        **{"aria-label": "Embedding"},
    )


def _overlays() -> html.Div:
    """What lies over the picture, in one column so that nothing ever covers another: what colours mean at the top; at
    the foot the offer of a tour, a note about the link, progress, and what is special about the picture."""
    return html.Div(
        [
            html.Div(
                [
                    html.Div(id=Picture.LEGEND, className="legend", role="group", **{"aria-label": "Legend"}),
                    html.Div(
                        id=Picture.PINS,
                        className="legend pins",
                        role="group",
                        hidden=True,
                        **{"aria-label": "Pinned runs"},
                    ),
                ],
                className="corner",
            ),
            html.Div(
                [
                    tour_card(),
                    html.Div(id=Picture.LINK_NOTE, className="link-note", hidden=True, role="status"),
                    html.Div(
                        [
                            html.Span("", id=Picture.PROGRESS_STAGE),
                            html.Progress(id=Picture.PROGRESS_BAR, max="1", **{"aria-label": "Progress"}),
                            link_button("cancel", Picture.CANCEL),
                        ],
                        id=Picture.PROGRESS,
                        className="job",
                        hidden=True,
                    ),
                    html.Div(text.STRETCHED, id=Picture.SCALE_BADGE, className="scale-badge", hidden=True),
                    html.Button(id=Picture.LEVEL_OF_DETAIL, type="button", className="chip", hidden=True),
                ],
                className="foot",
            ),
        ],
        className="overlays",
    )


def _axis_select(index: int) -> dmc.Select:
    letter = AXIS_NAMES[index]
    return dmc.Select(
        id=(Picture.AXIS_X, Picture.AXIS_Y, Picture.AXIS_Z)[index],
        withScrollArea=False,
        size="xs",
        w=42,
        allowDeselect=False,
        data=[str(component) for component in range(1, 4)],
        value=str(index + 1),
        leftSection=html.Span(letter, className="input-prefix"),
        leftSectionWidth=18,
        rightSectionWidth=0,
        comboboxProps={"width": 74, "position": "bottom-start"},
        **{"aria-label": f"Component on the {letter} axis"},
    )


def _camera_menu() -> dmc.Menu:
    """Views to look from; assets/84-camera.js acts by the items' ids."""
    return dmc.Menu(
        [
            # The target's wrapper says what opens, so it must be the button; assets/81-keys.js gives it its keys.
            dmc.MenuTarget(
                html.Span([html.Span("camera", className="when-wide"), " ▾"]),
                boxWrapperProps={
                    "role": "button",
                    "tabIndex": 0,
                    "className": "link-button",
                    "title": "Where to look from",
                    "aria-label": "Camera",
                },
            ),
            dmc.MenuDropdown(
                [
                    dmc.MenuItem("Fit the picture", id=Picture.RESET_CAMERA),
                    dmc.MenuItem("Isometric", id=Picture.LOOK_ISOMETRIC),
                    dmc.MenuItem("Along x", id=Picture.LOOK_X),
                    dmc.MenuItem("Along y", id=Picture.LOOK_Y),
                    dmc.MenuItem("Along z", id=Picture.LOOK_Z),
                    dmc.MenuDivider(),
                    dmc.MenuItem("Turn slowly", id=Picture.TURN),
                ]
            ),
        ],
        position="bottom-end",
        shadow="md",
    )
