"""The stage's views: the switch between 3D, pairs and compare, and what the other two need on the page."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboard import text
from dashboard.ids import Views
from dashboard.layout.parts import divergence_options, link_button
from dashboard.view_state import PAIRED_COMPONENTS


def view_switch() -> html.Div:
    """3D, pairs, compare or figures; beside it the number of components that the pairs are made of."""
    return html.Div(
        [
            html.Div(
                [
                    _choice(Views.PICTURE, "3D", is_chosen=True),
                    _choice(Views.PAIRS, "pairs"),
                    _choice(Views.COMPARE, "compare"),
                    _choice(Views.FIGURES, "figures"),
                ],
                className="choices",
                role="group",
                **{"aria-label": "View"},
            ),
            html.Label(
                [
                    "of the first",
                    html.Select(
                        [html.Option(str(k), value=str(k)) for k in PAIRED_COMPONENTS],
                        id=Views.N_PAIRED,
                        **{"aria-label": "Number of components in pairs"},
                    ),
                ],
                className="paired",
            ),
        ],
        className="view-switch",
    )


def graphics_notice() -> html.Div:
    """A line under the toolbar for what is wrong with the browser's 3D graphics."""
    return html.Div(id=Views.GRAPHICS_NOTICE, hidden=True, role="status")


def trouble_notice() -> html.Div:
    """A line under the toolbar for what is wrong on the server while it goes on answering."""
    return html.Div(id=Views.TROUBLE_NOTICE, hidden=True, role="status")


def comparison_bar() -> html.Div:
    """One head per pane; over the second one, what it shows."""
    return html.Div(
        [
            html.Div(
                [
                    html.Div(
                        [
                            html.Strong(text.FIRST_PANE),
                            html.Span(
                                text.ONE_FRAME, id=Views.ONE_FRAME, className="hint", title=text.ONE_FRAME_EXPLAINED
                            ),
                        ],
                        className="pane-choice apart",
                    ),
                    html.Div(id=Views.FIRST_HEAD, className="pane-facts"),
                ],
                className="pane-head",
            ),
            html.Div(
                [
                    html.Div(
                        [
                            html.Div(
                                [
                                    _choice(Views.SECOND_SPLIT, "other split"),
                                    _choice(Views.SECOND_SELECTION, "kept selection"),
                                    html.Select(
                                        [html.Option("divergence", value=""), *divergence_options()],
                                        id=Views.SECOND_DIVERGENCE,
                                        className="choice",
                                        **{"aria-label": "Another divergence on the right"},
                                    ),
                                ],
                                className="choices",
                                role="group",
                                **{"aria-label": "What the second picture shows"},
                            ),
                            link_button("keep the left one", Views.KEEP_SELECTION, title=text.KEEP_SELECTION),
                        ],
                        className="pane-choice",
                    ),
                    html.Div(id=Views.SECOND_HEAD, className="pane-facts", role="status"),
                ],
                className="pane-head",
            ),
        ],
        id=Views.COMPARISON,
        className="comparison",
        hidden=True,
    )


def pair_grid() -> html.Div:
    """Where assets/54-pairs.js puts its canvas."""
    return html.Div(id=Views.PAIR_GRID, className="pairs", hidden=True)


def second_pane() -> html.Div:
    """The second of two embeddings, with its own notice and progress."""
    return html.Div(
        [
            html.Div(id=Views.SECOND_PICTURE, className="scene", role="figure", tabIndex="0"),
            html.Div(id=Views.SECOND_NOTICE, className="notice", hidden=True, role="alert"),
            html.Div(
                [
                    html.Span("", id=Views.SECOND_PROGRESS_STAGE),
                    html.Progress(id=Views.SECOND_PROGRESS_BAR, max="1", **{"aria-label": "Progress, second picture"}),
                    link_button("cancel", Views.SECOND_CANCEL),
                ],
                id=Views.SECOND_PROGRESS,
                className="job",
                hidden=True,
            ),
        ],
        id=Views.SECOND,
        className="second",
        hidden=True,
    )


def _choice(component_id: str, label: str, is_chosen: bool = False) -> html.Button:
    pressed: dict[str, Any] = {"aria-pressed": str(is_chosen).lower()}
    return html.Button(label, id=component_id, type="button", className="choice", **pressed)
