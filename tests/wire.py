"""Requests of the page, and decoders of their answers."""

from __future__ import annotations

import base64
import csv
import io
import json
import time
from typing import Any

import numpy as np
from flask.testing import FlaskClient

from dashboard.payloads.scene import MAGIC
from engine import Explorer, arrays
from tests.own_panel import PLACES
from tests.small_study import N_RUNS

PATIENCE = 120.0
SAMPLE = {"n_clicks": 3, "value": "a text", "data": None, "search": "?v=1&d=small"}
"""A value for each property that a callback reads."""


def mask(chosen: list[int], n: int = N_RUNS) -> str:
    """Bit mask of a selection of runs."""
    bits = np.zeros(n, dtype=np.uint8)
    bits[chosen] = 1
    return base64.b64encode(np.packbits(bits, bitorder="little").tobytes()).decode()


def everything(explorer: Explorer, study_id: str = "small") -> dict[str, Any]:
    """Common fields of a question, with all runs of a study selected."""
    study = explorer.study(study_id)
    n_runs = len(study.runs)
    chosen = mask(list(range(n_runs)), n_runs)
    return {
        "study": study_id,
        "fingerprint": study.fingerprint,
        "split": "train",
        "mask": chosen,
        "fit_references": False,
        "limit": 1e9,
        "client": "test",
    }


def finished(client: FlaskClient, question: dict[str, Any], about: str = "scenes") -> dict[str, Any]:
    """Final status of a question."""
    status = client.post(f"/api/{about}", json=question).get_json()
    deadline = time.monotonic() + PATIENCE
    while status.get("state") in ("queued", "running"):
        assert time.monotonic() < deadline, status
        status |= client.get(f"/api/{about}/{status['key']}/status").get_json()
    return status


def decode(body: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Header and arrays of an encoded scene."""
    header = arrays.decode(MAGIC, body, dict)
    return header, header.pop("arrays")


def rows_of(body: bytes) -> list[dict[str, str]]:
    """Rows of a CSV table."""
    return list(csv.DictReader(io.StringIO(body.decode())))


def browser_calls(client: FlaskClient) -> dict[str, dict[str, Any]]:
    """What the browser sends for every callback of the server, by its output; MATCH stands at the last place."""
    listed = client.get("/_dash-dependencies").get_json()
    return {entry["output"]: _browser_call(entry) for entry in listed if entry["clientside_function"] is None}


def compact(component_id: dict[str, Any]) -> str:
    """An id of several values as the browser writes it."""
    return json.dumps(component_id, sort_keys=True, separators=(",", ":"))


def _browser_call(entry: dict[str, Any]) -> dict[str, Any]:
    output = entry["output"]
    names = output.strip(".").split("...") if output.startswith("..") else [output]
    outputs = [
        _resolved({"id": name.rpartition(".")[0].replace("\\.", "."), "property": name.rpartition(".")[2]})
        for name in ([] if entry["no_output"] else names)
    ]
    inputs = [_resolved(each, SAMPLE[each["property"]]) for each in entry["inputs"]]
    first = inputs[0][0] if isinstance(inputs[0], list) else inputs[0]
    changed = first["id"] if isinstance(first["id"], str) else compact(first["id"])
    call: dict[str, Any] = {"output": output, "inputs": inputs, "changedPropIds": [f"{changed}.{first['property']}"]}
    if outputs:
        call["outputs"] = outputs if output.startswith("..") else outputs[0]
    if entry["state"]:
        call["state"] = [_resolved(each, SAMPLE[each["property"]]) for each in entry["state"]]
    return call


def _resolved(place: dict[str, Any], *value: Any) -> Any:
    given = {"value": value[0]} if value else {}
    if not place["id"].startswith("{"):
        return {"id": place["id"], "property": place["property"], **given}
    pattern = json.loads(place["id"])
    wildcard = next(each[0] for each in pattern.values() if isinstance(each, list))
    places = {"ALL": list(PLACES), "ALLSMALLER": list(PLACES)[:-1], "MATCH": [PLACES[-1]]}[wildcard]
    entries = [
        {"id": {key: number if isinstance(each, list) else each for key, each in pattern.items()}, **given}
        | {"property": place["property"]}
        for number in places
    ]
    return entries[0] if wildcard == "MATCH" else entries
