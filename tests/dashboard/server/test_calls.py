"""Calls of every kind of callback, as the browser sends them and malformed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dash import ALL, ALLSMALLER, MATCH, Dash, Input, Output, State, no_update
from flask.testing import FlaskClient

from dashboard import create_app
from dashboard.server.calls import check_call, guard_callbacks, text_only
from dashboard.server.requests import StrictJson
from engine import Explorer
from tests.hostile import broken, markup, mutated
from tests.own_panel import PLACES
from tests.scale import amount
from tests.wire import browser_calls, compact

UPDATE = "/_dash-update-component"
OWN = Path(__file__).parents[2] / "own_panel.py"


@pytest.fixture(scope="module")
def client(explorer: Explorer) -> FlaskClient:
    """Client of a page with an extension that has callbacks of every kind."""
    return create_app(explorer, extensions=[OWN]).server.test_client()


@pytest.fixture(scope="module")
def calls(client: FlaskClient) -> dict[str, dict[str, Any]]:
    """A right call of every callback of the server, by its output."""
    return browser_calls(client)


def test_every_kind_of_callback_is_answered(client: FlaskClient, calls: dict[str, dict[str, Any]]) -> None:
    assert len(calls) >= 9
    answers = {output: client.post(UPDATE, json=call) for output, call in calls.items()}
    assert {
        output: answer.status_code for output, answer in answers.items() if answer.status_code not in (200, 204)
    } == {}
    said = {}
    for answer in answers.values():
        if answer.status_code == 200:
            said |= answer.get_json()["response"] | answer.get_json().get("sideUpdate", {})
    match = compact({"type": "own-each", "place": PLACES[-1]})
    assert said[match]["children"] == "3 at 2"
    assert said[match.replace("each", "below")]["children"] == "2 below"
    assert said["own-sum"]["children"] == "9 in all"
    assert said["own-teller"]["children"] == "told 3"
    assert said["own-length"]["children"] == "6 characters"
    assert said["own-counted"]["children"] in ("3 clicks", "twice 6")
    assert said["study-picker"]["value"] == "small"


@pytest.mark.parametrize("value", [None, True, 7, -0.5, 1e300, "x" * 200_000, [], [1, "a", None], {"a": {"b": [1]}}])
def test_a_callback_takes_any_value_of_json(value: Any) -> None:
    app = echo_app()
    answer = app.server.test_client().post(UPDATE, json=plain_call(value))
    assert answer.status_code == 200
    assert json.loads(answer.get_json()["response"]["out"]["children"]) == value


@pytest.mark.parametrize(
    "written", ["NaN", "1e999", "-1e999", "1" + "0" * 400, "[" * 70 + "]" * 70, '{"a": 1, "a": 2}', "[" * 100_000]
)
def test_values_no_browser_sends_are_refused(written: str, caplog: pytest.LogCaptureFixture) -> None:
    raw = json.dumps(plain_call("HERE")).replace('"HERE"', written)
    answer = echo_app().server.test_client().post(UPDATE, data=raw, content_type="application/json")
    assert answer.status_code == 400
    assert all(record.exc_info is None for record in caplog.records)


@pytest.mark.parametrize("value", [7, True, 0.5, [], {}, ["a"], "x" * 100_001])
def test_a_text_only_callback_refuses_other_values(value: Any) -> None:
    app = echo_app(text_only)
    client = app.server.test_client()
    assert client.post(UPDATE, json=plain_call("short")).status_code == 200
    assert client.post(UPDATE, json=plain_call(None)).status_code == 200
    assert client.post(UPDATE, json=plain_call(value)).status_code == 400


def echo_app(mark: Any = lambda function: function) -> Dash:
    app = Dash(__name__)
    app.layout = []
    app.server.json = StrictJson(app.server)
    guard_callbacks(app, "/")

    @app.callback(Output("out", "children"), Input("in", "value"))
    @mark
    def echo(value: Any) -> str:
        return json.dumps(value)

    return app


def nothing(*values: Any) -> Any:
    return no_update


def plain_call(value: Any) -> dict[str, Any]:
    return {
        "output": "out.children",
        "outputs": {"id": "out", "property": "children"},
        "inputs": [{"id": "in", "property": "value", "value": value}],
        "changedPropIds": ["in.value"],
    }


def test_a_background_callback_is_refused_with_a_reason() -> None:
    app = Dash(__name__)
    app.layout = []
    guard_callbacks(app, "/")
    app.callback(Output("out", "children"), Input("in", "value"), background=True, manager=object())(nothing)
    answer = app.server.test_client().post(UPDATE, json=plain_call(1))
    assert answer.status_code == 400
    assert "background callback" in answer.get_json()["error"]


def table(*dependencies: Any) -> tuple[str, dict[str, Any]]:
    """A callback of these dependencies, as Dash keeps it."""
    app = Dash(__name__)
    app.callback(*dependencies)(nothing)
    ((output, entry),) = app.callback_map.items()
    return output, {output: entry}


def at(kind: str, place: Any, name: str = "x", **value: Any) -> dict[str, Any]:
    return {"id": {"type": kind, "place": place}, "property": name, **value}


PATTERNED = table(
    Output({"type": "out", "place": MATCH}, "x"),
    Input({"type": "in", "place": MATCH}, "x"),
    State({"type": "in", "place": ALLSMALLER}, "x"),
    State({"type": "any", "place": ALL}, "x"),
)


def patterned(**changes: Any) -> dict[str, Any]:
    call = {
        "output": PATTERNED[0],
        "outputs": at("out", 2),
        "inputs": [at("in", 2, value=1)],
        "state": [[at("in", 0), at("in", 1)], [at("any", "a"), at("any", 7), at("any", True)]],
        "changedPropIds": ['{"place":2,"type":"in"}.x'],
    }
    return {**call, **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"state": [[], []]},
        {"changedPropIds": []},
        {"changedPropIds": ['{"type":"in","place":2}.x']},
        {"outputs": at("out", "é"), "inputs": [at("in", "é")], "changedPropIds": ['{"place":"é","type":"in"}.x']},
        {"outputs": at("out", 1e21), "inputs": [at("in", 1e21)], "changedPropIds": ['{"place":1e+21,"type":"in"}.x']},
    ],
)
def test_ids_that_match_a_pattern_pass(changes: dict[str, Any]) -> None:
    check_call(patterned(**changes), PATTERNED[1])


@pytest.mark.parametrize(
    "changes",
    [
        {"outputs": at("out", 1)},
        {"outputs": at("in", 2)},
        {"outputs": [at("out", 2)]},
        {"outputs": at("out", 2, "y")},
        {"outputs": {"id": '{"place":2,"type":"out"}', "property": "x"}},
        {"outputs": {"id": {"type": "out"}, "property": "x"}},
        {"outputs": {"id": {"type": "out", "place": 2, "more": 1}, "property": "x"}},
        {"outputs": at("out", ["MATCH"]), "inputs": [at("in", ["MATCH"])]},
        {"outputs": at("out", {"wild": "MATCH"}), "inputs": [at("in", {"wild": "MATCH"})]},
        {"outputs": at("out", None), "inputs": [at("in", None)]},
        {"outputs": at("out", True), "inputs": [at("in", 1)], "changedPropIds": []},
        {"inputs": [[at("in", 2)]]},
        {"inputs": [at("in", 2), at("in", 2)]},
        {"state": [[at("in", 2)], []]},
        {"state": [[at("in", 0), at("any", 1)], []]},
        {"state": [at("in", 0), []]},
        {"state": [[[at("in", 0)]], []]},
        {"state": [[]]},
        {"state": None},
        {"state": [[], [at("any", {"a": 1})]]},
        {"state": [[], [at("any", 10**400)]]},
        {"changedPropIds": ['{"place":1,"type":"in"}.x']},
        {"changedPropIds": ['{"place":2,"type":"in"}.y']},
        {"changedPropIds": ["{.x"]},
        {"changedPropIds": ['{"place":2,"type":"in"}']},
        {"changedPropIds": ["[" * 100_000]},
        {"changedPropIds": ['{"a":' * 100_000 + ".x"]},
    ],
)
def test_ids_that_match_no_pattern_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"callback|changedPropIds|ALLSMALLER"):
        check_call(patterned(**changes), PATTERNED[1])


def test_a_shared_output_carries_its_digest() -> None:
    output, callbacks = table(Output("out", "children", allow_duplicate=True), Input("in", "value"), True)
    shared = {"id": "out", "property": output.partition(".")[2]}
    assert "@" in shared["property"]
    check_call({**plain_call(1), "output": output, "outputs": shared}, callbacks)
    alone, others = table(Output("out", "children"), Input("in", "value"))
    with pytest.raises(ValueError, match="outputs"):
        check_call({**plain_call(1), "output": alone, "outputs": shared}, others)


def test_an_optional_component_may_be_missing() -> None:
    output, callbacks = table(
        Output({"type": "out", "place": MATCH}, "x"), Input({"type": "in", "place": MATCH}, "x", allow_optional=True)
    )
    missing = at("in", {"wild": "MATCH", "multi": 0}, value=None, allow_optional=True)
    call = {"output": output, "outputs": at("out", 1), "inputs": [missing]}
    check_call(call, callbacks)
    with pytest.raises(ValueError, match="inputs"):
        check_call({**call, "inputs": [{**missing, "value": 1}]}, callbacks)


def test_a_call_without_state_has_none(client: FlaskClient, calls: dict[str, dict[str, Any]]) -> None:
    call = next(call for call in calls.values() if "state" not in call)
    for state, code in (([], 200), (None, 400), ({}, 400), (0, 400), ([None], 400)):
        assert client.post(UPDATE, json={**call, "state": state}).status_code == code


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Log of the test, which holds no traceback but of the extension's own failures."""
    yield caplog
    own = ("The extension ",)
    assert all(record.exc_info is None or record.getMessage().startswith(own) for record in caplog.records)


def test_malformed_calls_of_any_kind_are_refused(
    client: FlaskClient, calls: dict[str, dict[str, Any]], quiet: pytest.LogCaptureFixture
) -> None:
    rng, names, codes = random.Random(0), markup()[:50], set()
    for number in range(amount(1500, 10_000)):
        raw = json.dumps(mutated(list(calls.values())[number % len(calls)], rng, names)).encode()
        if rng.random() < 0.25:
            raw = broken(raw, rng)
        quiet.clear()
        answer = client.post(UPDATE, data=raw, content_type="application/json")
        assert answer.status_code < 500, raw[:500]
        codes.add(answer.status_code)
        if answer.status_code == 400:
            assert [len(record.getMessage().splitlines()) for record in quiet.records] <= [1]
    assert {200, 400} <= codes
