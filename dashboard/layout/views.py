"""View switch, comparison heads and second pane."""

from __future__ import annotations

from dash import html

from dashboard import text
from dashboard.layout.parts import button, div, divergence_names, plain_select, progress, span
from dashboard.view_state import PAIRED_COMPONENTS


def view_switch() -> html.Div:
    """Switch between 3D, pairs, compare and figures; beside it the number of components paired."""
    numbers = {str(k): str(k) for k in PAIRED_COMPONENTS}
    paired = plain_select("", "paired-components", numbers, "Number of components in pairs")
    return div(
        "view-switch",
        div(
            "choices",
            _choice("view-3d", "3D", is_chosen=True),
            _choice("view-pairs", "pairs"),
            _choice("view-compare", "compare"),
            _choice("view-figures", "figures"),
            role="group",
            aria_label="View",
        ),
        html.Label(["of the first", paired], className="paired"),
    )


def comparison_bar() -> html.Div:
    """One head per pane; the second also holds the choice of the second embedding."""
    frame = span("hint", text.ONE_FRAME, id="one-frame", title=text.ONE_FRAME_EXPLAINED)
    divergences = {"": "divergence", **divergence_names()}
    choices = div(
        "choices",
        _choice("second-split", "other split"),
        _choice("second-selection", "kept selection"),
        plain_select("choice", "second-divergence", divergences, "Another divergence on the right"),
        role="group",
        aria_label="What the second picture shows",
    )
    keep = button("link-button", "keep the left one", "keep-selection", title=text.KEEP_SELECTION)
    return div(
        "comparison",
        div(
            "pane-head",
            div("pane-choice apart", html.Strong(text.FIRST_PANE), frame),
            div("pane-facts", id="first-head"),
        ),
        div("pane-head", div("pane-choice", choices, keep), div("pane-facts", id="second-head", role="status")),
        id="comparison",
        hidden=True,
    )


def second_pane() -> html.Div:
    """Pane of the second embedding, with its own notice and progress."""
    return div(
        "second",
        div("scene", id="second-picture", role="figure", tabIndex="0"),
        div("notice", id="second-notice", hidden=True, role="alert"),
        progress(
            "job",
            "second-progress",
            "Progress, second picture",
            stage="second-progress-stage",
            bar="second-progress-bar",
            cancel="second-cancel",
        ),
        id="second",
        hidden=True,
    )


def _choice(component_id: str, label: str, is_chosen: bool = False) -> html.Button:
    return button("choice", label, component_id, aria_pressed=str(is_chosen).lower())
