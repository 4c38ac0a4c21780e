"""Selections under a short name, so that a link to hundreds of runs stays short.

The name is made from the content: the same runs always get the same one, whoever asks, and a file that does not fit
its name is not believed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from engine import files
from engine.document import strict_json
from engine.errors import KeepsakeError, SelectionNotKeptError
from engine.keepsakes import place_of, prepare_place
from engine.store import Study

FOLDER = "selections"
NAME_LENGTH = 10
"""Characters of five bits: among a thousand selections two get the same name with a chance of 1 in 2 billion."""
SELECTION_NAME = re.compile(f"[a-z2-7]{{{NAME_LENGTH}}}")
MAXIMUM_SELECTIONS = 1000
"""Per study; above, the one that was longest not asked for goes."""
FILE_LIMIT = 16_000_000


class SelectionStore:
    """The selections that links of a study name.

    Args:
        folder: the folder of all keepsakes, see ``keepsakes``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, study: Study, run_ids: Iterable[str]) -> str:
        """Keep a selection and return its name.

        Raises:
            KeepsakeError: it cannot be written.
        """
        content = _content(run_ids)
        name = _name(content)
        place = place_of(self._folder, study) / FOLDER
        prepare_place(place)
        path = place / f"{name}.json"
        try:
            if path.exists():
                os.utime(path)
            else:
                _make_room(place)
                files.replace(path, content, durable=True)
        except OSError as error:
            raise KeepsakeError(f"The selection cannot be kept in {place} ({error.strerror}).") from error
        return name

    def run_ids(self, study: Study, name: str) -> tuple[str, ...]:
        """The runs of a kept selection, sorted; some may be gone from the study since.

        Raises:
            SelectionNotKeptError: nothing intact is kept under this name.
        """
        try:
            if not SELECTION_NAME.fullmatch(name):
                raise ValueError("it is no name of a selection")
            path = place_of(self._folder, study) / FOLDER / f"{name}.json"
            content = files.read_bytes(path, FILE_LIMIT)
            if _name(content) != name:
                raise ValueError(f"{path.name} is damaged")
            return tuple(strict_json(content, path.name))
        except (OSError, ValueError) as error:
            raise SelectionNotKeptError(f"No selection is kept under the name {name[:80]!r} ({error}).") from error


def _content(run_ids: Iterable[str]) -> bytes:
    return json.dumps(sorted(set(run_ids)), indent=0).encode() + b"\n"


def _name(content: bytes) -> str:
    return base64.b32encode(hashlib.sha256(content).digest()).decode().lower()[:NAME_LENGTH]


def _make_room(place: Path) -> None:
    kept = sorted(place.glob("*.json"), key=lambda path: path.stat().st_mtime)
    for path in kept[: max(0, len(kept) - MAXIMUM_SELECTIONS + 1)]:
        path.unlink(missing_ok=True)
