"""The figures view: every other figure of the selection, one at a time, with what it says and rests on."""

from __future__ import annotations

from itertools import groupby

from dash import html

from dashboard.ids import Figures
from dashboard.layout.parts import link_button
from engine.analyses import ANALYSES, Analysis


def figure_page() -> html.Div:
    """The list of figures, and the page of the one that is open; assets/88-figures.js fills it."""
    return html.Div(
        [_list(), _open_figure()],
        id=Figures.PAGE,
        className="figure-page",
        hidden=True,
    )


def _list() -> html.Nav:
    groups = groupby(ANALYSES.values(), key=lambda analysis: analysis.group)
    return html.Nav(
        [
            html.Div([html.H3(group), *[_entry(analysis) for analysis in members]], className="figure-group")
            for group, members in groups
        ],
        id=Figures.LIST,
        className="figure-list",
        **{"aria-label": "Figures"},
    )


def _entry(analysis: Analysis) -> html.Button:
    return html.Button(
        analysis.title,
        type="button",
        className="figure-entry",
        title=analysis.shows,
        **{"data-figure": analysis.key, "aria-pressed": "false"},
    )


def _open_figure() -> html.Div:
    return html.Div(
        [
            *[_head(analysis) for analysis in ANALYSES.values()],
            html.Div(id=Figures.OPTIONS, className="figure-options"),
            html.Div(
                [
                    html.Span("", id=Figures.STAGE),
                    html.Progress(id=Figures.BAR, max="1", **{"aria-label": "Progress of the figure"}),
                    link_button("cancel", Figures.CANCEL),
                ],
                id=Figures.PROGRESS,
                className="figure-job",
                hidden=True,
            ),
            html.Div(id=Figures.TROUBLE, className="figure-trouble", role="alert", hidden=True),
            html.Dl(id=Figures.NUMBERS, className="figure-numbers"),
            html.Div(id=Figures.HOST, className="figure-host"),
            html.Div("", id=Figures.READOUT, className="figure-readout", role="status"),
            *[_computed(analysis) for analysis in ANALYSES.values()],
            html.Ul(id=Figures.NOTES, className="figure-notes"),
            html.Div(
                [
                    html.Span("", id=Figures.BASIS, className="figure-basis"),
                    html.Span(id=Figures.TAKE_AWAY, className="figure-take-away"),
                ],
                className="figure-foot",
            ),
        ],
        className="open-figure",
        tabIndex="0",
        role="region",
        **{"aria-label": "Figure"},
    )


def _head(analysis: Analysis) -> html.Div:
    return html.Div(
        [
            html.H2(analysis.title),
            html.P(analysis.shows, className="figure-shows"),
        ],
        className="figure-head",
        hidden=True,
        **{"data-head": analysis.key},
    )


def _computed(analysis: Analysis) -> html.P:
    return html.P(
        [html.Strong("How it is computed. "), analysis.computed],
        className="figure-computed",
        hidden=True,
        **{"data-head": analysis.key},
    )
