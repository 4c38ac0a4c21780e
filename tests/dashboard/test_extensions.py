"""Extensions: loading, panels, errors at the start and in callbacks."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from dash import Dash

from app import main
from dashboard import create_app
from dashboard.extensions import ExtensionError
from engine import Explorer
from engine.errors import EngineError
from tests.small_study import N_RUNS
from tests.wire import mask

UPDATE = "/_dash-update-component"
BEGIN = "from dash import Input, Output, State, html, dcc\nimport dash\n\n"
PANEL = "    app.add_panel('Own', html.P('', id='out'), html.Button('go', id='in'))\n"


def written(folder: Path, source: str, name: str = "own.py") -> Path:
    path = folder / name
    path.write_text(source)
    return path


def extended(explorer: Explorer, folder: Path, body: str) -> Dash:
    """The page with an extension whose ``register`` has a panel and this body."""
    path = written(folder, f"{BEGIN}def register(app, explorer):\n{PANEL}{body}")
    return create_app(explorer, extensions=[path])


def call(app: Dash, value: Any) -> Any:
    body = {
        "output": "out.children",
        "outputs": {"id": "out", "property": "children"},
        "inputs": [{"id": "in", "property": "n_clicks", "value": value}],
        "changedPropIds": ["in.n_clicks"],
    }
    return app.server.test_client().post(UPDATE, json=body)


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("def register(app, explorer:\n    pass\n", 1, "SyntaxError"),
        ("\nimport no_such_package_at_all\n", 2, "ModuleNotFoundError"),
        ("a = 1\n\n\nraise SystemExit('stop')\n", 4, "SystemExit"),
        ("a = 1\n", 1, "no function register(app, explorer)"),
        ("register = 7\n", 1, "no function register(app, explorer)"),
        ("\ndef register(app):\n    pass\n", 2, "must take (app, explorer)"),
        ("def f():\n    return 1 / 0\n\ndef register(app, explorer):\n    f()\n", 2, "ZeroDivisionError"),
    ],
)
def test_a_broken_file_is_named_with_its_line(
    explorer: Explorer, tmp_path: Path, source: str, line: int, words: str
) -> None:
    path = written(tmp_path, source)
    with pytest.raises(ExtensionError) as raised:
        create_app(explorer, extensions=[path])
    assert str(raised.value).startswith(f"{path.resolve()}, line {line}: ")
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    app.callback(Output('out', 'children'), Input('in', 'n_clicks'), background=True)(run)\n", "background"),
        (
            "    async def late(_):\n        return 1\n"
            "    app.callback(Output('out', 'children'), Input('in', 'n_clicks'))(late)\n",
            "coroutine",
        ),
        (
            "    class Late:\n        async def __call__(self, _):\n            return 1\n"
            "    app.callback(Output('out', 'children'), Input('in', 'n_clicks'))(Late())\n",
            "coroutine",
        ),
        (
            "    async def several(_):\n        yield 1\n"
            "    dash.callback(Output('out', 'children'), Input('in', 'n_clicks'))(several)\n",
            "coroutine",
        ),
        ("    app.callback(Output('status-line', 'id'), Input('in', 'n_clicks'))(run)\n" * 2, "another callback sets"),
        ("    app.callback(Output('study-data', 'data'), Input('in', 'n_clicks'))(run)\n", "another callback sets"),
        ("    app.add_panel('Twice', html.P(id='out'))\n", "stands on the page twice"),
        ("    app.add_panel('Twice', html.P(id={'a': 1}), html.P(id={'a': 1}))\n", "stands on the page twice"),
        ("    app.layout.children.append(html.P(id='page'))\n", "stands on the page twice"),
        ("    app.layout.children.append(html.P(id='provider'))\n", "stands on the page twice"),
        ("    layout = app.layout\n    app.layout = lambda: layout\n", "must stay a component"),
        ("    app.layout = html.Div(id='mine')\n", "that holds the page"),
    ],
)
def test_what_the_page_cannot_have_is_refused(explorer: Explorer, tmp_path: Path, body: str, words: str) -> None:
    if body.count("status-line") == 2:
        first, second = body.splitlines()
        body = first + "\n" + second.replace("Output('status-line', 'id')", "[Output('status-line', 'id')]") + "\n"
    path = written(tmp_path, f"{BEGIN}def run(_):\n    return 1\n\ndef register(app, explorer):\n{PANEL}{body}")
    with pytest.raises(ExtensionError, match=words) as raised:
        create_app(explorer, extensions=[path])
    assert str(raised.value).startswith(f"{path.resolve()}, line 7: ")


def test_the_command_names_a_broken_file(studies_folder: Path, tmp_path: Path) -> None:
    path = written(tmp_path, "\n\nraise ValueError('no')\n")
    options = [str(studies_folder), "--cache", str(tmp_path / "cache"), "--device", "cpu", "--extensions"]
    result = CliRunner().invoke(main, [*options, str(path)])
    assert result.exit_code == 1
    assert f"{path.resolve()}, line 3: ValueError: no" in result.output
    assert "Traceback" not in result.output
    missing = CliRunner().invoke(main, [*options, str(tmp_path / "missing.py")])
    assert missing.exit_code == 2
    assert "does not exist" in missing.output


def test_panels_of_several_files_stand_in_one_tab(explorer: Explorer, tmp_path: Path) -> None:
    source = "from dash import html\n\ndef register(app, explorer):\n    app.add_panel('NAME', html.P(id='NAME'))\n"
    one, two = (written(tmp_path, source.replace("NAME", name), f"{name}.py") for name in ("one", "two"))
    app = create_app(explorer, extensions=[one, two])
    tab = app.layout["panels-extensions"]
    assert [panel.children[0].children[0].children for panel in tab.children] == ["one", "two"]
    labels = [button.children for button in app.layout["panel-tabs"].children]
    assert labels == ["Components", "Distances", "Extensions"]
    client = app.server.test_client()
    assert client.get("/").status_code == 200
    assert "panels-extensions" in client.get("/_dash-layout").get_data(as_text=True)
    assert "panels-extensions" not in create_app(explorer).layout


def test_an_error_is_told_in_its_panel(explorer: Explorer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    body = (
        "    @app.callback(Output('out', 'children'), Input('in', 'n_clicks'))\n"
        "    def run(clicks):\n"
        "        if clicks == 1:\n"
        "            raise ValueError('a secret')\n"
        "        if clicks == 2:\n"
        "            return object()\n"
        "        if clicks == 3:\n"
        "            return explorer.scene('nothing')\n"
        "        return clicks\n"
    )
    app = extended(explorer, tmp_path, body)
    notice = app.layout["panels-extensions"].children[0].children[-1]
    assert notice.hidden
    told = {1: "ValueError in own.py, line 9", 2: "InvalidCallbackReturnValue", 3: "No scene is kept"}
    for clicks, kind in told.items():
        caplog.clear()
        answer = call(app, clicks)
        assert answer.status_code == 200
        document = json.loads(answer.data)
        assert document["response"] == {}
        assert document["sideUpdate"][notice.id]["hidden"] is False
        assert kind in document["sideUpdate"][notice.id]["children"]
        assert "secret" not in answer.get_data(as_text=True)
        assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR]
    document = json.loads(call(app, 4).data)
    assert document["response"] == {"out": {"children": 4}}
    assert document["sideUpdate"] == {notice.id: {"hidden": True}}
    assert call(app, "a text").status_code == 200


HIDDEN = (
    "    import asyncio, concurrent.futures, functools\n"
    "    async def late(clicks):\n        return clicks\n"
    "    def plain(clicks):\n        return late(clicks)\n"
    "    @functools.wraps(late)\n    def wrapped(clicks):\n        return late(clicks)\n"
    "    @functools.wraps(late)\n    def ran(clicks):\n"
    # In a thread: that of the tests has a running loop once a browser has been driven from it.
    "        with concurrent.futures.ThreadPoolExecutor() as pool:\n"
    "            return pool.submit(asyncio.run, late(clicks)).result()\n"
)


@pytest.mark.parametrize("name", ["plain", "wrapped"])
@pytest.mark.parametrize("register", ["app", "dash"])
def test_a_returned_coroutine_is_told_in_its_panel(
    explorer: Explorer, tmp_path: Path, name: str, register: str
) -> None:
    body = f"{HIDDEN}    {register}.callback(Output('out', 'children'), Input('in', 'n_clicks'))({name})\n"
    (update,) = json.loads(call(extended(explorer, tmp_path, body), 1).data)["sideUpdate"].values()
    assert update["hidden"] is False
    assert "The callback of out.children is a coroutine (async def)" in update["children"]


def test_a_returned_coroutine_is_told_without_panel(explorer: Explorer, tmp_path: Path) -> None:
    body = "    app.layout.children += [html.P(id='out'), html.Button(id='in')]\n"
    body += f"{HIDDEN}    app.callback(Output('out', 'children'), Input('in', 'n_clicks'))(plain)\n"
    app = create_app(explorer, extensions=[written(tmp_path, f"{BEGIN}def register(app, explorer):\n{body}")])
    answer = call(app, 1)
    assert answer.status_code == 400
    assert "is a coroutine" in answer.get_json()["error"]


def test_a_coroutine_that_is_run_serves(explorer: Explorer, tmp_path: Path) -> None:
    body = f"{HIDDEN}    app.callback(Output('out', 'children'), Input('in', 'n_clicks'))(ran)\n"
    assert json.loads(call(extended(explorer, tmp_path, body), 7).data)["response"] == {"out": {"children": 7}}


def test_every_callback_has_its_notice_in_its_panel(explorer: Explorer) -> None:
    app = create_app(explorer, extensions=[Path(__file__).parents[1] / "own_panel.py"])
    numbers, patterns = app.layout["panels-extensions"].children
    notices = [[each.id for each in panel.children if getattr(each, "role", "")] for panel in (numbers, patterns)]
    assert [len(each) for each in notices] == [5, 4]


def test_an_error_without_a_panel_is_a_500(
    explorer: Explorer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    body = "    app.layout.children += [html.P(id='out'), html.Button(id='in')]\n"
    body += "    app.callback(Output('out', 'children'), Input('in', 'n_clicks'))(lambda n: 1 // n)\n"
    app = create_app(explorer, extensions=[written(tmp_path, f"{BEGIN}def register(app, explorer):\n{body}")])
    assert call(app, 1).get_json()["response"] == {"out": {"children": 1}}
    assert call(app, 0).status_code == 500
    assert app.server.test_client().get("/").status_code == 200


def test_dash_callback_serves_as_well(explorer: Explorer, tmp_path: Path) -> None:
    body = (
        "    @dash.callback(Output('out', 'children'), Input('in', 'n_clicks'))\n"
        "    def run(clicks):\n"
        "        if not clicks:\n"
        "            raise dash.exceptions.PreventUpdate\n"
        "        return 10 // (clicks - 1)\n"
    )
    app = extended(explorer, tmp_path, body)
    assert call(app, None).status_code == 204
    assert json.loads(call(app, 6).data)["response"] == {"out": {"children": 2}}
    assert "ZeroDivisionError" in call(app, 1).get_data(as_text=True)


def test_the_browser_tells_only_callbacks_that_read(explorer: Explorer, tmp_path: Path) -> None:
    reading = "    app.callback(Output('out', 'children'), Input('in', 'n_clicks'), State('shown', 'data'))(max)\n"
    for body, tells in (("    pass\n", False), (reading, True)):
        client = extended(explorer, tmp_path, body).server.test_client()
        assert ('"data-tells":"shown"' in client.get("/_dash-layout").get_data(as_text=True)) is tells


def test_inline_functions_are_known_to_the_policy(explorer: Explorer, tmp_path: Path) -> None:
    body = "    app.clientside_callback('(n) => n', Output('out', 'children'), Input('in', 'n_clicks'))\n"
    policy = [
        create(explorer).server.test_client().get("/").headers["Content-Security-Policy"]
        for create in (create_app, lambda explorer: extended(explorer, tmp_path, body))
    ]
    assert [each.count("'sha256-") for each in policy] == [1, 2]


def test_the_store_s_selection_becomes_run_ids(explorer: Explorer, tmp_path: Path) -> None:
    app = extended(explorer, tmp_path, "    pass\n")
    study = explorer.study("small")
    shown = {"study": "small", "fingerprint": study.fingerprint, "mask": mask([0, N_RUNS - 1])}
    assert app.run_ids(shown) == (study.runs.index[0], study.runs.index[-1])  # type: ignore[attr-defined]
    for wrong in ([], {}, {**shown, "study": 7}, {**shown, "mask": ["A"]}, {**shown, "mask": "A"}):
        with pytest.raises(EngineError):
            app.run_ids(wrong)  # type: ignore[attr-defined]
