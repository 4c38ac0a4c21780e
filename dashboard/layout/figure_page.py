"""Figures view: one analysis figure of the selection with findings and basis."""

from __future__ import annotations

from itertools import groupby

from dash import html

from dashboard.layout.parts import button, div, element, progress, span
from engine.analyses import ANALYSES, Analysis


def figure_page() -> html.Div:
    """List of figures and page of the open figure; assets/figures/view.mjs fills both."""
    return div("figure-page", _list(), _open_figure(), id="figure-page", hidden=True)


def _list() -> html.Nav:
    groups = [
        div("figure-group", html.H3(group), *map(_entry, members))
        for group, members in groupby(ANALYSES.values(), key=lambda analysis: analysis.group)
    ]
    return element(html.Nav, "figure-list", *groups, id="figure-list", aria_label="Figures")


def _entry(analysis: Analysis) -> html.Button:
    return button("figure-entry", analysis.title, title=analysis.shows, data_figure=analysis.key, aria_pressed="false")


def _open_figure() -> html.Div:
    foot = div(
        "figure-foot", span("figure-basis", "", id="figure-basis"), span("figure-take-away", id="figure-take-away")
    )
    return div(
        "open-figure",
        *map(_head, ANALYSES.values()),
        div("figure-options", id="figure-options"),
        progress(
            "figure-job",
            "figure-progress",
            "Progress of the figure",
            stage="figure-stage",
            bar="figure-bar",
            cancel="figure-cancel",
        ),
        div("figure-trouble", id="figure-trouble", role="alert", hidden=True),
        element(html.Dl, "figure-numbers", id="figure-numbers"),
        div("figure-host", id="figure-host"),
        div("figure-readout", "", id="figure-readout", role="status"),
        *map(_computed, ANALYSES.values()),
        element(html.Ul, "figure-notes", id="figure-notes"),
        foot,
        tabIndex="0",
        role="region",
        aria_label="Figure",
    )


def _head(analysis: Analysis) -> html.Div:
    texts = [html.P(analysis.shows, className="figure-shows")]
    if analysis.not_shown:
        texts.append(html.P(analysis.not_shown, className="figure-not-shown"))
    return div("figure-head", html.H2(analysis.title), *texts, hidden=True, data_head=analysis.key)


def _computed(analysis: Analysis) -> html.P:
    how = html.Strong("How it is computed. ")
    return element(html.P, "figure-computed", how, analysis.computed, hidden=True, data_head=analysis.key)
