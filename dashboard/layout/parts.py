"""Shorthands for the elements of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from engine.distances.table import DIVERGENCES

T = TypeVar("T", bound=Component)


def attributes(**named: Any) -> dict[str, Any]:
    """Properties with ``aria_label`` for ``aria-label`` and ``data_tab`` for ``data-tab``, which Python cannot name."""
    return {
        name.replace("_", "-") if name.startswith(("aria_", "data_")) else name: value for name, value in named.items()
    }


def element(kind: Callable[..., T], css_class: str = "", *children: Component | str, **properties: Any) -> T:
    """Element of a class, its children, and properties as in :func:`attributes`; one text stays a text."""
    if css_class:
        properties["className"] = css_class
    if children:
        properties["children"] = children[0] if isinstance(children[0], str) and len(children) == 1 else list(children)
    return kind(**attributes(**properties))


div = partial(element, html.Div)
span = partial(element, html.Span)
section = partial(element, html.Section)


def button(css_class: str, label: str, component_id: str | None = None, **properties: Any) -> html.Button:
    """Button with a label; assets/page/actions.mjs finds its action by its id."""
    named = {"id": component_id} if component_id else {}
    return element(html.Button, css_class, label, type="button", **named, **properties)


def progress(css_class: str, component_id: str, label: str, *, stage: str, bar: str, cancel: str) -> html.Div:
    """Stage, bar and cancel button of a computation, with these ids; hidden while none runs."""
    return div(
        css_class,
        html.Span("", id=stage),
        element(html.Progress, id=bar, max="1", aria_label=label),
        button("link-button", "cancel", cancel),
        id=component_id,
        hidden=True,
    )


def plain_select(
    css_class: str, component_id: str, options: Mapping[str, str], label: str, **properties: Any
) -> html.Select:
    """The browser's own menu of values and their words."""
    entries = [html.Option(words, value=value) for value, words in options.items()]
    return element(html.Select, css_class, *entries, id=component_id, aria_label=label, **properties)


def select(component_id: str, label: str, **properties: Any) -> dmc.Select:
    """Menu of the toolbars, always with a choice."""
    return dmc.Select(
        id=component_id,
        withScrollArea=False,
        size="xs",
        allowDeselect=False,
        **attributes(aria_label=label, **properties),
    )


def divergence_names() -> dict[str, str]:
    """Divergence key -> its words in a menu."""
    return {key: divergence.short for key, divergence in DIVERGENCES.items()}
