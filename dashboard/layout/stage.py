"""The centre: the toolbar over the picture, and the picture with what lies over it."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import html

from dashboard.ids import Picture
from dashboard.layout.parts import link_button

AXIS_NAMES = ("x", "y", "z")


def stage() -> html.Section:
    """The toolbar, the picture and its overlays."""
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
                    link_button("reset view", Picture.RESET_CAMERA),
                ],
                className="toolbar",
                role="toolbar",
                **{"aria-label": "Picture"},
            ),
            html.Div(
                [
                    html.Div(id=Picture.SCENE, className="scene", role="figure", tabIndex="0"),
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
                    html.Button(id=Picture.LEVEL_OF_DETAIL, type="button", className="chip", hidden=True),
                    html.Div(id=Picture.DETAIL, className="detail", hidden=True),
                    html.Div(id=Picture.NOTICE, className="notice", hidden=True, role="alert"),
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
