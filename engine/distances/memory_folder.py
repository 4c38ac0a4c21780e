"""Temporary folder, in memory where the system has such a place."""

from __future__ import annotations

import os
import tempfile
import weakref
from contextlib import ExitStack
from pathlib import Path

from engine.store.files import temporary_folder

MEMORY = Path("/dev/shm")  # noqa: S108
"""File system in memory on Linux; elsewhere the folder lies among the temporary files."""
_PREFIX = "inpca-distances-"


def memory_folder(owner: object) -> Path:
    """Return a new private folder that is removed with its owner; those of killed processes are removed as well.

    Raises:
        OSError: there is no room.
    """
    place = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    with ExitStack() as stack:
        path = stack.enter_context(temporary_folder(place, _PREFIX))
        weakref.finalize(owner, stack.pop_all().close)
    return path
