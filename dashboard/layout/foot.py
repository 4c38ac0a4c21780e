"""Status line, signs of a study that is being recorded, and help sheet."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import html

from dashboard import text
from dashboard.layout.parts import button, div, element, span


def status_line(device: str) -> html.Footer:
    """Status line at the foot of the page."""
    return element(
        html.Footer,
        "statusbar",
        html.Span("starting", id="status-line", role="status"),
        span("spacer"),
        _live_box(),
        span("device", device, title="Where distances are computed"),
    )


def _live_box() -> html.Div:
    """Number of runs that are being recorded, new checkpoints, and the switch that takes them over as they come.

    assets/study/live.mjs fills it, and hides it while nothing is being recorded and the page shows all there is.
    """
    return div(
        "live",
        span("live-summary", "", id="live-summary"),
        span("badge live-news", "", id="live-news", role="status", hidden=True),
        button("link-button", "show", "live-show", hidden=True, title=text.SHOW_NEWS),
        button("live-follow", "follow", "live-follow", title=text.FOLLOW, aria_pressed="false"),
        id="live",
        role="group",
        hidden=True,
        aria_label="Live",
    )


def live_mark() -> html.Button:
    """Button that says whether the picture follows the recording, in presentations, which hide the status line."""
    return button("live-mark", "live", "live-mark", title="Follow or freeze (L)", hidden=True, aria_pressed="false")


def help_sheet() -> html.Dialog:
    """Help sheet: a modal dialog, initially closed."""
    title = html.H2("Keys and gestures", id="help-title")
    gestures = [part for term, words in text.GESTURES for part in (html.Dt(term), html.Dd(words))]
    return element(
        html.Dialog,
        "help-sheet",
        element(
            html.Header, "rail-title", title, button("icon-button", "×", "help-close", aria_label="close this sheet")
        ),
        div("help-keys", id="help-keys"),
        dmc.Switch(id="single-keys", label=text.SINGLE_KEYS, size="xs", checked=True),
        element(html.Dl, "help-gestures", *gestures),
        id="help-sheet",
        aria_labelledby="help-title",
    )
