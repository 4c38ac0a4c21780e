"""Extension with a callback of every kind that Dash has; imports nothing of the dashboard."""

from __future__ import annotations

from typing import Any

from dash import ALL, ALLSMALLER, MATCH, Input, Output, State, ctx, dcc, html, no_update, set_props
from dash.exceptions import PreventUpdate

PLACES = range(3)


def register(app: Any, explorer: Any) -> None:
    app.add_panel(
        "Numbers",
        html.Button("count", id="own-count"),
        html.Button("twice", id="own-twice"),
        html.Output("", id="own-counted"),
        dcc.RadioItems([1, 2, 5], 2, id="own-components"),
        html.P("", id="own-stress"),
        html.P("", id="own-selected"),
        html.Button("told", id="own-told"),
        html.P("", id="own-teller"),
        dcc.Input(id="own-text", type="text"),
        html.P("", id="own-length"),
    )
    app.add_panel(
        "Patterns",
        *[html.Button(f"{place}", id={"type": "own-in", "place": place}) for place in PLACES],
        *[html.Output("", id={"type": "own-each", "place": place}) for place in PLACES],
        *[html.Output("", id={"type": "own-below", "place": place}) for place in PLACES],
        *[html.Output("", id={"type": "own-all", "place": place}) for place in PLACES],
        html.Output("", id="own-sum"),
        html.Button("fail", id="own-fail"),
        html.P("as it was", id="own-failing"),
        html.P("", id="own-clientside"),
    )
    _numbers(app, explorer)
    _patterns(app)


def _numbers(app: Any, explorer: Any) -> None:
    @app.callback(Output("own-counted", "children"), Input("own-count", "n_clicks"))
    def count(clicks: int | None) -> str:
        return f"{clicks or 0} clicks"

    @app.callback(
        Output("own-counted", "children", allow_duplicate=True),
        Input("own-twice", "n_clicks"),
        State("own-count", "n_clicks"),
        prevent_initial_call=True,
        running=[(Output("own-twice", "disabled"), True, False)],
    )
    def count_twice(_: int, clicks: int | None) -> str:
        return f"twice {2 * (clicks or 0)}"

    @app.callback(
        output={"stress": Output("own-stress", "children"), "selected": Output("own-selected", "children")},
        inputs={"shown": Input("shown", "data"), "n": Input("own-components", "value")},
    )
    def describe(shown: dict[str, Any] | None, n: int) -> dict[str, Any]:
        if not shown:
            raise PreventUpdate
        selected = f"{len(app.run_ids(shown))} selected"
        if not shown["scene"]:
            return {"stress": no_update, "selected": selected}
        scene = explorer.scene(shown["scene"])
        stress = scene.embedding.explained_stress[n - 1]
        return {"stress": f"{len(scene.spec.run_ids)} runs, {n}: {stress:.4f}", "selected": selected}

    @app.callback(Input("own-told", "n_clicks"), prevent_initial_call=True)
    def tell(clicks: int) -> None:
        set_props("own-teller", {"children": f"told {clicks}"})


def _patterns(app: Any) -> None:
    @app.callback(
        Output({"type": "own-each", "place": MATCH}, "children"), Input({"type": "own-in", "place": MATCH}, "n_clicks")
    )
    def each(clicks: int | None) -> str:
        return f"{clicks or 0} at {ctx.outputs_list['id']['place']}"

    @app.callback(
        Output({"type": "own-below", "place": MATCH}, "children"),
        Input({"type": "own-in", "place": MATCH}, "n_clicks"),
        State({"type": "own-in", "place": ALLSMALLER}, "n_clicks"),
    )
    def below(_: int | None, smaller: list[int | None]) -> str:
        return f"{len(smaller)} below"

    @app.callback(
        Output("own-sum", "children"),
        Output({"type": "own-all", "place": ALL}, "children"),
        Input({"type": "own-in", "place": ALL}, "n_clicks"),
    )
    def total(clicks: list[int | None]) -> tuple[str, list[int]]:
        return f"{sum(filter(None, clicks))} in all", [clicked or 0 for clicked in clicks]

    @app.callback(Output("own-failing", "children"), Input("own-fail", "n_clicks"), prevent_initial_call=True)
    def fail_at_odd(clicks: int) -> str:
        if clicks % 2:
            raise ValueError("what no visitor should read")
        return f"well at {clicks}"

    @app.callback(Output("own-length", "children"), Input("own-text", "value"))
    @app.text_only
    def length(text: str | None) -> str:
        return f"{len(text or '')} characters"

    app.clientside_callback(
        "(clicks) => `${clicks || 0} in the browser`",
        Output("own-clientside", "children"),
        Input("own-count", "n_clicks"),
    )
