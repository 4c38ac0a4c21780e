"""The whole view as one immutable value, and its canonical form in the address bar.

``ViewState.from_query`` is the only parser of a link: unknown keys are ignored, broken values fall back to their
defaults. The only writer is the browser (assets/60-address.js), since most changes of the view never reach the server.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, unquote

VERSION = "1"
"""Raised when a link of an older form would be misread; such a link opens with the defaults."""
MAXIMUM_QUERY_LENGTH = 16_000
MAXIMUM_COMPONENT = 100
CAMERA_NUMBERS = 9
REFERENCE_MODES = ("project", "fit", "hide")
CONTEXT_MODES = ("faint", "hidden")
MAXIMUM_PINS = 12


@dataclass(frozen=True, slots=True)
class ViewState:
    """What is looked at (study, split, filters, references) and how (axes, colour, camera, theme).

    Attributes:
        study: study id; empty means the first one.
        split: ``"train"`` or ``"test"``.
        levels: per filtered category, its name and the chosen levels.
        ranges: per filtered number, its name, lowest and highest value that pass.
        picked: run ids the selection is narrowed to; empty means no narrowing.
        picked_mask: the same for many runs: the beginning of the study's fingerprint, a dot, and a bit per run.
        references: how P0, P* and the geodesic are drawn: ``"project"``, ``"fit"`` (into the embedding) or ``"hide"``.
        axes: the three components drawn, counted from one.
        color_by: ``"run:<column>"`` or ``"model:<column>"``; empty means the first differing hyperparameter.
        dark: dark theme, light theme, or None for what the browser prefers.
        pinned: run ids that are pinned, at most a dozen.
        context: how embedded runs that are filtered away are drawn: ``"faint"`` or ``"hidden"``.
        camera: eye, centre and up vector, nine numbers, or empty for the default view.
    """

    study: str = ""
    split: str = "train"
    levels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    ranges: tuple[tuple[str, float, float], ...] = ()
    picked: tuple[str, ...] = ()
    picked_mask: str = ""
    references: str = "project"
    axes: tuple[int, int, int] = (1, 2, 3)
    color_by: str = ""
    dark: bool | None = None
    pinned: tuple[str, ...] = ()
    context: str = "faint"
    camera: tuple[float, ...] = ()

    @classmethod
    def from_query(cls, query: str) -> ViewState:
        """Parse a query string; whatever cannot be read becomes its default."""
        if len(query) > MAXIMUM_QUERY_LENGTH:
            return cls()
        try:
            pairs = {key: values[-1] for key, values in parse_qs(query.lstrip("?"), max_num_fields=50).items()}
        except ValueError:
            return cls()
        if pairs.get("v", VERSION) != VERSION:
            return cls()
        view = cls()
        for key, (field, parse) in _FIELDS.items():
            if key in pairs:
                try:
                    view = replace(view, **{field: parse(pairs[key])})
                except (ValueError, KeyError):
                    continue
        return view


def _parse_split(text: str) -> str:
    if text not in ("train", "test"):
        raise ValueError(text)
    return text


def _parse_levels(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    entries = []
    for entry in filter(None, text.split(";")):
        name, _, levels = entry.partition(":")
        chosen = tuple(dict.fromkeys(unquote(level) for level in levels.split(",") if level))
        if name and chosen:
            entries.append((unquote(name), chosen))
    return tuple(entries)


def _parse_ranges(text: str) -> tuple[tuple[str, float, float], ...]:
    entries = []
    for entry in filter(None, text.split(";")):
        name, _, limits = entry.partition(":")
        low, _, high = limits.partition("..")
        numbers = float(low), float(high)
        if not name or not all(map(math.isfinite, numbers)):
            raise ValueError(entry)
        entries.append((unquote(name), *sorted(numbers)))
    return tuple((name, low, high) for name, low, high in entries)


def _parse_picked(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(unquote(run_id) for run_id in text.split(",") if run_id))


def _parse_pinned(text: str) -> tuple[str, ...]:
    return _parse_picked(text)[:MAXIMUM_PINS]


def _parse_axes(text: str) -> tuple[int, int, int]:
    axes = [int(part) for part in text.split(",")]
    if len(axes) != 3 or len(set(axes)) != 3 or not all(1 <= axis <= MAXIMUM_COMPONENT for axis in axes):
        raise ValueError(text)
    return axes[0], axes[1], axes[2]


def _parse_color(text: str) -> str:
    if text.partition(":")[0] not in ("run", "model"):
        raise ValueError(text)
    return text


def _parse_camera(text: str) -> tuple[float, ...]:
    numbers = tuple(float(part) for part in text.split(","))
    if len(numbers) != CAMERA_NUMBERS or not all(math.isfinite(number) and abs(number) < 1e3 for number in numbers):
        raise ValueError(text)
    return numbers


_FIELDS: dict[str, tuple[str, Callable[[str], object]]] = {
    "d": ("study", str),
    "split": ("split", _parse_split),
    "f": ("levels", _parse_levels),
    "r": ("ranges", _parse_ranges),
    "runs": ("picked", _parse_picked),
    "mask": ("picked_mask", str),
    "ref": ("references", {name: name for name in REFERENCE_MODES}.__getitem__),
    "ax": ("axes", _parse_axes),
    "c": ("color_by", _parse_color),
    "th": ("dark", {"dark": True, "light": False}.__getitem__),
    "pin": ("pinned", _parse_pinned),
    "ctx": ("context", {name: name for name in CONTEXT_MODES}.__getitem__),
    "cam": ("camera", _parse_camera),
}
"""Key in the address bar -> field and its parser."""
