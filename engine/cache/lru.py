"""LRU cache, thread-safe, bounded by bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """LRU cache of at most `size_limit` bytes; the newest value is kept whatever its size."""

    def __init__(self, size_limit: int) -> None:
        self.size_limit = size_limit
        self._values: OrderedDict[str, tuple[Value, int]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    @property
    def n_bytes(self) -> int:
        """Bytes of all values."""
        return self._size

    def get(self, key: str) -> Value | None:
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def drop(self, key: str) -> None:
        with self._lock:
            self._size -= self._values.pop(key, (None, 0))[1]

    def put(self, key: str, value: Value, n_bytes: int) -> None:
        with self._lock:
            _, replaced = self._values.pop(key, (None, 0))
            self._values[key] = (value, n_bytes)
            self._size += n_bytes - replaced
            while self._size > self.size_limit and len(self._values) > 1:
                _, (_, dropped) = self._values.popitem(last=False)
                self._size -= dropped
