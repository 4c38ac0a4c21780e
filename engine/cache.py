"""Results kept on disk, where losing any of them only costs time.

They lie in diskcache, used so that it never touches pickle (CVE-2025-69872: every release up to 5.6.3 unpickles
whatever is in its folder, ``JSONDisk`` included). :class:`StrictDisk` stores bytes under string keys and refuses
to read anything else. :class:`BlobCache` adds what a cache must promise: each value carries its length and
SHA-256, and a damaged, unreadable, locked or vanished database is a miss.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import logging
import os
import re
import shutil
import sqlite3
import struct
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

import diskcache
from diskcache.core import MODE_BINARY, MODE_RAW

from engine.errors import CacheError
from engine.leases import lease

logger = logging.getLogger(__name__)

DEFAULT_SIZE_LIMIT = 2**30
LARGEST_SHARE = 16
"""A value above 1/16 of the size limit is not kept: diskcache evicts ten rows at a time, the newest among them
if there are no more, so a few huge values would empty the cache and take themselves along."""
LOCK_PATIENCE = 2.0
"""Seconds to wait for a database that another process has locked, before calling it a miss."""
BACK_OFF = 10.0
"""Seconds for which an unusable database is not asked again."""

_DATABASE = "cache.db"
_VALUE_FILE = re.compile(r"[0-9a-f]{2}[/\\][0-9a-f]{2}[/\\][0-9a-f]{28}\.val")
_VALUE_FOLDER = re.compile(r"[0-9a-f]{2}")
_FRAME = struct.Struct("<8sQ32s")
_MAGIC = b"INPCABL1"
_DAMAGED = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT}
"""Primary result codes (sqlite.org/rescode.html) of a database that will not come right by waiting;
SQLITE_ERROR is what a missing table gives."""

Answer = TypeVar("Answer")


def prepare_cache_folder(folder: str | os.PathLike[str] | None) -> Path:
    """Create the cache folder for this user only (0700), by default under the user's cache directory.

    Raises:
        CacheError: the folder cannot be created or is no folder.
    """
    path = Path(folder).expanduser() if folder is not None else _user_cache_directory() / "inpca-explorer"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_dir():
            path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise CacheError(f"The cache folder {path} cannot be created ({error}): choose another one.") from error
    return path.resolve()


def _user_cache_directory() -> Path:
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


class StrictDisk(diskcache.Disk):  # type: ignore[misc]
    """A diskcache ``Disk`` that knows strings as keys and bytes, int and float as values, and nothing else."""

    def put(self, key: Any) -> tuple[str, bool]:
        if type(key) is not str:
            raise CacheError(f"A cache key must be a str, received {type(key).__name__}.")
        return key, True

    def get(self, key: Any, raw: Any) -> str:
        if not raw or type(key) is not str:
            raise CacheError("The cache holds a key that is no plain string: refused unread.")
        return key

    def store(self, value: Any, read: bool, key: Any = diskcache.UNKNOWN) -> tuple[int, int, str | None, Any]:
        if type(value) in (int, float):
            return 0, MODE_RAW, None, value
        if type(value) is not bytes or read:
            raise CacheError(f"A cached value must be bytes, int or float, received {type(value).__name__}.")
        if len(value) < self.min_file_size:
            return 0, MODE_RAW, None, sqlite3.Binary(value)
        filename, path = self.filename(key, value)
        for folder in (Path(path).parents[1], Path(path).parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600), "wb"
        ) as file:
            file.write(value)
        return len(value), MODE_BINARY, filename, None

    def fetch(self, mode: int, filename: Any, value: Any, read: bool) -> bytes | int | float:
        if mode == MODE_RAW and type(value) in (bytes, int, float) and not read:
            return value  # type: ignore[no-any-return]
        if mode == MODE_BINARY and not read:
            return self._confined(filename).read_bytes()
        raise CacheError(f"The cache holds a value of storage mode {mode!r}, which is not plain bytes: refused unread.")

    def remove(self, file_path: Any) -> None:
        try:
            path = self._confined(file_path)
        except CacheError as refusal:
            logger.warning("%s", refusal)
            return
        with contextlib.suppress(OSError):
            path.unlink()

    def _confined(self, filename: Any) -> Path:
        """The value file of this name, if it is one that diskcache itself would make and lies in this folder."""
        folder = Path(self._directory).resolve()
        path = folder / filename if type(filename) is str and _VALUE_FILE.fullmatch(filename) else None
        if path is None or path.is_symlink() or path.resolve() != path:
            raise CacheError(f"The cache names a value file outside its folder ({str(filename)[:80]!r}): refused.")
        return path


class BlobCache:
    """Bytes under string keys in one folder, least recently used out first; safe among threads and processes.

    Nothing here raises: a value that cannot be read is a miss, a value that cannot be written is not kept.

    Args:
        folder: a folder of its own, created when first needed; its database is made anew when it is damaged.
        size_limit: bytes on disk; values above a sixteenth of it are not kept.

    Attributes:
        trouble: why the latest value could not be kept and what to do, in a sentence; empty where it was.
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

    def get(self, key: str) -> bytes | None:
        """The bytes kept under this key, or None."""
        framed = self._attempt(lambda cache: cache.get(key))
        if framed is None:
            return None
        if isinstance(framed, bytes) and (payload := _unframe(key, framed)) is not None:
            return payload
        logger.warning("The cached value %.40s is damaged: it is dropped and computed again.", key)
        self._attempt(lambda cache: cache.delete(key))
        return None

    def put(self, key: str, payload: bytes) -> bool:
        """Keep these bytes; False where they could not be kept."""
        if len(payload) > self.size_limit // LARGEST_SHARE:
            return False
        framed = _frame(key, payload)

        def store(cache: Any) -> bool:
            cache.set(key, framed)
            cache.cull()
            return True

        is_kept = bool(self._attempt(store))
        self.trouble = "" if is_kept else self._complaint()
        return is_kept

    def _complaint(self) -> str:
        return (
            f"Results cannot be kept in {self.folder} ({self._reason}), so each is computed anew: free some space or "
            "mend the permissions there, or start with another --cache."
        )

    def lease(self, key: str, check: Callable[[], None]) -> AbstractContextManager[None]:
        """Hold a key among all threads and processes that share the folder; see :func:`engine.leases.lease`."""
        return lease(self.folder / "leases", key, check)

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._release()

    def _attempt(self, operation: Callable[[Any], Answer]) -> Answer | None:
        """Run one operation on the database, a second time on a new one if it was damaged; None where it fails."""
        with self._lock:
            for _ in range(2):
                if time.monotonic() < self._asleep_until:
                    return None
                try:
                    return operation(self._opened())
                except CacheError as refusal:
                    logger.warning("%s", refusal)
                    return None
                except (OSError, diskcache.Timeout) as trouble:
                    self._fall_asleep(trouble)
                except sqlite3.Error as error:
                    # Extended result codes keep the primary one in the low byte.
                    if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_BUSY) & 0xFF in _DAMAGED:
                        self._start_over(error)
                    else:
                        self._fall_asleep(error)
                except Exception as error:  # diskcache trusts its Settings table: a tampered one fails in any way
                    self._start_over(error)
            return None

    def _opened(self) -> Any:
        database = self.folder / _DATABASE
        if self._cache is not None and self._identity == _identity(database):
            return self._cache
        self._release()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        with contextlib.suppress(FileExistsError):
            # SQLite gives its side files the permissions of the database, so it is made private beforehand.
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
        )
        self._identity = _identity(database)
        return self._cache

    def _release(self) -> None:
        cache, self._cache = self._cache, None
        if cache is None:
            return
        with contextlib.suppress(Exception):
            cache.close()
        # That was this thread's connection. Those of others die with the cache, but for a cycle with their statements;
        # until they are gone the database stays mapped, and a file that is replaced under it would end the process.
        del cache
        gc.collect()

    def _fall_asleep(self, reason: Exception) -> None:
        self._release()
        self._asleep_until = time.monotonic() + BACK_OFF
        self._reason = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        logger.warning("The cache in %s cannot be used now (%s): going on without.", self.folder, reason)

    def _start_over(self, reason: Exception) -> None:
        """Remove what diskcache made in this folder, and only that."""
        self._release()
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
    """Raise at once where the database is locked or damaged; opening it through diskcache would retry for a minute."""
    connection = sqlite3.connect(database, timeout=LOCK_PATIENCE, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("SELECT name FROM sqlite_master").fetchall()
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _frame(key: str, payload: bytes) -> bytes:
    return _FRAME.pack(_MAGIC, len(payload), _digest(key, payload)) + payload


def _unframe(key: str, framed: bytes) -> bytes | None:
    """The payload, or None where it is not whole, not intact or not the one of this key."""
    if len(framed) < _FRAME.size:
        return None
    magic, length, digest = _FRAME.unpack_from(framed)
    payload = framed[_FRAME.size :]
    intact = magic == _MAGIC and length == len(payload) and digest == _digest(key, payload)
    return payload if intact else None


def _digest(key: str, payload: bytes) -> bytes:
    digest = hashlib.sha256(key.encode() + b"\0")
    digest.update(payload)
    return digest.digest()
