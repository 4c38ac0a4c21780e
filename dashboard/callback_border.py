"""The border in front of Dash's own address: what is no call of a callback of this page never reaches Dash.

Dash takes a call apart before it runs anything and trusts its form; a malformed one ends in a traceback and a 500.
"""

from __future__ import annotations

import logging
from typing import Any

import flask
from dash import Dash

logger = logging.getLogger(__name__)

LONGEST_TEXT = 100_000
"""Characters; the longest value is an address."""


def guard_callbacks(app: Dash, prefix: str) -> None:
    """Answer malformed calls with a 400 and its reason, before Dash reads them."""

    @app.server.before_request
    def refuse_malformed_calls() -> flask.typing.ResponseReturnValue | None:
        if flask.request.method != "POST" or flask.request.path != f"{prefix}_dash-update-component":
            return None
        try:
            check_call(flask.request.get_json(), app.callback_map)
        except ValueError as error:
            logger.warning("A malformed call was refused: %s.", error)
            return {"error": f"This is no call of this page: {error}.", "kind": "MalformedCall"}, 400
        return None


def check_call(body: Any, callbacks: dict[str, Any]) -> None:
    """Hold a call to the callback it names.

    Args:
        body: the parsed request.
        callbacks: Dash's table of callbacks by output.

    Raises:
        ValueError: it names none that the server answers, other inputs or outputs than the callback has, or a value
            that is neither text nor null, which is all that the page's callbacks take.
    """
    if not isinstance(body, dict):
        raise ValueError("it must be a JSON object")
    output = body.get("output")
    callback = callbacks.get(output) if isinstance(output, str) else None
    if callback is None or "callback" not in callback:
        raise ValueError("it names no callback")
    _check_values(body, "inputs", callback["inputs"])
    _check_values(body, "state", callback["state"])
    outputs = [(output.component_id, output.component_property) for output in callback["output"]]
    if _names(body, "outputs") != outputs:
        raise ValueError("its outputs are not those of the callback")
    properties = {f"{entry['id']}.{entry['property']}" for entry in callback["inputs"]}
    changed = body.get("changedPropIds", [])
    if not isinstance(changed, list) or not all(isinstance(name, str) and name in properties for name in changed):
        raise ValueError("changedPropIds must name inputs")


def _check_values(body: dict[str, Any], field: str, expected: list[dict[str, Any]]) -> None:
    if _names(body, field) != [(entry["id"], entry["property"]) for entry in expected]:
        raise ValueError(f"its {field} are not those of the callback")
    for entry in body[field]:
        value = entry.get("value")
        if value is not None and not (isinstance(value, str) and len(value) <= LONGEST_TEXT):
            raise ValueError(f"a value of its {field} is no text")


def _names(body: dict[str, Any], field: str) -> list[tuple[Any, Any]]:
    entries = body.get(field)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{field} must be a list of objects")
    return [(entry.get("id"), entry.get("property")) for entry in entries]
