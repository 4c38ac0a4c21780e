"""Run table at the foot."""

from __future__ import annotations

from typing import Any

import dash_ag_grid as dag
from dash import html

from dashboard import theme
from dashboard.layout.parts import button, div, section

ROW_CLASSES = {
    "is-hovered": "inpcaIsHovered(params.data.run_id)",
    **{f"pin-{slot + 1}": f"inpcaPinSlot(params.data.run_id) === {slot}" for slot in range(len(theme.PIN_COLORS))},
}
"""Class rules for rows that scroll into view; assets/runs/table.mjs marks the rows already drawn."""


def run_table() -> html.Section:
    """Grid with its title; rows arrive with the study."""
    options: dict[str, Any] = {
        "rowSelection": {"mode": "multiRow", "selectAll": "filtered", "enableClickSelection": False},
        "selectionColumnDef": {"pinned": "left", "width": 38},
        "rowHeight": 26,
        "headerHeight": 28,
        "theme": {"function": "themeBalham"},
        # Its colours and type are set in assets/styles/libraries.css, over this layer.
        "themeCssLayer": "vendor",
        # A hyperparameter may be called "optimizer.lr"; the grid would read the dot as a path.
        "suppressFieldDotNotation": True,
        "animateRows": False,
        "rowClassRules": ROW_CLASSES,
        "localeText": {"noMatchingRows": "No run passes the filters.", "noRowsToShow": "No runs."},
    }
    grid = dag.AgGrid(
        id="run-table",
        columnDefs=[],
        rowData=[],
        getRowId="params.data.run_id",
        defaultColDef={"sortable": True, "resizable": True, "suppressHeaderMenuButton": True},
        dashGridOptions=options,
        style={"height": "100%", "width": "100%"},
    )
    title = div(
        "rail-title",
        html.H2("Runs"),
        button("link-button", "keep only the picked", "only-picked", disabled=True),
        button("link-button", "all runs again", "clear-picked", hidden=True),
    )
    return section("runs", title, grid, aria_label="Run table")
