"""Disk cache of recomputable byte strings.

Built on diskcache without its pickle paths (CVE-2025-69872: every release up to 5.6.3 unpickles files from its folder,
``JSONDisk`` included). :class:`StrictDisk` stores bytes under string keys and refuses to read anything else.
:class:`BlobCache` stores each value behind its SHA-256, and treats a damaged, unreadable, locked or vanished database
as a miss.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import hashlib
import json
import logging
import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import diskcache

from engine.cache.disk import StrictDisk
from engine.cache.leases import lease
from engine.errors import CacheError
from engine.machine import user_folder

logger = logging.getLogger(__name__)

DEFAULT_SIZE_LIMIT = 2**30
LARGEST_SHARE = 16
"""Values above 1/16 of the size limit are not stored: diskcache evicts ten rows at a time, including the newest if
there are no others, so a few huge values would empty the cache, themselves included."""
LOCK_PATIENCE = 5.0
"""Seconds to wait for a database locked by another process before a miss: without a write-ahead log, four servers that
start at once on two busy cores have waited more than two."""
BACK_OFF = 10.0
"""Seconds during which an unusable database is not tried again."""

JOURNAL = "truncate"
"""Rollback journal: a process that is killed leaves it to the next one."""

_DATABASE = "cache.db"
_VALUE_FOLDER = re.compile(r"[0-9a-f]{2}")
_DIGEST_BYTES = 32
_DAMAGED = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT}
"""Primary result codes (sqlite.org/rescode.html) of a database that waiting does not repair; a missing table gives
SQLITE_ERROR."""

_REFUSED = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE,
}  # fmt: skip
"""Errors of a place that could hold a folder, and may do so later; any other is one of the path."""

Answer = TypeVar("Answer")


FORMER_FOLDER = "scenes"
"""Folder of earlier versions' database, whose values had another frame; it goes, whatever else lies there stays."""


def prepare_cache_folder(folder: str | os.PathLike[str] | None) -> tuple[Path, str]:
    """Create the cache folder with mode 0700, by default under the user's cache directory.

    Returns:
        The folder, and a sentence that says why there is none if its place refuses one now; empty if it is there.

    Raises:
        CacheError: the path cannot be a folder at all.
    """
    path = Path(folder).expanduser() if folder is not None else user_folder("cache")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_dir():
            path.mkdir(mode=0o700, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = error.errno if isinstance(error, OSError) else None
        if reason not in _REFUSED:
            raise CacheError(f"The cache folder {path} cannot be created ({error}): choose another one.") from error
        return path.absolute(), (
            f"The cache folder {path} cannot be created ({os.strerror(reason)}): results are kept in memory until this "
            "server ends. Free some space or mend the permissions there, or start with another --cache."
        )
    if (path / FORMER_FOLDER / "cache.db").is_file():
        shutil.rmtree(path / FORMER_FOLDER, ignore_errors=True)
    return path.resolve(), ""


def content_key(kind: str, question: Any) -> str:
    """Return a cache key: the kind and the SHA-256 of the question, a JSON value; equal questions have equal keys."""
    canonical = json.dumps(question, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{kind}-{hashlib.sha256(canonical.encode()).hexdigest()}"


class BlobCache:
    """Mapping from string keys to bytes in one folder, with LRU eviction; safe among threads and processes.

    Methods do not raise: a value that cannot be read is a miss, a value that cannot be written is not stored.

    Args:
        folder: dedicated folder, created on first use; its database is rebuilt if damaged.
        size_limit: bytes on disk; values above a sixteenth of it are not stored.

    Attributes:
        trouble: why the latest value could not be stored, and the remedy, as a sentence; empty after success.
    """

    def __init__(self, folder: Path, size_limit: int = DEFAULT_SIZE_LIMIT) -> None:
        self.folder = Path(folder)
        self.size_limit = size_limit
        self._lock = threading.Lock()
        self._cache: Any = None
        self._identity: tuple[int, int] | None = None
        self._asleep_until = 0.0
        self._reason = ""
        self.trouble = ""

    @property
    def largest(self) -> int:
        """Bytes of the largest value that is stored."""
        return self.size_limit // LARGEST_SHARE

    @property
    def _database(self) -> Path:
        return self.folder / _DATABASE

    def get(self, key: str) -> bytes | None:
        """Return the bytes stored under this key, or None."""
        framed = self._attempt(lambda cache: cache.get(key))
        if framed is None:
            return None
        if isinstance(framed, bytes) and framed[:_DIGEST_BYTES] == _digest(key, payload := framed[_DIGEST_BYTES:]):
            return payload
        logger.warning("The cached value %.40s is damaged: it is dropped and computed again.", key)
        self.drop(key)
        return None

    def put(self, key: str, payload: bytes) -> bool:
        """Store `payload`; return False if it could not be stored."""
        if len(payload) > self.largest:
            return False
        framed = _digest(key, payload) + payload

        def store(cache: Any) -> bool:
            cache.set(key, framed)
            cache.cull()
            return True

        is_kept = bool(self._attempt(store))
        complaint = (
            f"Results cannot be kept in {self.folder} ({self._reason}), so each is computed anew: free some space or "
            "mend the permissions there, or start with another --cache."
        )
        self.trouble = "" if is_kept else complaint
        return is_kept

    def drop(self, key: str) -> None:
        """Remove the value of a key."""
        self._attempt(lambda cache: cache.delete(key))

    def lease(self, key: str, check: Callable[[], None]) -> AbstractContextManager[None]:
        """Hold a key among all threads and processes that share the folder; see :func:`engine.cache.leases.lease`."""
        return lease(self.folder / "leases", key, check)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._release()

    def _attempt(self, operation: Callable[[Any], Answer]) -> Answer | None:
        """Run one operation on the database, once more on a new database if it was damaged; None on failure."""
        with self._lock:
            for _ in range(2):
                if time.monotonic() < self._asleep_until:
                    return None
                try:
                    return operation(self._opened())
                except CacheError as refusal:
                    self._reason = str(refusal)
                    logger.warning("%s", refusal)
                    return None
                except (OSError, diskcache.Timeout) as trouble:
                    self._fall_asleep(trouble)
                except sqlite3.Error as error:
                    # Extended result codes keep the primary one in the low byte.
                    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_BUSY) & 0xFF
                    # A header with one flipped bit makes a database read-only for SQLite, whatever its permissions.
                    is_locked_by_header = code == sqlite3.SQLITE_READONLY and os.access(self._database, os.W_OK)
                    if code in _DAMAGED or is_locked_by_header:
                        self._start_over(error)
                    else:
                        self._fall_asleep(error)
                except Exception as error:  # diskcache trusts its Settings table: a tampered one can raise anything
                    self._start_over(error)
            return None

    def _opened(self) -> Any:
        """Return the open database; it is opened anew if it is not open, or if its file has been replaced."""
        database = self._database
        if self._cache is not None and self._identity == _identity(database):
            return self._cache
        self._release()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        with contextlib.suppress(FileExistsError):
            # SQLite gives its side files the mode of the database file, so that file is created as private first.
            os.close(os.open(database, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            self._remove_value_folders()
        _probe(database)
        self._cache = diskcache.Cache(
            str(self.folder),
            timeout=LOCK_PATIENCE,
            disk=StrictDisk,
            size_limit=self.size_limit,
            eviction_policy="least-recently-used",
            statistics=0,
            # Mapped, a database that another program cuts short ends the process; so does the shared memory of a
            # write-ahead log, which several processes cannot do without.
            sqlite_mmap_size=0,
            sqlite_journal_mode=JOURNAL,
            # Not even a power cut loses more than time, and each value has its digest: waiting for the disk would
            # make a read 15 ms, because it notes its time.
            sqlite_synchronous=0,
        )
        self._identity = _identity(database)
        return self._cache

    def _release(self) -> None:
        cache, self._cache = self._cache, None
        if cache is None:
            return
        with contextlib.suppress(Exception):
            cache.close()
        # That closed this thread's connection. Those of other threads close with the cache, except for a cycle with
        # their statements; until then the database stays mapped, and replacing the file would crash the process.
        del cache
        gc.collect()

    def _fall_asleep(self, reason: Exception) -> None:
        self._release()
        self._asleep_until = time.monotonic() + BACK_OFF
        self._reason = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        logger.warning("The cache in %s cannot be used now (%s): going on without.", self.folder, reason)

    def _start_over(self, reason: Exception) -> None:
        """Remove the files that diskcache made in this folder, and no others."""
        self._release()
        self._reason = str(reason) or type(reason).__name__
        logger.warning("The cache in %s is damaged (%s): it is made anew.", self.folder, reason)
        for suffix in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(OSError):
                (self.folder / (_DATABASE + suffix)).unlink()
        self._remove_value_folders()

    def _remove_value_folders(self) -> None:
        with contextlib.suppress(OSError):
            for entry in list(self.folder.iterdir()):
                if _VALUE_FOLDER.fullmatch(entry.name) and entry.is_dir() and not entry.is_symlink():
                    shutil.rmtree(entry, ignore_errors=True)


def _probe(database: Path) -> None:
    """Raise at once if the database is locked or damaged; opening it through diskcache would retry for a minute."""
    connection = sqlite3.connect(database, timeout=LOCK_PATIENCE, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("SELECT name FROM sqlite_master").fetchall()
        connection.execute("ROLLBACK")
        # A database of an earlier version has a write-ahead log, which goes while no other process uses it.
        connection.execute(f"PRAGMA journal_mode = {JOURNAL}").fetchall()
    finally:
        connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _digest(key: str, payload: bytes) -> bytes:
    """Return the SHA-256 of key and value: a value that is cut, changed or of another key has another one."""
    digest = hashlib.sha256(key.encode() + b"\0")
    digest.update(payload)
    return digest.digest()
