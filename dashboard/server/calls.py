"""Validation of Dash callback requests.

Dash unpacks a request without checks; a malformed one would end in a traceback and a 500. What Dash's own browser half
sends for a callback passes: outputs single, several or none, any JSON for a value, and ids with wildcards. There an id
is an object, ``ALL`` and ``ALLSMALLER`` stand for a list of entries, and ``MATCH`` for one value in the whole call.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import flask
from dash import Dash

logger = logging.getLogger(__name__)

LONGEST_TEXT = 100_000
"""Characters per value of a text-only callback; the longest legitimate value is an address."""
DEEPEST = 64
"""Lists and objects within each other in a value."""
MATCH, ALL, ALLSMALLER = ["MATCH"], ["ALL"], ["ALLSMALLER"]
"""Wildcards as Dash writes them in the JSON of a pattern."""
SEVERAL = (ALL, ALLSMALLER)
NO_BACKGROUND = (
    "it is a background callback, which this server does not run; long work belongs to the explorer, which queues, "
    "reports and cancels it"
)
_ONLY_TEXT = "takes_only_text"

Function = TypeVar("Function", bound=Callable[..., Any])


def text_only(function: Function) -> Function:
    """Mark the function of a callback, under ``@app.callback``: other values than short texts and null are refused."""
    # Dash wraps the function by functools.wraps, which carries the mark along.
    setattr(function, _ONLY_TEXT, True)
    return function


def guard_callbacks(app: Dash, prefix: str) -> None:
    """Answer malformed callback requests with a 400 and the reason, before Dash reads them."""
    server: flask.Flask = app.server

    @server.before_request
    def refuse_malformed_calls() -> flask.typing.ResponseReturnValue | None:
        if flask.request.method != "POST" or flask.request.path != f"{prefix}_dash-update-component":
            return None
        try:
            check_call(flask.request.get_json(), app.callback_map)
        except ValueError as error:
            logger.warning("A malformed call was refused: %s.", error)
            return {"error": f"This is no call of this page: {error}.", "kind": "MalformedCall"}, 400
        return None


def check_call(body: object, callbacks: dict[str, Any]) -> None:
    """Check a request against the callback it names.

    Args:
        body: the parsed request.
        callbacks: Dash's table of callbacks by output.

    Raises:
        ValueError: unknown or background callback, inputs, state or outputs that are not the callback's, or a value
            that the callback does not take.
    """
    if not isinstance(body, dict):
        raise ValueError("it must be a JSON object")
    output = body.get("output")
    callback = callbacks.get(output) if isinstance(output, str) else None
    if callback is None or "callback" not in callback:
        raise ValueError("it names no callback")
    if callback["background"]:
        raise ValueError(NO_BACKGROUND)
    matched = _Matched()
    matched.entries(
        "outputs", _given_outputs(body, callback), [_Place.of(each) for each in _listed(callback["output"])]
    )
    inputs = matched.entries("inputs", body.get("inputs"), [_Place(**each) for each in callback["inputs"]])
    # The browser leaves the field out where there is none.
    state = matched.entries("state", body.get("state", []), [_Place(**each) for each in callback["state"]])
    matched.check_smaller()
    accepts = _is_short_text if getattr(callback["callback"], _ONLY_TEXT, False) else _is_bounded
    if not all(accepts(entry.get("value")) for entry in (*inputs, *state)):
        raise ValueError("a value is none that the callback takes")
    _check_changed(body.get("changedPropIds", []), inputs)


def _given_outputs(body: dict[str, Any], callback: dict[str, Any]) -> object:
    """Outputs of a call as a list: a single one is sent alone, and none at all by a callback without outputs."""
    given = body.get("outputs")
    if isinstance(callback["output"], list | tuple):
        return given if callback["output"] or given is not None else []
    return None if given is None else [given]


def _listed(output: Any) -> list[Any]:
    return list(output) if isinstance(output, list | tuple) else [output]


def _check_changed(changed: object, inputs: list[dict[str, Any]]) -> None:
    known = {(_canonical(entry["id"]), entry["property"]) for entry in inputs}
    if not isinstance(changed, list) or not all(isinstance(name, str) and _parsed(name) in known for name in changed):
        raise ValueError("changedPropIds must name inputs")


def _parsed(name: str) -> tuple[str, str] | None:
    """Id and property of ``id.property``, where the id of a pattern is JSON; None if it is malformed."""
    written, _, property_name = name.rpartition(".")
    try:
        return _canonical(json.loads(written) if written.startswith("{") else written), property_name
    except (ValueError, RecursionError):
        return None


def _canonical(component_id: object) -> str:
    return json.dumps(component_id, sort_keys=True)


@dataclass(frozen=True, slots=True)
class _Place:
    """Property of a component, or of all those whose ids match a pattern, that a callback reads or sets.

    Attributes:
        id: the id; a pattern is JSON, in which ``["MATCH"]`` is a wildcard.
        property: name of the property.
        allow_optional: whether the component may be missing.
        duplicate: whether the browser may add a digest behind ``@`` to the property's name, for a shared output.
    """

    id: str
    property: str
    allow_optional: bool = False
    duplicate: bool = False

    @classmethod
    def of(cls, output: Any) -> _Place:
        return cls(output.component_id_str(), output.component_property, duplicate=output.allow_duplicate)

    def pattern(self) -> dict[str, Any] | None:
        """Values by key, a wildcard as a list of its name; None for a plain id, which cannot begin with a brace."""
        return json.loads(self.id) if self.id.startswith("{") else None

    def has_property(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        return name == self.property or (self.duplicate and name.partition("@")[0] == self.property)


@dataclass(slots=True)
class _Matched:
    """Values for the wildcards of one call.

    Attributes:
        values: value of each ``MATCH`` by its key.
        smaller: keys and values for ``ALLSMALLER``, which precede those of ``MATCH``.
    """

    values: dict[str, Any] = field(default_factory=dict)
    smaller: list[tuple[str, Any]] = field(default_factory=list)

    def entries(self, name: str, given: object, places: list[_Place]) -> list[dict[str, Any]]:
        """Entries of a field of a call, lists of wildcards flattened; ValueError if they are not those of places."""
        wrong = ValueError(f"its {name} are not those of the callback")
        if not isinstance(given, list) or len(given) != len(places):
            raise wrong
        found = []
        for entry, place in zip(given, places, strict=True):
            pattern = place.pattern()
            is_several = pattern is not None and any(value in SEVERAL for value in pattern.values())
            several = entry if is_several else [entry]
            if not isinstance(several, list):
                raise wrong
            for each in several:
                if not isinstance(each, dict) or not self._fits(each, place, pattern):
                    raise wrong
                found.append(each)
        return found

    def check_smaller(self) -> None:
        """ValueError if a number for ``ALLSMALLER`` is not below the one for ``MATCH``."""
        for key, value in self.smaller:
            limit = self.values.get(key)
            if _is_number(value) and _is_number(limit) and not value < limit:
                raise ValueError("an id for ALLSMALLER is not smaller")

    def _fits(self, entry: dict[str, Any], place: _Place, pattern: dict[str, Any] | None) -> bool:
        component_id = entry.get("id")
        if not place.has_property(entry.get("property")):
            return False
        if pattern is None:
            return isinstance(component_id, str) and component_id == place.id
        if not isinstance(component_id, dict) or component_id.keys() != pattern.keys():
            return False
        # In the place of a missing component the browser sends the pattern itself, and no value.
        is_missing = place.allow_optional and entry.get("value") is None
        return all(self._fits_key(key, component_id[key], wanted, is_missing) for key, wanted in pattern.items())

    def _fits_key(self, key: str, value: object, wanted: object, is_missing: bool) -> bool:
        if isinstance(value, dict):
            return is_missing and isinstance(wanted, list) and [value.get("wild")] == wanted
        if not isinstance(value, str | int | float) or not _is_bounded(value):
            return False
        if wanted == MATCH:
            return _is_same(value, self.values.setdefault(key, value))
        if wanted == ALLSMALLER:
            self.smaller.append((key, value))
        return isinstance(wanted, list) or _is_same(value, wanted)


def _is_same(value: object, other: object) -> bool:
    """Equality of scalars of JSON, where true is not 1."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_short_text(value: object) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= LONGEST_TEXT)


def _is_bounded(value: object) -> bool:
    """Whether a value of JSON could come from a browser: finite numbers, and no endless nesting."""
    within: Iterable[object] = [value]
    for _ in range(DEEPEST + 1):
        within = list(within)
        if any(_is_number(each) and not _is_double(each) for each in within):
            return False
        nested = [each for each in within if isinstance(each, list | dict)]
        if not nested:
            return True
        within = (part for each in nested for part in (each.values() if isinstance(each, dict) else each))
    return False


def _is_double(number: Any) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False
