"""The bar under the picture: how far training has come in it, and how it moves on. Driven by assets/82-time-bar.js."""

from __future__ import annotations

from dash import html

from dashboard import text
from dashboard.ids import Time


def time_bar() -> html.Div:
    """Play, slider, clock, speed and loop. The slider is put into its place by the browser: dash has no plain one."""
    return html.Div(
        [
            html.Button("▶", id=Time.PLAY, type="button", className="icon-button", **{"aria-label": "Play"}),
            html.Div(id=Time.SLIDER),
            html.Output(id=Time.VALUE),
            html.Select(
                [html.Option(clock, value=clock, title=title) for clock, title in text.CLOCKS.items()],
                id=Time.CLOCK,
                **{"aria-label": "Clock"},
            ),
            html.Select(
                [html.Option(f"{speed:g}×", value=f"{speed:g}") for speed in text.SPEEDS],
                id=Time.SPEED,
                title="Speed",
                **{"aria-label": "Speed"},
            ),
            html.Button(
                "⟳",
                id=Time.LOOP,
                type="button",
                className="icon-button",
                title="Again and again",
                **{"aria-label": "Loop", "aria-pressed": "false"},
            ),
        ],
        id=Time.BAR,
        className="time-bar",
        role="group",
        **{"aria-label": "Time"},
    )
