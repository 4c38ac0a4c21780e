"""The Export menu: what can be taken away. assets/85-export.js opens it and does the work."""

from __future__ import annotations

from dash import html

from dashboard import text
from dashboard.ids import Export


def export_button() -> html.Button:
    """The button that opens the menu."""
    return html.Button(
        "Export",
        id=Export.BUTTON,
        type="button",
        className="menu-button",
        **{"aria-haspopup": "dialog", "aria-expanded": "false", "aria-controls": Export.PANEL},
    )


def export_panel() -> html.Div:
    """The menu, closed."""
    return html.Div(
        [
            _section(
                "Picture",
                html.Div(
                    [_choice(Export.SIZE, "size", text.PICTURE_SIZES, "1920x1080"), html.Span(id=Export.CUSTOM)],
                    className="export-row",
                ),
                html.Div(
                    [
                        _choice(Export.ZOOM, "lettering", text.LETTERING, "2"),
                        _choice(Export.THEME, "colours", text.PICTURE_THEMES, "screen"),
                    ],
                    className="export-row",
                ),
                html.Div(
                    [_choice(Export.BACKGROUND, "background", text.PICTURE_BACKGROUNDS, "filled")],
                    className="export-row",
                ),
                _buttons((Export.PNG, "PNG"), (Export.SVG, "SVG"), (Export.PDF, "PDF")),
            ),
            _section("Live view", _buttons((Export.HTML, "Standalone HTML"), (Export.LINK, "Copy link"))),
            _section(
                "Numbers",
                html.Div([_choice(Export.ROWS, "rows", text.COORDINATE_ROWS, "shown")], className="export-row"),
                _buttons((Export.CSV, "Coordinates, CSV")),
            ),
            _section("Recipe", _buttons((Export.RECIPE, "Save recipe"), (Export.OPEN_RECIPE, "Open recipe…"))),
            html.Div(id=Export.STATUS, className="export-status", role="status"),
        ],
        id=Export.PANEL,
        className="export-panel",
        role="dialog",
        **{"aria-label": "Export"},
    )


def _section(title: str, *rows: html.Div) -> html.Section:
    return html.Section([html.H2(title), *rows, html.P(text.EXPORTS[title])])


def _choice(component_id: Export, label: str, options: dict[str, str], chosen: str) -> html.Label:
    entries = [html.Option(words, value=key, selected=key == chosen) for key, words in options.items()]
    return html.Label([label, html.Select(entries, id=component_id)])


def _buttons(*entries: tuple[Export, str]) -> html.Div:
    buttons = [html.Button(label, id=component_id, type="button") for component_id, label in entries]
    return html.Div(buttons, className="export-row")
