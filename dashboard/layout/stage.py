"""Centre of the page: toolbar, picture with overlays, time bar."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import html

from dashboard import text
from dashboard.layout.figure_page import figure_page
from dashboard.layout.foot import live_mark
from dashboard.layout.menus import caption, tour_card
from dashboard.layout.parts import button, div, element, plain_select, progress, section, select, span
from dashboard.layout.views import comparison_bar, second_pane, view_switch
from dashboard.view_state import REFERENCE_MODES


def stage() -> html.Section:
    """Toolbar, picture with overlays, time bar."""
    canvas = div(
        "canvas",
        div("scene", id="picture", role="figure", tabIndex="0"),
        # The place for the canvas of assets/pairs/pairs.mjs.
        div("pairs", id="pairs", hidden=True),
        second_pane(),
        figure_page(),
        _overlays(),
        div("detail", id="detail", hidden=True),
        div("notice", id="notice", hidden=True, role="alert"),
        caption(),
        live_mark(),
    )
    return section(
        "stage",
        _toolbar(),
        # A problem with the browser's 3D graphics; one of a server that still answers, such as a full disk.
        div(id="graphics-notice", hidden=True, role="status"),
        div(id="trouble-notice", hidden=True, role="status"),
        comparison_bar(),
        canvas,
        _time_bar(),
        aria_label="Embedding",
    )


def _toolbar() -> html.Div:
    return div(
        "toolbar",
        select(
            "color-by",
            "Colour by",
            className="colour-select",
            searchable=True,
            leftSection=span("colour-wheel", title="Colour by"),
            leftSectionWidth=26,
            rightSectionWidth=20,
            comboboxProps={"width": 240},
        ),
        div("axis-selects", *[_axis_select(index, letter) for index, letter in enumerate("xyz", start=1)]),
        select(
            "references",
            text.REFERENCES_LABEL,
            w=88,
            value="project",
            data=[{"value": value, "label": value} for value in REFERENCE_MODES],
            leftSection=span("input-prefix", "P*", title=text.REFERENCES_LABEL),
            leftSectionWidth=24,
            rightSectionWidth=18,
            comboboxProps={"width": 110},
        ),
        view_switch(),
        button(
            "tool-button",
            "1:1",
            "scale",
            title=text.EQUAL_SCALE,
            aria_label="Equal scale on all axes",
            aria_pressed="true",
        ),
        _camera_menu(),
        role="toolbar",
        aria_label="Picture",
    )


def _axis_select(component: int, letter: str) -> dmc.Select:
    return select(
        f"axis-{letter}",
        f"Component on the {letter} axis",
        w=42,
        data=["1", "2", "3"],
        value=str(component),
        leftSection=span("input-prefix", letter),
        leftSectionWidth=18,
        rightSectionWidth=0,
        comboboxProps={"width": 74, "position": "bottom-start"},
    )


def _camera_menu() -> dmc.Menu:
    """Menu of camera presets; assets/stage/camera.mjs finds the action by an item's id."""
    return dmc.Menu(
        [
            # The wrapper carries aria-haspopup, so it must be the button; keys.mjs gives it the keys of one.
            dmc.MenuTarget(
                html.Span([span("when-wide", "camera"), " ▾"]),
                boxWrapperProps={  # type: ignore[arg-type]  # its type leaves out what every element of a page may have
                    "role": "button",
                    "tabIndex": 0,
                    "className": "link-button",
                    "title": "Where to look from",
                    "aria-label": "Camera",
                },
            ),
            dmc.MenuDropdown(
                [
                    dmc.MenuItem("Fit the picture", id="reset-camera"),
                    dmc.MenuItem("Isometric", id="view-isometric"),
                    *[dmc.MenuItem(f"Along {letter}", id=f"view-{letter}") for letter in "xyz"],
                    dmc.MenuDivider(),
                    dmc.MenuItem("Turn slowly", id="turn"),
                ]
            ),
        ],
        position="bottom-end",
        shadow="md",
    )


def _overlays() -> html.Div:
    """Overlays of the picture in one column, so that none covers another: legend and pins at the top; tour card, link
    note, progress and badges at the foot."""
    corner = div(
        "corner",
        div("legend", id="legend", role="group", aria_label="Legend"),
        div("legend pins", id="pins", role="group", hidden=True, aria_label="Pinned runs"),
    )
    foot = div(
        "foot",
        tour_card(),
        div("link-note", id="link-note", hidden=True, role="status"),
        progress("job", "progress", "Progress", stage="progress-stage", bar="progress-bar", cancel="cancel-button"),
        div("scale-badge", text.STRETCHED, id="scale-badge", hidden=True),
        element(html.Button, "chip", id="level-of-detail", type="button", hidden=True),
    )
    return div("overlays", corner, foot)


def _time_bar() -> html.Div:
    """Play, slider, clock, speed and loop; the browser inserts the slider, since dash has no plain range input."""
    clocks = [html.Option(clock, value=clock, title=title) for clock, title in text.CLOCKS.items()]
    speeds = {f"{speed:g}": f"{speed:g}×" for speed in text.SPEEDS}
    return div(
        "time-bar",
        button("icon-button", "▶", "time-play", aria_label="Play"),
        div(id="time-slider"),
        html.Output(id="time-value"),
        element(html.Select, "", *clocks, id="time-clock", aria_label="Clock"),
        plain_select("", "time-speed", speeds, "Speed", title="Speed"),
        button("icon-button", "⟳", "time-loop", title="Again and again", aria_label="Loop", aria_pressed="false"),
        id="time-bar",
        role="group",
        aria_label="Time",
    )
