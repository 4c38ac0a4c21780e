"""Leases: locks by name among processes that share a folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PAUSE = 0.05
"""Seconds between two attempts on a lease held by another thread or process."""


@contextmanager
def lease(folder: Path, name: str, check: Callable[[], None]) -> Iterator[None]:
    """Acquire a name exclusively, waiting while it is held; the system releases the lease of a process that dies.

    A lease only saves work: if the folder cannot be used, it is granted without a lock. The names share 256 lock files,
    so unrelated names may block each other; the holder of a lease must not acquire a second one.

    Args:
        folder: created if missing; may vanish at any time.
        name: name of the lease.
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
        return True  # a file system without locks: granted without waiting
    return True
