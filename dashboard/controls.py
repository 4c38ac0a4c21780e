"""Controls made from data: the filters of a study, pills for categories and ranges with histograms for numbers."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html

from dashboard import text
from dashboard.filters import Filter, LevelsFilter, RangeFilter
from dashboard.ids import levels_filter, range_filter
from dashboard.view_state import ViewState

MAXIMUM_PILLS_AT_ONCE = 14
"""A category with more levels shows this many, those that are chosen, and a button for the rest."""


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
            [
                html.Bdi(level, className="pill-name"),
                html.Span(f"{count:,}", className="pill-count", **{"data-part": ""}),
            ],
            value=level,
            size="xs",
            radius="sm",
            variant="light",
        )
        for level, count in zip(entry.levels, entry.counts, strict=True)
    ]
    pills = html.Div(
        dmc.ChipGroup(
            chips,
            id=levels_filter(entry.name),
            multiple=True,
            value=[level for level in chosen if level in entry.levels],
        ),
        className="pills",
    )
    n_more = len(entry.levels) - MAXIMUM_PILLS_AT_ONCE
    more = html.Button(
        f"{n_more} more",
        type="button",
        className="link-button",
        hidden=n_more <= 0,
        **{"data-more": f"{n_more} more", "aria-expanded": "false"},
    )
    return _filter(entry.name, [pills, more])


def _range_control(entry: RangeFilter, limits: tuple[float, float] | None) -> html.Fieldset:
    last = len(entry.stops) - 1
    name = text.label(entry.name)
    low, high = entry.enclosing_stops(*limits) if limits else (0, last)
    return _filter(
        entry.name,
        [
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
            html.Div(
                [
                    html.Span(_short(entry.stops[0])),
                    html.Span("log" if entry.is_logarithmic else ""),
                    html.Span(_short(entry.stops[-1])),
                ],
                className="limits",
            ),
        ],
    )


def _filter(name: str, body: list[Any]) -> html.Fieldset:
    """A titled group that can be folded and reset (assets/82-filter-rail.js)."""
    label = text.label(name)
    return html.Fieldset(
        [
            html.Div(
                [
                    html.Button(html.Bdi(label), type="button", className="filter-name", **{"aria-expanded": "true"}),
                    html.Span("", className="range-text", **{"aria-live": "polite"}),
                    html.Button(
                        "reset",
                        type="button",
                        className="link-button",
                        hidden=True,
                        **{"data-reset": "", "aria-label": f"reset {label}"},
                    ),
                ],
                className="filter-head",
            ),
            html.Div(body, className="filter-body"),
        ],
        className="filter",
        **{"data-filter": name, "aria-label": label},
    )


def _histogram(entry: RangeFilter) -> html.Div:
    highest = max(entry.counts) or 1
    bars = [
        html.Span(
            html.Span(className="passing"),
            className="bar",
            style={"height": f"{100 * count / highest:.0f}%"},
            **{"data-part": str(count), "data-values": _bar_name(entry, index)},
        )
        for index, count in enumerate(entry.counts)
    ]
    kind = "histogram discrete" if entry.discrete else "histogram"
    return html.Div(bars, className=kind, **{"aria-hidden": "true"})


def _bar_name(entry: RangeFilter, index: int) -> str:
    if entry.discrete:
        return _short(entry.stops[index])
    return f"{_short(entry.stops[index])} to {_short(entry.stops[index + 1])}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
