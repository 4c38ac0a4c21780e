"""Controls made from data: the filters of a study, pills for categories and ranges with histograms for numbers."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html

from dashboard import text
from dashboard.filters import Filter, LevelsFilter, RangeFilter
from dashboard.ids import levels_filter, range_filter
from dashboard.view_state import ViewState


def filter_controls(filters: tuple[Filter, ...], view: ViewState) -> list[Any]:
    """One titled control per filter, set to what the view says; names that the study lacks are ignored."""
    levels, ranges = dict(view.levels), {name: (low, high) for name, low, high in view.ranges}
    return [
        _levels_control(entry, levels.get(entry.name, ()))
        if isinstance(entry, LevelsFilter)
        else _range_control(entry, ranges.get(entry.name))
        for entry in filters
    ] or [html.P("All runs have the same hyperparameters: there is nothing to filter by.", className="hint")]


def _levels_control(entry: LevelsFilter, chosen: tuple[str, ...]) -> html.Fieldset:
    chips = [
        dmc.Chip(
            [level, html.Span(str(count), className="pill-count")],
            value=level,
            size="xs",
            radius="sm",
            variant="light",
        )
        for level, count in zip(entry.levels, entry.counts, strict=True)
    ]
    return html.Fieldset(
        [
            html.Legend(text.label(entry.name)),
            html.Div(
                dmc.ChipGroup(
                    chips,
                    id=levels_filter(entry.name),
                    multiple=True,
                    value=[level for level in chosen if level in entry.levels],
                ),
                className="pills",
            ),
        ],
        className="filter",
    )


def _range_control(entry: RangeFilter, limits: tuple[float, float] | None) -> html.Fieldset:
    last = len(entry.stops) - 1
    name = text.label(entry.name)
    low, high = entry.enclosing_stops(*limits) if limits else (0, last)
    return html.Fieldset(
        [
            html.Legend(
                [name, html.Span("", className="range-text", **{"data-range": entry.name, "aria-live": "polite"})]
            ),
            _histogram(entry),
            dmc.RangeSlider(
                id=range_filter(entry.name),
                min=0,
                max=last,
                step=1,
                minRange=0 if entry.discrete else 1,
                value=[low, high],
                label=None,
                size="xs",
                thumbSize=14,
                updatemode="drag",
                thumbFromLabel=f"{name}, lowest",
                thumbToLabel=f"{name}, highest",
            ),
            html.Div([html.Span(_short(entry.stops[0])), html.Span(_short(entry.stops[-1]))], className="limits"),
        ],
        className="filter",
    )


def _histogram(entry: RangeFilter) -> html.Div:
    highest = max(entry.counts) or 1
    bars = [
        html.Span(
            className="bar",
            style={"height": f"{100 * count / highest:.0f}%"},
            title=f"{_bar_name(entry, index)}: {count} runs",
        )
        for index, count in enumerate(entry.counts)
    ]
    kind = "histogram discrete" if entry.discrete else "histogram"
    return html.Div(bars, className=kind, **{"data-histogram": entry.name, "aria-hidden": "true"})


def _bar_name(entry: RangeFilter, index: int) -> str:
    if entry.discrete:
        return _short(entry.stops[index])
    return f"{_short(entry.stops[index])} to {_short(entry.stops[index + 1])}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
