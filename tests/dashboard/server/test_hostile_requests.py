"""Thousands of malformed requests, each with a named error."""

from __future__ import annotations

import base64
import json
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from flask.testing import FlaskClient

from dashboard import create_app
from dashboard.saved import Saved
from dashboard.view_state import selected_runs
from engine import Explorer
from tests.hostile import broken, markup, mutated, outside, traversals, watched_files
from tests.scale import amount
from tests.small_study import record_small_study
from tests.wire import browser_calls, everything, finished

SLOWEST = 1.0
PATIENCE = 60.0
UPDATE = "/_dash-update-component"
OWN = Path(__file__).parents[2] / "own_panel.py"
"""Extension with callbacks of every kind."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of studies, cache and views, and a secret file beside them that links in the studies target."""
    home = tmp_path_factory.mktemp("home")
    record_small_study(home / "studies" / "small")
    (home / "secret.txt").write_text("the secret")
    (home / "elsewhere").mkdir()
    record_small_study(home / "elsewhere" / "outer")
    for name in ("secret.txt", "passwd"):
        (home / "studies" / name).symlink_to(home / "secret.txt")
    (home / "studies" / "small" / "runs" / "linked").symlink_to(home / "elsewhere" / "outer" / "runs" / "cnn-0.1-0")
    (home / "studies" / "small" / "tour.json").symlink_to(home / "secret.txt")
    return home


@pytest.fixture(scope="module")
def explorer(home: Path) -> Iterator[Explorer]:
    explorer = Explorer(home / "studies", device="cpu", cache=home / "cache")
    yield explorer
    explorer.close()


@pytest.fixture(scope="module")
def client(explorer: Explorer, home: Path) -> FlaskClient:
    return create_app(explorer, saved=Saved.at(home / "views"), extensions=[OWN]).server.test_client()


@pytest.fixture(scope="module")
def bodies(client: FlaskClient, explorer: Explorer) -> dict[str, Any]:
    """One valid request body per address that takes a body."""
    selection = everything(explorer)
    key = finished(client, selection)["key"]
    recipe = client.get(f"/api/scenes/{key}/recipe").get_json()
    view = {"title": "All", "sentence": "", "query": "?v=1&d=small", "position": 0}
    found = {
        "/api/scenes": selection,
        "/api/previews": selection,
        f"/api/scenes/{key}/cancel": {"client": "test"},
        f"/api/scenes/{key}/recipe": {"recipe": recipe},
        "/api/shuffled": {"scene": key, "client": "test", "limit": 1e9},
        f"/api/shuffled/{key}/cancel": {"client": "test"},
        "/api/analyses": {**selection, "kind": "progress", "options": {"definition": "geodesic"}},
        "/api/analyses/x/cancel": {"client": "test"},
        "/api/studies/small/views": view,
        "/api/studies/small/views/x": view,
        "/api/studies/small/views/x/move": {"steps": 1},
        "/api/studies/small/views/x/delete": {},
        "/api/studies/small/selections": selection,
        UPDATE: callback_body(client),
    }
    taking = [rule for rule in client.application.url_map.iter_rules() if "POST" in (rule.methods or ())]
    for rule in taking:
        pattern = re.sub(r"<[^>]+>", "[^/]+", rule.rule)
        assert any(re.fullmatch(pattern, address) for address in found), f"no request is known for {rule.rule}"
    for address, body in found.items():
        assert client.post(address, json=body).status_code in (200, 204, 400, 404), address
    return found


def callback_body(client: FlaskClient) -> dict[str, Any]:
    """What the page sends when it opens."""
    call = next(entry for entry in client.get("/_dash-dependencies").get_json() if entry["clientside_function"] is None)
    outputs = [
        dict(zip(("id", "property"), name.rsplit(".", 1), strict=True))
        for name in call["output"].strip(".").split("...")
    ]
    inputs = [{**entry, "value": "?v=1&d=small" if entry["id"] == "location" else None} for entry in call["inputs"]]
    state = [{**entry, "value": "train" if entry["id"] == "split" else None} for entry in call["state"]]
    return {"output": call["output"], "outputs": outputs, "inputs": inputs, "state": state, "changedPropIds": []}


@contextmanager
def quickly(what: object) -> Iterator[None]:
    """The work is done within a second of this thread's own time, however busy the machine, and nothing waits long."""
    worked, began = time.thread_time(), time.monotonic()
    yield
    assert time.thread_time() - worked < SLOWEST, what
    assert time.monotonic() - began < PATIENCE, what


class Refusals:
    """Sends requests, and holds what all answers have in common."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        self.codes: dict[int, int] = {}

    def send(self, address: str, **request: Any) -> Any:
        request = {"path": address, "method": "POST", **request}
        with quickly(request):
            answer = self.client.open(**request)
        assert answer.status_code < 500, request
        if answer.mimetype == "application/json" and answer.status_code >= 400:
            assert "Traceback" not in answer.get_data(as_text=True)
        self.codes[answer.status_code] = self.codes.get(answer.status_code, 0) + 1
        return answer


def test_the_callback_answers_a_right_call(client: FlaskClient) -> None:
    answer = client.post(UPDATE, json=callback_body(client))
    assert answer.status_code == 200
    assert answer.get_json()["response"]["study-picker"]["value"] == "small"


def handmade(body: dict[str, Any]) -> list[Any]:
    """Calls of a callback that are wrong in ways worth knowing."""
    wrong: list[Any] = [
        [],
        None,
        7,
        "text",
        {},
        {"output": "x"},
        {"output": None},
        {"output": 7},
        {"output": []},
        [body],
    ]
    for field in ("output", "outputs", "inputs", "state"):
        wrong.append({name: value for name, value in body.items() if name != field})
        for value in (None, [], {}, 7, "x", [None], [[]], [{}], [7], body[field] * 2, "..x.y.."):
            wrong.append({**body, field: value})
    for field in ("inputs", "state", "outputs"):
        for position, entry in enumerate(body[field][:2]):
            for change in (
                {"id": "other"}, {"id": None}, {"id": {"type": "x", "name": "y"}}, {"property": "other"},
                {"property": 7}, {"id": ["x"]}, {"id": entry["id"].upper()}, {"property": "__class__"},
            ):  # fmt: skip
                wrong.append({**body, field: [*body[field][:position], entry | change, *body[field][position + 1 :]]})
        wrong.append({**body, field: body[field][::-1]})
        wrong.append({**body, field: body[field][:-1]})
        wrong.append({**body, field: [body[field]]})
    for value in (7, True, 0.5, [], {}, ["?v=1"], {"a": 1}, [None], "x" * 100_001, 10**400):
        for field in ("inputs", "state"):
            for position, entry in enumerate(body[field]):
                changed = [*body[field][:position], entry | {"value": value}, *body[field][position + 1 :]]
                wrong.append({**body, field: changed})
    for names in (["x"], [7], {}, "location.search", ["location.href"], [None], [["location.search"]], ["split.value"]):
        wrong.append({**body, "changedPropIds": names})
    wrong += [
        {**body, "output": output}
        for output in (body["output"] + "x", body["output"][2:], "run-table.rowData", "__proto__")
    ]
    return wrong


def test_calls_that_are_wrong_by_hand_are_refused(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    calls = handmade(callback_body(client))
    assert len(calls) >= 150
    refusals = Refusals(client)
    for call in calls:
        caplog.clear()
        answer = refusals.send(UPDATE, data=json.dumps(call), content_type="application/json")
        assert answer.status_code == 400, call
        assert answer.get_json()["error"]
        assert [len(record.getMessage().splitlines()) for record in caplog.records] == [1], "one line of log"
        assert caplog.records[0].exc_info is None


def with_each_text(value: Any, text: str) -> Iterator[Any]:
    """Copies of a request with one of its values or names replaced by the text."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield {text if key == name else key: each for key, each in value.items()}
            yield from ({**value, name: changed} for changed in with_each_text(part, text))
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from ([*value[:place], changed, *value[place + 1 :]] for changed in with_each_text(part, text))
    else:
        yield text


@pytest.mark.parametrize("text", ["\ud800", "?v=1&d=\udcff", "a\udfff\ud800"])
def test_half_characters_are_refused_everywhere(client: FlaskClient, bodies: dict[str, Any], text: str) -> None:
    requests = [(address, body) for address, body in bodies.items() if address != UPDATE]
    requests += [(UPDATE, body) for body in [bodies[UPDATE], *browser_calls(client).values()]]
    refusals = Refusals(client)
    for address, body in requests:
        for changed in with_each_text(body, text):
            assert refusals.send(address, json=changed).status_code == 400, (address, changed)
    assert refusals.codes[400] > 200
    whole = {**bodies["/api/scenes"], "study": "\U0001f600"}
    assert client.post("/api/scenes", json=whole).status_code == 404


@pytest.mark.full
def test_wrong_requests_never_crash_or_reach_a_file(client: FlaskClient, bodies: dict[str, Any], home: Path) -> None:
    rng = random.Random(0)
    names = [*traversals(home / "secret.txt")[:200], *markup()[:100]]
    addresses, calls = list(bodies), list(browser_calls(client).values())
    refusals = Refusals(client)
    with watched_files() as seen:
        for number in range(amount(1500, 10_000)):
            # Every other request goes to the callbacks' address, the rest to all others in turn.
            address = UPDATE if number % 2 else addresses[number // 2 % len(addresses)]
            body = calls[number // 4 % len(calls)] if number % 4 == 1 else bodies[address]
            raw = json.dumps(mutated(body, rng, names)).encode()
            if rng.random() < 0.25:
                raw = broken(raw, rng)
            kind = rng.choice(["application/json"] * 8 + ["text/plain", "application/json; charset=utf-16"])
            refusals.send(address, data=raw, content_type=kind)
    assert outside(seen, home / "studies", home / "cache", home / "views") == []
    assert any(name.startswith(str(home / "studies")) for _, name in seen), "the hook sees nothing"
    assert sum(n for code, n in refusals.codes.items() if code >= 400) > sum(refusals.codes.values()) / 2
    assert client.get("/health").status_code == 200


@pytest.mark.full
def test_no_name_leads_out_of_the_folders(client: FlaskClient, bodies: dict[str, Any], home: Path) -> None:
    """Every name in every part of every address, and in every field that takes a text."""
    names = traversals(home / "secret.txt")
    assert len(names) == 500
    rules = [rule for rule in client.application.url_map.iter_rules() if "<" in rule.rule]
    fields = [(address, name) for address, body in bodies.items() for name in body if isinstance(body[name], str)]
    refusals, rng = Refusals(client), random.Random(0)
    tried = amount(1, 100)
    with watched_files() as seen:
        for number, name in enumerate(names):
            text = name.encode("utf-8", "surrogatepass")
            for rule in rng.sample(rules, min(tried, len(rules))):
                method = "GET" if "GET" in (rule.methods or ()) else "POST"
                for written in (quote(text, safe=""), quote(text, safe="/%.")):
                    address = re.sub(r"<[^>]+>", written.replace("\\", r"\\"), rule.rule)
                    answer = refusals.send(address, method=method, json={} if method == "POST" else None)
                    assert b"the secret" not in answer.data
                    assert b"root:x:0" not in answer.data
            for address, field in rng.sample(fields, min(tried, len(fields))):
                answer = refusals.send(address, json={**bodies[address], field: name})
                assert b"the secret" not in answer.data
            if number % amount(5, 1) == 0:
                written = quote(text)
                call = callback_call(client, f"?d={written}&s={written}&runs={written}&c=run:{written}")
                assert b"the secret" not in refusals.send(UPDATE, json=call).data
    assert outside(seen, home / "studies", home / "cache", home / "views") == []
    assert not list((home / "elsewhere").rglob("views.json"))


def callback_call(client: FlaskClient, query: str) -> dict[str, Any]:
    body = callback_body(client)
    body["inputs"][0]["value"] = query
    return body


def test_links_in_a_study_are_not_followed(client: FlaskClient, explorer: Explorer) -> None:
    assert [problem.run_id for problem in explorer.study("small").problems] == ["linked"]
    answer = client.get("/api/studies/small/views").get_json()
    assert answer["tour"] == []
    assert "symbolic link" in answer["problems"][0]
    assert client.get("/health").get_json()["studies"] == ["small"]


@pytest.mark.parametrize(
    "text", ["A" * 4096, "A" * 133_336, base64.b64encode(bytes(10**6 // 8)).decode(), "", "=", "A===", "\u00e9"]
)
def test_an_overlong_mask_is_refused_at_once(client: FlaskClient, bodies: dict[str, Any], text: str) -> None:
    with quickly(text[:20]):
        answer = client.post("/api/scenes", json={**bodies["/api/scenes"], "mask": text})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400, "true", "null", '"1"', "[]"]
)
def test_what_is_no_finite_number_is_refused(client: FlaskClient, bodies: dict[str, Any], number: str) -> None:
    raw = json.dumps({**bodies["/api/scenes"], "limit": "HERE"}).replace('"HERE"', number)
    assert client.post("/api/scenes", data=raw, content_type="application/json").status_code == 400
    steps = '{"steps": ' + number + "}"
    answer = client.post("/api/studies/small/views/x/move", data=steps, content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "components", ["0", "-1", "1000000000", "1e9", "1,2,9999999999999999999", "NaN", "1," * 3000, ",", "１"]
)
def test_components_that_there_are_not_are_refused(
    client: FlaskClient, bodies: dict[str, Any], components: str
) -> None:
    key = finished(client, bodies["/api/scenes"])["key"]
    with quickly(components):
        assert client.get(f"/api/scenes/{key}/shepard/{components}").status_code in (400, 404)


def test_a_million_runs_cannot_be_asked_for(client: FlaskClient, bodies: dict[str, Any]) -> None:
    ids = ",".join(f"run-{number}" for number in range(10**6))
    for address, body in (("/api/scenes", {**bodies["/api/scenes"], "mask": ids}), ("/api/scenes", {"runs": ids})):
        assert client.post(address, json=body).status_code == 413
    with pytest.raises(Exception, match="one bit"):
        selected_runs(base64.b64encode(np.ones(10**5, np.uint8).tobytes()).decode(), ["a"] * 7)
