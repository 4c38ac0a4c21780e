"""Saved views: named addresses of the page with a sentence each, one JSON file per study.

A study may bring views of its own in ``tour.json``, in the same form; that file is only read. What an address says is
the page's business: here it is a short text.
"""

from __future__ import annotations

import json
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine import files
from engine.document import strict_json
from engine.errors import KeepsakeError, ViewNotFoundError
from engine.keepsakes import place_of, prepare_place
from engine.store import Study

VIEWS_FILE = "views.json"
TOUR_FILE = "tour.json"
FORMAT = "inpca-explorer views"
VERSION = 1

MAXIMUM_VIEWS = 200
LONGEST = {"view_id": 40, "title": 80, "sentence": 400, "query": 8000}
"""Characters of each field."""
NO_TEXT = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories: control characters, halves of surrogate pairs, separators of lines and paragraphs."""
FILE_LIMIT = 8_000_000
"""Bytes; 200 views of the greatest length, with every character escaped, take less."""


@dataclass(frozen=True, slots=True)
class View:
    """One named view of a study.

    Attributes:
        view_id: unique within its file.
        title: what lists and captions call it.
        sentence: what it shows, in a sentence; may be empty.
        query: the page's address behind the question mark.

    Raises:
        ValueError: a field is no text, is too long, or is empty where it must not be.
    """

    view_id: str
    title: str
    sentence: str
    query: str

    def __post_init__(self) -> None:
        for name, longest in LONGEST.items():
            text = getattr(self, name)
            if not isinstance(text, str) or len(text) > longest:
                raise ValueError(f"{name} must be a text of at most {longest} characters")
            if not text.strip() and name != "sentence":
                raise ValueError(f"{name} must not be empty")
            if any(unicodedata.category(character) in NO_TEXT for character in text):
                raise ValueError(f"{name} must be one line without control characters")


class ViewStore:
    """The saved views of every study.

    A change reads the file, changes it and replaces it at once and durably, while holding its folder among threads and
    processes. A file that cannot be read is never written over.

    Args:
        folder: the folder of all keepsakes, see ``keepsakes``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def saved(self, study: Study) -> tuple[View, ...]:
        """The views people saved, in their order.

        Raises:
            KeepsakeError: the file is there but cannot be read.
        """
        return _read(place_of(self._folder, study) / VIEWS_FILE)

    def tour(self, study: Study) -> tuple[View, ...]:
        """The views that the study brings with it.

        Raises:
            KeepsakeError: the file is there but cannot be read.
        """
        return _read(study.path / TOUR_FILE)

    def add(self, study: Study, title: str, sentence: str, query: str, position: int | None = None) -> tuple[View, ...]:
        """Save a view, at the end or at a position; all views after that.

        Raises:
            KeepsakeError: there are too many, a field breaks its rule, or the file cannot be read or written.
        """
        view = _checked(secrets.token_hex(6), title, sentence, query)

        def insert(views: list[View]) -> None:
            if len(views) >= MAXIMUM_VIEWS:
                raise KeepsakeError(f"A study keeps at most {MAXIMUM_VIEWS} views: delete one first.")
            views.insert(len(views) if position is None else max(0, position), view)

        return self._change(study, insert)

    def change(self, study: Study, view_id: str, title: str, sentence: str, query: str) -> tuple[View, ...]:
        """Give a view another title, sentence and query; all views after that.

        Raises:
            ViewNotFoundError: it was deleted meanwhile.
            KeepsakeError: as :meth:`add`.
        """
        view = _checked(view_id, title, sentence, query)
        return self._change(study, lambda views: views.__setitem__(_position(views, view_id), view))

    def move(self, study: Study, view_id: str, steps: int) -> tuple[View, ...]:
        """Move a view down by some places (up where negative), as far as there are any; all views after that.

        Raises:
            ViewNotFoundError, KeepsakeError: as :meth:`change`.
        """

        def shift(views: list[View]) -> None:
            position = _position(views, view_id)
            views.insert(max(0, position + steps), views.pop(position))

        return self._change(study, shift)

    def remove(self, study: Study, view_id: str) -> tuple[View, ...]:
        """Delete a view; all views after that.

        Raises:
            ViewNotFoundError, KeepsakeError: as :meth:`change`.
        """
        return self._change(study, lambda views: views.__delitem__(_position(views, view_id)))

    def _change(self, study: Study, change: Callable[[list[View]], None]) -> tuple[View, ...]:
        place = place_of(self._folder, study)
        prepare_place(place)
        try:
            with files.folder_lock(place):
                views = list(_read(place / VIEWS_FILE))
                change(views)
                files.replace(place / VIEWS_FILE, views_bytes(views), durable=True)
        except OSError as error:
            raise KeepsakeError(f"The views cannot be saved in {place} ({error.strerror}).") from error
        return tuple(views)


def views_bytes(views: list[View]) -> bytes:
    """Views as they lie in a file."""
    entries = [{"id": view.view_id, **{k: v for k, v in asdict(view).items() if k != "view_id"}} for view in views]
    fields = {"format": FORMAT, "version": VERSION, "views": entries}
    return json.dumps(fields, indent=1, ensure_ascii=False).encode() + b"\n"


def parse_views(raw: bytes, name: str) -> tuple[View, ...]:
    """Views from a file's bytes.

    Raises:
        ValueError: it is no file of views, of a newer version, or one of its views breaks a rule.
    """
    fields = strict_json(raw, name)
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise ValueError(f"{name} is not a document of format {FORMAT!r}")
    if fields.get("version") != VERSION:
        raise ValueError(f"{name} has version {fields.get('version')!r}; this program reads {VERSION}")
    entries = fields.get("views")
    if not isinstance(entries, list) or len(entries) > MAXIMUM_VIEWS:
        raise ValueError(f"{name} must hold a list of at most {MAXIMUM_VIEWS} views")
    views = tuple(_parse(entry, f"view {position} of {name}") for position, entry in enumerate(entries, start=1))
    if len({view.view_id for view in views}) < len(views):
        raise ValueError(f"two views of {name} have the same id")
    return views


def _parse(entry: Any, name: str) -> View:
    if not isinstance(entry, dict) or entry.keys() != {"id", "title", "sentence", "query"}:
        raise ValueError(f"{name} must have an id, a title, a sentence and a query, and nothing else")
    try:
        return View(entry["id"], entry["title"], entry["sentence"], entry["query"])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _read(path: Path) -> tuple[View, ...]:
    if not path.is_symlink() and not path.exists():
        return ()
    try:
        return parse_views(files.read_bytes(path, FILE_LIMIT), path.name)
    except (OSError, ValueError) as error:
        raise KeepsakeError(f"{path} cannot be read: {error}. Mend it or move it away; it is left as it is.") from error


def _checked(view_id: str, title: str, sentence: str, query: str) -> View:
    try:
        return View(view_id, title.strip(), sentence.strip(), query)
    except ValueError as error:
        raise KeepsakeError(f"This view cannot be saved: {error}.") from None


def _position(views: list[View], view_id: str) -> int:
    for position, view in enumerate(views):
        if view.view_id == view_id:
            return position
    raise ViewNotFoundError("This view is not there any more: somebody deleted it meanwhile.")
