"""Folder of saved views and selections, one subfolder per study.

Not in the cache, since its content cannot be computed again; not in the study, which may be read-only or overwritten by
the next rsync. It lies in the user's data directory; a study's subfolder is found by the study's name and probe sets,
so moving the study keeps it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import SavedFileError
from engine.machine import user_folder
from engine.store.study import Study

LONGEST_NAME = 80


def saved_folder(folder: str | os.PathLike[str] | None) -> Path:
    """Folder of saved views and selections, by default under the user's data directory; not created here."""
    return Path(folder).expanduser().absolute() if folder is not None else user_folder("data")


def place_of(folder: Path, study: Study) -> Path:
    """Subfolder of a study; it may not exist yet.

    Args:
        folder: folder of saved views and selections.
        study: any snapshot of the study; more recorded runs do not change the subfolder.
    """
    probes = [f"{split} {probe.order_hash}" for split, probe in study.splits.items()]
    identity = "\n".join([study.study_id, study.manifest.created, *probes])
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
    readable = re.sub(r"[^A-Za-z0-9._-]", "_", study.study_id)[:LONGEST_NAME]
    return folder / f"{readable}-{digest[:10]}"


@contextmanager
def written(place: Path) -> Iterator[None]:
    """Create a folder for this user only (0700), with its parents, and write to it in the block.

    Raises:
        SavedFileError: it cannot be created or written to.
    """
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise SavedFileError(
            f"The folder {place} cannot be written to ({error.strerror}): make room there, or start with --views DIR."
        ) from error
