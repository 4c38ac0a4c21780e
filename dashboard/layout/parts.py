"""Pieces that several regions of the page are made of."""

from __future__ import annotations

from typing import Any

from dash import html

from engine.divergence_table import DIVERGENCES


def link_button(label: str, component_id: str, **properties: Any) -> html.Button:
    """A button that looks like a link; assets/80-callbacks.js finds its action by its id."""
    return html.Button(label, id=component_id, type="button", className="link-button", **properties)


def divergence_options() -> list[html.Option]:
    """The entries of a menu of divergences."""
    return [html.Option(divergence.short, value=key) for key, divergence in DIVERGENCES.items()]
