"""Where that which people keep lies: saved views and the selections that links name.

It cannot be computed again, so it does not lie in the cache; it is written while a study is looked at, and studies may
be read-only or overwritten by the next rsync, so it does not lie in the study either. It lies in a folder of the user's
data with one folder per study, found by the study's name and probe sets wherever its folder has been moved.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from engine.errors import KeepsakeError
from engine.store import Study

LONGEST_NAME = 80


def keepsake_folder(folder: str | os.PathLike[str] | None) -> Path:
    """The folder to keep things in, by default under the user's data directory; nothing is created yet."""
    return Path(folder).expanduser().absolute() if folder is not None else _user_data_directory() / "inpca-explorer"


def place_of(folder: Path, study: Study) -> Path:
    """The folder that belongs to a study; it may not be there yet.

    Args:
        folder: the folder of all keepsakes.
        study: any snapshot of the study; recording more runs into it leads to the same place.
    """
    probes = [f"{split} {probe.order_hash}" for split, probe in study.splits.items()]
    identity = "\n".join([study.study_id, study.manifest.created, *probes])
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
    readable = re.sub(r"[^A-Za-z0-9._-]", "_", study.study_id)[:LONGEST_NAME]
    return folder / f"{readable}-{digest[:10]}"


def prepare_place(place: Path) -> None:
    """Create a folder for this user only (0700), with those above it.

    Raises:
        KeepsakeError: it cannot be created.
    """
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise KeepsakeError(
            f"The folder {place} cannot be created ({error.strerror}): start with --views DIR."
        ) from None


def _user_data_directory() -> Path:
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
