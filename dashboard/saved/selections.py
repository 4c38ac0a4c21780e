"""Store of selections under short names, for short links to many runs.

A name is a digest of the content: the same runs always get the same name, and a file that does not match its name is
rejected.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from dashboard.saved.folder import place_of, written
from engine.errors import SelectionNotKeptError
from engine.store import files
from engine.store.documents import strict_json
from engine.store.study import Study

FOLDER = "selections"
NAME_LENGTH = 10
"""Characters of five bits each: among 1000 selections two share a name with probability 1 in 2 billion."""
SELECTION_NAME = re.compile(f"[a-z2-7]{{{NAME_LENGTH}}}")
MAXIMUM_SELECTIONS = 1000
"""Per study; beyond it, the least recently used selection is deleted."""
FILE_LIMIT = 16_000_000


class SelectionStore:
    """Selections that links name, by study.

    Args:
        folder: folder of saved views and selections, see ``saved.folder``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, study: Study, run_ids: Iterable[str]) -> str:
        """Name of a selection, after writing it.

        Raises:
            SavedFileError: it cannot be written.
        """
        content = json.dumps(sorted(set(run_ids)), indent=0).encode() + b"\n"
        name = _name(content)
        place = place_of(self._folder, study) / FOLDER
        path = place / f"{name}.json"
        with written(place):
            if path.exists():
                os.utime(path)
            else:
                kept = sorted(place.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
                for oldest in kept[MAXIMUM_SELECTIONS - 1 :]:
                    oldest.unlink(missing_ok=True)
                files.replace(path, content, durable=True)
        return name

    def run_ids(self, study: Study, name: str) -> tuple[str, ...]:
        """Run ids of a kept selection, sorted; some may no longer be in the study.

        Raises:
            SelectionNotKeptError: no intact file has this name.
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


def _name(content: bytes) -> str:
    return base64.b32encode(hashlib.sha256(content).digest()).decode().lower()[:NAME_LENGTH]
