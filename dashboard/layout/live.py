"""Beside the line at the foot, while a study is being recorded: what is new, and whether to follow it."""

from __future__ import annotations

from dash import html

from dashboard import text
from dashboard.ids import Live
from dashboard.layout.parts import link_button


def live_box() -> html.Div:
    """Hidden while everything in the study is finished and shown; assets/82-live.js fills it."""
    return html.Div(
        [
            html.Span("", id=Live.SUMMARY, className="live-summary"),
            html.Span("", id=Live.NEWS, className="badge live-news", role="status", hidden=True),
            link_button("show", Live.SHOW, hidden=True, title=text.SHOW_NEWS),
            html.Button(
                "follow",
                id=Live.FOLLOW,
                type="button",
                className="live-follow",
                title=text.FOLLOW,
                **{"aria-pressed": "false"},
            ),
        ],
        id=Live.BOX,
        className="live",
        role="group",
        hidden=True,
        **{"aria-label": "Live"},
    )


def live_mark() -> html.Button:
    """Over a presentation, where the foot of the page is gone: whether the picture follows what is being recorded."""
    return html.Button(
        "live",
        id=Live.MARK,
        type="button",
        className="live-mark",
        title="Follow or freeze (L)",
        hidden=True,
        **{"aria-pressed": "false"},
    )
