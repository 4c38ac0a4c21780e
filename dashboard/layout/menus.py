"""Views menu, step caption, tour card and Export menu."""

from __future__ import annotations

from dash import html

from dashboard import text
from dashboard.layout.parts import button, div, span


def views_menu() -> html.Div:
    """Views button and its list; assets/stories/views-menu.mjs fills the list."""
    return div(
        "views",
        button(
            "bar-button",
            "Views",
            "views-button",
            title="Saved views and the tour of this study",
            aria_expanded="false",
            aria_controls="views-menu",
        ),
        div("views-menu", id="views-menu", role="dialog", hidden=True, aria_label="Views"),
    )


def present_button() -> html.Button:
    """Button that starts a presentation; the same action ends it."""
    return button("bar-button", "Present", "present-toggle", title="The picture alone, for a talk")


def caption() -> html.Div:
    """Caption of a presentation step, with its controls."""
    back = button("link-button", "back to this step", "present-return")
    words = div(
        "caption-text",
        html.Strong("", id="caption-title"),
        html.P("", id="caption-sentence"),
        html.P([text.STEP_LEFT, back], id="caption-left", hidden=True),
        aria_live="polite",
    )
    controls = div(
        "caption-controls",
        _control("‹", "present-previous", "Previous step", "arrow left"),
        div("steps", id="caption-steps"),
        span("step-count", "", id="caption-count"),
        _control("›", "present-next", "Next step", "space or arrow right"),
        _control("present", "present-full", "Present: the picture alone"),
        _control("full screen", "present-fullscreen", "Full screen", "F"),
        _control("✕", "present-leave", "Leave", "Esc"),
    )
    return div("caption", words, controls, id="caption", role="region", hidden=True, aria_label="Steps")


def tour_card() -> html.Div:
    """Card that offers the tour."""
    return div("tour-card", id="tour-card", role="region", hidden=True, aria_label=text.TOUR_OFFER)


def _control(label: str, component_id: str, name: str, key: str = "") -> html.Button:
    title = f"{name} ({key})" if key else name
    return button("step-button", label, component_id, title=title, aria_label=name)


def export_button() -> html.Button:
    """Button that opens the Export menu."""
    return button(
        "menu-button",
        "Export",
        "export-button",
        aria_haspopup="dialog",
        aria_expanded="false",
        aria_controls="export-panel",
    )


def export_panel() -> html.Div:
    """Export menu, closed; assets/export/menu.mjs adds the fields of another size."""
    return div(
        "export-panel",
        _section(
            "Picture",
            _row(_choice("export-size", "size", text.PICTURE_SIZES, "1920x1080"), span(id="export-custom")),
            _row(
                _choice("export-zoom", "lettering", text.LETTERING, "2"),
                _choice("export-theme", "colours", text.PICTURE_THEMES, "screen"),
            ),
            _row(_choice("export-background", "background", text.PICTURE_BACKGROUNDS, "filled")),
            _row(_button("export-png", "PNG"), _button("export-svg", "SVG"), _button("export-pdf", "PDF")),
        ),
        _section("Live view", _row(_button("export-html", "Standalone HTML"), _button("copy-link", "Copy link"))),
        _section(
            "Numbers",
            _row(_choice("export-rows", "rows", text.COORDINATE_ROWS, "shown")),
            _row(_button("export-csv", "Coordinates, CSV")),
        ),
        _section("Recipe", _row(_button("export-recipe", "Save recipe"), _button("open-recipe", "Open recipe…"))),
        div("export-status", id="export-status", role="status"),
        id="export-panel",
        role="dialog",
        aria_label="Export",
    )


def _section(title: str, *rows: html.Div) -> html.Section:
    return html.Section([html.H2(title), *rows, html.P(text.EXPORTS[title])])


def _row(*content: html.Label | html.Span | html.Button) -> html.Div:
    return div("export-row", *content)


def _choice(component_id: str, label: str, options: dict[str, str], chosen: str) -> html.Label:
    entries = [html.Option(words, value=key, selected=key == chosen) for key, words in options.items()]
    return html.Label([label, html.Select(entries, id=component_id)])


def _button(component_id: str, label: str) -> html.Button:
    return html.Button(label, id=component_id, type="button")
