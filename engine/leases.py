"""One holder per name among all threads and processes that share a folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PAUSE = 0.05
"""Seconds between two looks at a lease that somebody else holds."""


@contextmanager
def lease(folder: Path, name: str, check: Callable[[], None]) -> Iterator[None]:
    """Wait until nobody else holds a name, and hold it; the system takes it back from a holder that dies.

    A lease only saves work: where the folder cannot be used it is had for nothing. The names share 256 files, so two
    of them may wait for each other; whoever holds one must not ask for a second.

    Args:
        folder: created where it is missing; may vanish at any time.
        name: what to hold.
        check: called while waiting; raises to give up.
    """
    descriptor = _opened(folder / f"{hashlib.blake2b(name.encode(), digest_size=1).hexdigest()}.lock")
    try:
        while descriptor >= 0 and not _is_locked(descriptor):
            check()
            time.sleep(PAUSE)
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return -1


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks: nothing to wait for
    return True
