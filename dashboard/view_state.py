"""The whole view as one immutable value, and its canonical form in the address bar.

``ViewState.from_query`` is the only parser of a link: unknown keys are ignored, broken values fall back to their
defaults. The only writer is the browser (assets/60-address.js), since most changes of the view never reach the server.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, quote, unquote

from engine.divergence_table import DIVERGENCES
from engine.kept_selections import SELECTION_NAME

VERSION = "1"
"""Raised when a link of an older form would be misread; such a link opens with the defaults."""
MAXIMUM_QUERY_LENGTH = 16_000
MAXIMUM_SEARCH_LENGTH = 400
MAXIMUM_COMPONENT = 100
CAMERA_NUMBERS = 9
MODES = ("3d", "pairs", "compare", "figures")
PAIRED_COMPONENTS = range(2, 8)
"""Seven components make 21 panels: the most that can be read on a laptop's screen."""
REFERENCE_MODES = ("project", "fit", "hide")
SCALES = ("equal", "stretched")
CLOCKS = ("progress", "epoch", "step")
PANEL_TABS = ("components", "distances")
CONTEXT_MODES = ("faint", "hidden")
MAXIMUM_PINS = 12
READERS_OWN = ("th",)
"""Keys that a link may carry but a saved view does not: how somebody likes to read, not what is shown."""


@dataclass(frozen=True, slots=True)
class ViewState:
    """What is looked at (study, split, filters, references) and how (axes, colour, camera, theme).

    Attributes:
        study: study id; empty means the first one.
        split: ``"train"`` or ``"test"``.
        divergence: key of the divergence that is embedded.
        levels: per filtered category, its name and the chosen levels.
        ranges: per filtered number, its name, lowest and highest value that pass.
        search: words that a run's name or hyperparameters must hold.
        picked: run ids the selection is narrowed to; empty means no narrowing.
        picked_mask: the same for many runs: the beginning of the study's fingerprint, a dot, and a bit per run.
        picked_name: the same for many runs: the name under which the server keeps the selection.
        references: how P0, P* and the geodesic are drawn: ``"project"``, ``"fit"`` (into the embedding) or ``"hide"``.
        mode: what the stage shows: the embedding in ``"3d"``, as ``"pairs"`` of components, ``"compare"`` with another
            embedding, or other ``"figures"`` of the selection.
        figure: key of the figure that is open; empty means the first one.
        figure_options: its options by key; those that are missing, or do not fit, have their defaults.
        paired: the pairs are those of the first so many components.
        comparison: the other embedding: ``"split:<name>"``, ``"div:<divergence>"``, or ``"sel:"`` and a selection
            written as in `picked_mask`.
        axes: the three components drawn, counted from one.
        color_by: ``"run:<column>"`` or ``"model:<column>"``; empty means the first differing hyperparameter.
        dark: dark theme, light theme, or None for what the browser prefers.
        tab: which panels the right rail shows: ``"components"`` or ``"distances"``.
        pinned: run ids that are pinned, at most a dozen.
        context: how embedded runs that are filtered away are drawn: ``"faint"`` or ``"hidden"``.
        flips: components that point the other way than from P0 to P*, counted from one.
        camera: eye, centre and up vector, nine numbers, or empty for the default view.
        unread: what of the link could not be read and has its default, in words; no part of the view itself.
        scale: ``"equal"`` on all axes, or ``"stretched"`` so that all are equally long.
        clock: what time is measured in: ``"progress"``, ``"epoch"`` or ``"step"``.
        moment: where on the clock trajectories are cut; None for whole ones.
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
        """Parse a query string; whatever cannot be read becomes its default and is named in ``unread``."""
        if len(query) > MAXIMUM_QUERY_LENGTH:
            return cls(unread=("all of it, since it is too long to be one of this page's",))
        try:
            pairs = {key: values[-1] for key, values in parse_qs(query.lstrip("?"), max_num_fields=50).items()}
        except ValueError:
            return cls(unread=("all of it, since it has too many parts to be one of this page's",))
        if pairs.get("v", VERSION) != VERSION:
            return cls(unread=(f"all of it, since it was written for version {pairs['v'][:8]!r} of the page",))
        view, unread = cls(), []
        for key, (name, parse) in _FIELDS.items():
            if key in pairs:
                try:
                    view = replace(view, **{name: parse(pairs[key])})
                except (ValueError, KeyError):
                    unread.append(f"{key}={pairs[key][:24]}, which cannot be read")
        return replace(view, unread=tuple(unread))


def saved_query(query: str) -> str:
    """What a saved view keeps of an address: every known field but the theme, which is the reader's own.

    Raises:
        ValueError: the address is too long or of another version, or one of its fields cannot be read.
    """
    if len(query) > MAXIMUM_QUERY_LENGTH:
        raise ValueError(f"the address has more than {MAXIMUM_QUERY_LENGTH} characters")
    pairs = {key: values[-1] for key, values in parse_qs(query.lstrip("?"), max_num_fields=50).items()}
    if pairs.get("v", VERSION) != VERSION:
        raise ValueError(f"the address has version {pairs['v']!r}; this program reads {VERSION}")
    kept = {key: pairs[key] for key in _FIELDS if key in pairs and key not in READERS_OWN}
    for key, text in kept.items():
        try:
            _FIELDS[key][1](text)
        except (ValueError, KeyError):
            raise ValueError(f"the field {key!r} of the address cannot be read") from None
    return "?" + "&".join(f"{key}={quote(text, safe='')}" for key, text in {"v": VERSION, **kept}.items())


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


def _parse_search(text: str) -> str:
    if len(text) > MAXIMUM_SEARCH_LENGTH or not text.isprintable():
        raise ValueError(text)
    return text


def _parse_picked(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(unquote(run_id) for run_id in text.split(",") if run_id))


def _parse_picked_name(text: str) -> str:
    if not SELECTION_NAME.fullmatch(text):
        raise ValueError(text)
    return text


def _parse_paired(text: str) -> int:
    if int(text) not in PAIRED_COMPONENTS:
        raise ValueError(text)
    return int(text)


def _parse_comparison(text: str) -> str:
    if not _COMPARISON.fullmatch(text):
        raise ValueError(text)
    return text


def _parse_pinned(text: str) -> tuple[str, ...]:
    return _parse_picked(text)[:MAXIMUM_PINS]


def _parse_axes(text: str) -> tuple[int, int, int]:
    axes = [int(part) for part in text.split(",")]
    if len(axes) != 3 or len(set(axes)) != 3 or not all(1 <= axis <= MAXIMUM_COMPONENT for axis in axes):
        raise ValueError(text)
    return axes[0], axes[1], axes[2]


def _parse_flips(text: str) -> tuple[int, ...]:
    flips = sorted({int(part) for part in text.split(",")})
    if not all(1 <= component <= MAXIMUM_COMPONENT for component in flips):
        raise ValueError(text)
    return tuple(flips)


def _parse_color(text: str) -> str:
    if text.partition(":")[0] not in ("run", "model"):
        raise ValueError(text)
    return text


def _parse_camera(text: str) -> tuple[float, ...]:
    numbers = tuple(float(part) for part in text.split(","))
    if len(numbers) != CAMERA_NUMBERS or not all(math.isfinite(number) and abs(number) < 1e3 for number in numbers):
        raise ValueError(text)
    return numbers


def _parse_moment(text: str) -> float:
    moment = float(text)
    if not 0 <= moment < math.inf:
        raise ValueError(text)
    return moment


def _parse_figure(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(text)
    return text


def _parse_figure_options(text: str) -> tuple[tuple[str, str | float | tuple[str, ...]], ...]:
    def plain(value: object) -> str | float | tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
            return tuple(value)
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return value
        raise ValueError(text)

    options = json.loads(text)
    if not isinstance(options, dict) or not all(_NAME.fullmatch(key) for key in options):
        raise ValueError(text)
    return tuple((key, plain(value)) for key, value in options.items())


_NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}")
_COMPARISON = re.compile(rf"split:(train|test)|div:({'|'.join(DIVERGENCES)})|" r"sel:[0-9a-f]+\.[A-Za-z0-9+/]+={0,2}")

_FIELDS: dict[str, tuple[str, Callable[[str], object]]] = {
    "d": ("study", str),
    "split": ("split", _parse_split),
    "div": ("divergence", {key: key for key in DIVERGENCES}.__getitem__),
    "f": ("levels", _parse_levels),
    "r": ("ranges", _parse_ranges),
    "q": ("search", _parse_search),
    "runs": ("picked", _parse_picked),
    "mask": ("picked_mask", str),
    "s": ("picked_name", _parse_picked_name),
    "ref": ("references", {name: name for name in REFERENCE_MODES}.__getitem__),
    "m": ("mode", {name: name for name in MODES}.__getitem__),
    "pc": ("paired", _parse_paired),
    "cmp": ("comparison", _parse_comparison),
    "fig": ("figure", _parse_figure),
    "fo": ("figure_options", _parse_figure_options),
    "ax": ("axes", _parse_axes),
    "c": ("color_by", _parse_color),
    "fl": ("flips", _parse_flips),
    "th": ("dark", {"dark": True, "light": False}.__getitem__),
    "tab": ("tab", {name: name for name in PANEL_TABS}.__getitem__),
    "pin": ("pinned", _parse_pinned),
    "ctx": ("context", {name: name for name in CONTEXT_MODES}.__getitem__),
    "cam": ("camera", _parse_camera),
    "scale": ("scale", {name: name for name in SCALES}.__getitem__),
    "clk": ("clock", {name: name for name in CLOCKS}.__getitem__),
    "t": ("moment", _parse_moment),
}
"""Key in the address bar -> field and its parser."""
