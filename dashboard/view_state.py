"""View of the page, an immutable value parsed from the address.

``ViewState.from_query`` is the only parser of a link: unknown keys are ignored, broken values become defaults. The only
writer is the browser (assets/page/address.mjs), since most changes of the view never reach the server.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, quote, unquote

import numpy as np

from dashboard.saved.selections import SELECTION_NAME
from dashboard.text import CLOCKS
from engine.distances.table import DIVERGENCES
from engine.errors import InvalidSpecError, SelectionError
from engine.store.documents import strict_json

VERSION = "1"
"""Increased when links of an older form would be misread; such links open with defaults."""
MAXIMUM_QUERY_LENGTH = 16_000
MAXIMUM_FIELDS = 50
MAXIMUM_SEARCH_LENGTH = 400
MAXIMUM_COMPONENT = 100
CAMERA_NUMBERS = 9
PAIRED_COMPONENTS = range(2, 8)
"""Seven components make 21 panels, the most that are legible on a laptop screen."""
REFERENCE_MODES = ("project", "fit", "hide")
MAXIMUM_PINS = 12
READERS_OWN = ("th",)
"""Keys that a link may carry but a saved view does not: preferences of the reader, such as the theme."""
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}")
_COMPARISON = re.compile(rf"split:(train|test)|div:({'|'.join(DIVERGENCES)})|" r"sel:[0-9a-f]+\.[A-Za-z0-9+/]+={0,2}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ViewState:
    """Content (study, split, filters, references) and presentation (axes, colour, camera, theme) of the page.

    Attributes:
        study: study id; empty means the first one.
        split: ``"train"`` or ``"test"``.
        divergence: key of the embedded divergence.
        levels: name and chosen levels of each filtered category.
        ranges: name, lowest and highest passing value of each filtered number.
        search: words that must occur in a run's name or hyperparameters.
        picked: run ids the selection is narrowed to; empty means all.
        picked_mask: the same for many runs: the beginning of the study's fingerprint, a dot, and a bit per run.
        picked_name: the same for many runs: the name of a selection kept by the server.
        references: how P0, P* and the geodesic are drawn: ``"project"``, ``"fit"`` (into the embedding) or ``"hide"``.
        mode: what the stage shows: the embedding in ``"3d"``, as ``"pairs"`` of components, ``"compare"`` with another
            embedding, or other ``"figures"`` of the selection.
        figure: key of the open figure; empty means the first one.
        figure_options: options of the open figure by key; missing or invalid ones have defaults.
        paired: number of leading components shown as pairs.
        comparison: the other embedding: ``"split:<name>"``, ``"div:<divergence>"``, or ``"sel:"`` and a selection
            written as in `picked_mask`.
        axes: components on the three axes, counted from one.
        color_by: ``"run:<column>"`` or ``"model:<column>"``; empty means the first differing hyperparameter.
        dark: dark theme, light theme, or None for what the browser prefers.
        tab: panels in the right rail: ``"components"``, ``"distances"`` or ``"extensions"``.
        pinned: pinned run ids, at most twelve.
        context: drawing of embedded runs that the filters exclude: ``"faint"`` or ``"hidden"``.
        flips: components oriented from P* to P0 instead of from P0 to P*, counted from one.
        camera: eye, centre and up vector, nine numbers, or empty for the default view.
        unread: descriptions of the link's unreadable parts, which have defaults; not part of the view.
        scale: ``"equal"`` units on all axes, or ``"stretched"`` to axes of equal length.
        clock: clock of trajectories: ``"progress"``, ``"epoch"`` or ``"step"``.
        moment: clock value at which trajectories are cut; None for whole ones.
    """

    study: str = ""
    split: str = "train"
    divergence: str = "bhattacharyya"
    levels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    ranges: tuple[tuple[str, float, float], ...] = ()
    search: str = ""
    picked: tuple[str, ...] = ()
    picked_mask: str = ""
    picked_name: str = ""
    references: str = "project"
    mode: str = "3d"
    paired: int = 4
    figure: str = ""
    figure_options: tuple[tuple[str, str | float | tuple[str, ...]], ...] = ()
    comparison: str = ""
    axes: tuple[int, int, int] = (1, 2, 3)
    color_by: str = ""
    flips: tuple[int, ...] = ()
    dark: bool | None = None
    tab: str = "components"
    pinned: tuple[str, ...] = ()
    context: str = "faint"
    camera: tuple[float, ...] = ()
    unread: tuple[str, ...] = field(default=(), compare=False)
    scale: str = "equal"
    clock: str = "progress"
    moment: float | None = None

    @classmethod
    def from_query(cls, query: str) -> ViewState:
        """View of a query string; unreadable parts have defaults and are listed in ``unread``."""
        try:
            written = _written_fields(query)
        except ValueError as error:
            return cls(unread=(f"all of it, since {error}",))
        fields: dict[str, Any] = {}
        unread = []
        for key, text in written.items():
            name, parse = _FIELDS[key]
            try:
                fields[name] = parse(text)
            except ValueError:
                unread.append(f"{key}={text[:24]}, which cannot be read")
        return cls(**fields, unread=tuple(unread))


def saved_query(query: str) -> str:
    """Query string of a saved view: every known field of an address but the theme, a preference of the reader.

    Raises:
        ValueError: the address is too long, of another version, or has an unreadable field.
    """
    kept = {key: text for key, text in _written_fields(query).items() if key not in READERS_OWN}
    for key, text in kept.items():
        try:
            _FIELDS[key][1](text)
        except ValueError:
            raise ValueError(f"the field {key!r} of the address cannot be read") from None
    return "?" + "&".join(f"{key}={quote(text, safe='')}" for key, text in {"v": VERSION, **kept}.items())


def _written_fields(query: str) -> dict[str, str]:
    """Known fields of a query string as they are written; ValueError if it is none of this page's."""
    if len(query) > MAXIMUM_QUERY_LENGTH:
        raise ValueError(f"the address has more than {MAXIMUM_QUERY_LENGTH} characters")
    try:
        pairs = {key: values[-1] for key, values in parse_qs(query.lstrip("?"), max_num_fields=MAXIMUM_FIELDS).items()}
    except ValueError:
        raise ValueError(f"the address has more than {MAXIMUM_FIELDS} parts") from None
    if pairs.get("v", VERSION) != VERSION:
        raise ValueError(f"the address has version {pairs['v'][:8]!r}; this program reads {VERSION}")
    return {key: pairs[key] for key in _FIELDS if key in pairs}


def _checked(parse: Callable[[str], T], accepts: Callable[[T], object]) -> Callable[[str], T]:
    """Parser of a field that raises ValueError for values not accepted."""

    def parsed(text: str) -> T:
        value = parse(text)
        if not accepts(value):
            raise ValueError(text)
        return value

    return parsed


def _one_of(names: Iterable[str]) -> Callable[[str], str]:
    return _checked(str, frozenset(names).__contains__)


def _levels(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    entries = (entry.partition(":") for entry in text.split(";"))
    return tuple((unquote(name), chosen) for name, _, levels in entries if name and (chosen := _names(levels)))


def _ranges(text: str) -> tuple[tuple[str, float, float], ...]:
    entries = []
    for entry in filter(None, text.split(";")):
        name, _, limits = entry.partition(":")
        low, _, high = limits.partition("..")
        numbers = float(low), float(high)
        if not name or not all(map(math.isfinite, numbers)):
            raise ValueError(entry)
        entries.append((unquote(name), min(numbers), max(numbers)))
    return tuple(entries)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(unquote(name) for name in text.split(",") if name))


def _are_components(numbers: Collection[int]) -> bool:
    return all(1 <= number <= MAXIMUM_COMPONENT for number in numbers)


def _figure_options(text: str) -> tuple[tuple[str, str | float | tuple[str, ...]], ...]:
    def plain(value: object) -> str | float | tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            return tuple(value)
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return value
        raise ValueError(text)

    options = strict_json(text.encode(), "fo")
    if not isinstance(options, dict) or not all(map(_NAME.fullmatch, options)):
        raise ValueError(text)
    return tuple((key, plain(value)) for key, value in options.items())


_FIELDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "d": ("study", str),
    "split": ("split", _one_of(("train", "test"))),
    "div": ("divergence", _one_of(DIVERGENCES)),
    "f": ("levels", _levels),
    "r": ("ranges", _ranges),
    "q": ("search", _checked(str, lambda text: len(text) <= MAXIMUM_SEARCH_LENGTH and text.isprintable())),
    "runs": ("picked", _names),
    "mask": ("picked_mask", str),
    "s": ("picked_name", _checked(str, SELECTION_NAME.fullmatch)),
    "ref": ("references", _one_of(REFERENCE_MODES)),
    "m": ("mode", _one_of(("3d", "pairs", "compare", "figures"))),
    "pc": ("paired", _checked(int, PAIRED_COMPONENTS.__contains__)),
    "cmp": ("comparison", _checked(str, _COMPARISON.fullmatch)),
    "fig": ("figure", _checked(str, _NAME.fullmatch)),
    "fo": ("figure_options", _figure_options),
    "ax": (
        "axes",
        _checked(
            lambda text: tuple(map(int, text.split(","))),
            lambda axes: len(axes) == len(set(axes)) == 3 and _are_components(axes),
        ),
    ),
    "c": ("color_by", _checked(str, lambda text: text.partition(":")[0] in ("run", "model"))),
    "fl": ("flips", _checked(lambda text: tuple(sorted(set(map(int, text.split(","))))), _are_components)),
    "th": ("dark", _checked({"dark": True, "light": False}.get, lambda dark: dark is not None)),
    "tab": ("tab", _one_of(("components", "distances", "extensions"))),
    "pin": ("pinned", lambda text: _names(text)[:MAXIMUM_PINS]),
    "ctx": ("context", _one_of(("faint", "hidden"))),
    "cam": (
        "camera",
        _checked(
            lambda text: tuple(map(float, text.split(","))),
            # Of NaN, no comparison is true.
            lambda numbers: len(numbers) == CAMERA_NUMBERS and all(abs(number) < 1e3 for number in numbers),
        ),
    ),
    "scale": ("scale", _one_of(("equal", "stretched"))),
    "clk": ("clock", _one_of(CLOCKS)),
    "t": ("moment", _checked(float, lambda moment: 0 <= moment < math.inf)),
}
"""Key in the address bar -> field name and parser of its value; the types differ."""


def selected_runs(mask: str, run_ids: Sequence[str]) -> tuple[str, ...]:
    """Run ids whose bit is set; bit i of the mask (little-endian in each byte) is run i of the study.

    Args:
        mask: base64 text, written by assets/values/selection.mjs.
        run_ids: all run ids of the study, in order.

    Raises:
        InvalidSpecError: the text is not base64.
        SelectionError: the mask does not hold one bit per run.
    """
    try:
        bits = np.unpackbits(np.frombuffer(base64.b64decode(mask, validate=True), dtype=np.uint8), bitorder="little")
    except (binascii.Error, ValueError) as error:
        raise InvalidSpecError("mask must be base64 text.") from error
    if len(bits) != 8 * math.ceil(len(run_ids) / 8) or bits[len(run_ids) :].any():
        raise SelectionError(f"mask must hold one bit for each of the {len(run_ids)} runs, received {len(bits)} bits.")
    return tuple(run_id for run_id, bit in zip(run_ids, bits, strict=False) if bit)
