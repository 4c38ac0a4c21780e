"""Saved views: their menu in the top bar, and over the picture the caption of a step and the offer of a tour."""

from __future__ import annotations

from dash import html

from dashboard import text
from dashboard.ids import SavedViews
from dashboard.layout.parts import link_button


def views_menu() -> html.Div:
    """The button and the list it opens; assets/82-saved-views.js fills the list."""
    return html.Div(
        [
            html.Button(
                "Views",
                id=SavedViews.BUTTON,
                type="button",
                className="bar-button",
                title="Saved views and the tour of this study",
                **{"aria-expanded": "false", "aria-controls": SavedViews.MENU},
            ),
            html.Div(id=SavedViews.MENU, className="views-menu", role="dialog", hidden=True, **{"aria-label": "Views"}),
        ],
        className="views",
    )


def present_button() -> html.Button:
    """The way into the presentation; the same action leads out of it."""
    return html.Button(
        "Present", id=SavedViews.PRESENT, type="button", className="bar-button", title="The picture alone, for a talk"
    )


def caption() -> html.Div:
    """The step's caption with its controls."""
    return html.Div(
        [
            html.Div(
                [
                    html.Strong("", id=SavedViews.TITLE),
                    html.P("", id=SavedViews.SENTENCE),
                    html.P(
                        [text.STEP_LEFT, link_button("back to this step", SavedViews.RETURN)],
                        id=SavedViews.LEFT,
                        hidden=True,
                    ),
                ],
                className="caption-text",
                **{"aria-live": "polite"},
            ),
            html.Div(
                [
                    _control("‹", SavedViews.PREVIOUS, "Previous step", "arrow left"),
                    html.Div(id=SavedViews.STEPS, className="steps"),
                    html.Span("", id=SavedViews.COUNT, className="step-count"),
                    _control("›", SavedViews.NEXT, "Next step", "space or arrow right"),
                    _control("present", SavedViews.FULL, "Present: the picture alone"),
                    _control("full screen", SavedViews.FULLSCREEN, "Full screen", "F"),
                    _control("✕", SavedViews.LEAVE, "Leave", "Esc"),
                ],
                className="caption-controls",
            ),
        ],
        id=SavedViews.CAPTION,
        className="caption",
        role="region",
        hidden=True,
        **{"aria-label": "Steps"},
    )


def tour_card() -> html.Div:
    """The offer of the tour."""
    return html.Div(
        id=SavedViews.TOUR_CARD,
        className="tour-card",
        role="region",
        hidden=True,
        **{"aria-label": text.TOUR_OFFER},
    )


def _control(label: str, component_id: str, name: str, key: str = "") -> html.Button:
    title = f"{name} ({key})" if key else name
    return html.Button(
        label, id=component_id, type="button", className="step-button", title=title, **{"aria-label": name}
    )
