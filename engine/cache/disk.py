"""diskcache ``Disk`` restricted to string keys and byte or numeric values."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sqlite3
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import MODE_BINARY, MODE_RAW

from engine.errors import CacheError

logger = logging.getLogger(__name__)

_VALUE_FILE = re.compile(r"[0-9a-f]{2}[/\\][0-9a-f]{2}[/\\][0-9a-f]{28}\.val")


class StrictDisk(diskcache.Disk):  # type: ignore[misc]
    """diskcache ``Disk`` that accepts only strings as keys and bytes, int and float as values."""

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
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
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
        """Return the path of this value file if diskcache could have made the name and it lies in this folder."""
        folder = Path(self._directory).resolve()
        path = folder / filename if type(filename) is str and _VALUE_FILE.fullmatch(filename) else None
        if path is None or path.is_symlink() or path.resolve() != path:
            raise CacheError(f"The cache names a value file outside its folder ({str(filename)[:80]!r}): refused.")
        return path
