"""Pieces that several regions of the page are made of."""

from __future__ import annotations

from typing import Any

from dash import html


def link_button(label: str, component_id: str, **properties: Any) -> html.Button:
    """A button that looks like a link; assets/80-callbacks.js finds its action by its id."""
    return html.Button(label, id=component_id, type="button", className="link-button", **properties)
