"""Store of saved views: addresses with title and sentence, by study.

One JSON file per study. A study may bring its own views in ``tour.json``, in the same form; that file is only read. An
address is opaque text here; the page parses it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path

from dashboard.saved.folder import place_of, written
from engine.errors import SavedFileError, ViewNotFoundError
from engine.store import files
from engine.store.documents import NOT_DRAWABLE, drawable, reason_of, strict_json
from engine.store.study import Study

VIEWS_FILE = "views.json"
TOUR_FILE = "tour.json"
FORMAT = "inpca-explorer views"
VERSION = 1
KEYS = ("id", "title", "sentence", "query")
"""Fields of a view in a file, in the order of :class:`View`."""

MAXIMUM_VIEWS = 200
LONGEST = {"view_id": 40, "title": 80, "sentence": 400, "query": 8000}
"""Maximum number of characters per field."""
FILE_LIMIT = 8_000_000
"""Bytes; an upper bound for 200 views of maximum length with every character escaped."""


@dataclass(frozen=True, slots=True)
class View:
    """Named view of a study.

    Attributes:
        view_id: unique within its file.
        title: name in lists and captions.
        sentence: description in one sentence; may be empty.
        query: query string of the page's address.

    Raises:
        ValueError: a field is not text, too long, or empty where it must not be.
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
            if drawable(text) != text:
                raise ValueError(f"{name} {NOT_DRAWABLE}")


class ViewStore:
    """Store of saved views.

    A change reads the file and replaces it atomically and durably, under a lock on its folder that threads and
    processes share. A file that cannot be read is never overwritten.

    Args:
        folder: folder of saved views and selections, see ``saved.folder``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def saved(self, study: Study) -> tuple[View, ...]:
        """Saved views of a study, in order.

        Raises:
            SavedFileError: the file exists but cannot be read.
        """
        return _read(place_of(self._folder, study) / VIEWS_FILE)

    def tour(self, study: Study) -> tuple[View, ...]:
        """Views of the study's own tour.

        Raises:
            SavedFileError: the file exists but cannot be read.
        """
        return _read(study.path / TOUR_FILE)

    def add(self, study: Study, title: str, sentence: str, query: str, position: int | None = None) -> tuple[View, ...]:
        """All views after adding one, at the end or at a position.

        Raises:
            SavedFileError: too many views, an invalid field, or a file that cannot be read or written.
        """
        view = _checked(secrets.token_hex(6), title, sentence, query)

        def insert(views: list[View]) -> None:
            if len(views) >= MAXIMUM_VIEWS:
                raise SavedFileError(f"A study keeps at most {MAXIMUM_VIEWS} views: delete one first.")
            views.insert(len(views) if position is None else max(0, position), view)

        return self._change(study, insert)

    def change(self, study: Study, view_id: str, title: str, sentence: str, query: str) -> tuple[View, ...]:
        """All views after replacing one view's title, sentence and query.

        Raises:
            ViewNotFoundError: the view was deleted meanwhile.
            SavedFileError: as :meth:`add`.
        """
        view = _checked(view_id, title, sentence, query)
        return self._change(study, lambda views: views.__setitem__(_position(views, view_id), view))

    def move(self, study: Study, view_id: str, steps: int) -> tuple[View, ...]:
        """All views after moving one down by ``steps`` places (up if negative), clipped to the list.

        Raises:
            ViewNotFoundError, SavedFileError: as :meth:`change`.
        """

        def shift(views: list[View]) -> None:
            position = _position(views, view_id)
            views.insert(max(0, position + steps), views.pop(position))

        return self._change(study, shift)

    def remove(self, study: Study, view_id: str) -> tuple[View, ...]:
        """All views after deleting one.

        Raises:
            ViewNotFoundError, SavedFileError: as :meth:`change`.
        """
        return self._change(study, lambda views: views.__delitem__(_position(views, view_id)))

    def _change(self, study: Study, change: Callable[[list[View]], None]) -> tuple[View, ...]:
        place = place_of(self._folder, study)
        with written(place), files.folder_lock(place):
            views = list(_read(place / VIEWS_FILE))
            change(views)
            files.replace(place / VIEWS_FILE, views_bytes(views), durable=True)
        return tuple(views)


def views_bytes(views: list[View]) -> bytes:
    """Content of a file of views."""
    entries = [dict(zip(KEYS, astuple(view), strict=True)) for view in views]
    fields = {"format": FORMAT, "version": VERSION, "views": entries}
    return json.dumps(fields, indent=1, ensure_ascii=False).encode() + b"\n"


def parse_views(raw: bytes, name: str) -> tuple[View, ...]:
    """Views from a file's bytes.

    Raises:
        ValueError: not a file of views, a newer version, or an invalid view.
    """
    fields = strict_json(raw, name)
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise ValueError(f"{name} is not a document of format {FORMAT!r}")
    if fields.get("version") != VERSION:
        raise ValueError(f"{name} has version {fields.get('version')!r}; this program reads {VERSION}")
    entries = fields.get("views")
    if not isinstance(entries, list) or len(entries) > MAXIMUM_VIEWS:
        raise ValueError(f"{name} must hold a list of at most {MAXIMUM_VIEWS} views")
    views = []
    for position, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict) or entry.keys() != set(KEYS):
            raise ValueError(f"view {position} of {name} must have the fields {', '.join(KEYS)}, and nothing else")
        try:
            views.append(View(*(entry[key] for key in KEYS)))
        except ValueError as error:
            raise ValueError(f"view {position} of {name}: {error}") from None
    if len({view.view_id for view in views}) < len(views):
        raise ValueError(f"two views of {name} have the same id")
    return tuple(views)


def _read(path: Path) -> tuple[View, ...]:
    if not path.is_symlink() and not path.exists():
        return ()
    try:
        return parse_views(files.read_bytes(path, FILE_LIMIT), path.name)
    except Exception as error:
        reason = f"{path} cannot be read: {reason_of(error)}. Mend it or move it away; it is left as it is."
        raise SavedFileError(reason) from error


def _checked(view_id: str, title: str, sentence: str, query: str) -> View:
    try:
        return View(view_id, title.strip(), sentence.strip(), query)
    except ValueError as error:
        raise SavedFileError(f"This view cannot be saved: {error}.") from None


def _position(views: list[View], view_id: str) -> int:
    for position, view in enumerate(views):
        if view.view_id == view_id:
            return position
    raise ViewNotFoundError("This view was deleted meanwhile, on another page: open the list of views again.")
