"""The run table at the foot."""

from __future__ import annotations

from typing import Any

import dash_ag_grid as dag
from dash import html

from dashboard import theme
from dashboard.ids import Table

ROW_CLASSES = {
    "is-hovered": "inpcaIsHovered(params.data.run_id)",
    **{f"pin-{slot + 1}": f"inpcaPinSlot(params.data.run_id) === {slot}" for slot in range(len(theme.PIN_COLORS))},
}
"""Marks of rows as they scroll into view; assets/74-table.js marks those that are there already."""


def run_table() -> html.Section:
    """The grid with its title; rows come with the study."""
    options: dict[str, Any] = {
        "rowSelection": {"mode": "multiRow", "selectAll": "filtered", "enableClickSelection": False},
        "selectionColumnDef": {"pinned": "left", "width": 38},
        "rowHeight": 26,
        "headerHeight": 28,
        "theme": {"function": "themeBalham.withParams({fontFamily: 'inherit', fontSize: 12})"},
        # Hyperparameters may be called "optimizer.lr": a column's name is a name, not a path.
        "suppressFieldDotNotation": True,
        "animateRows": False,
        "rowClassRules": ROW_CLASSES,
        "localeText": {"noMatchingRows": "No run passes the filters.", "noRowsToShow": "No runs."},
    }
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Runs"),
                    html.Button(
                        "keep only the picked",
                        id=Table.ONLY_PICKED,
                        type="button",
                        className="link-button",
                        disabled=True,
                    ),
                    html.Button(
                        "all runs again", id=Table.CLEAR_PICKED, type="button", className="link-button", hidden=True
                    ),
                ],
                className="rail-title",
            ),
            dag.AgGrid(
                id=Table.GRID,
                columnDefs=[],
                rowData=[],
                getRowId="params.data.run_id",
                defaultColDef={"sortable": True, "resizable": True, "suppressHeaderMenuButton": True},
                dashGridOptions=options,
                style={"height": "100%", "width": "100%"},
            ),
        ],
        className="runs",
        **{"aria-label": "Run table"},
    )
