"""Repeatable multi-threaded reader of a fixed set of tiles."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.distances.tiles.index import TileIndex
from engine.machine import run_all, thread_count

logger = logging.getLogger(__name__)

READ_BYTES = 2**22
"""Approximate bytes per read; the buffer is consumed while it is still in the cache."""

Ints = NDArray[np.int64]
Consume = Callable[[int, NDArray[np.float32], Ints, Ints], None]


class TileReader:
    """Tiles of one file, read by all threads in the order of their offsets.

    The file stays open, so reads continue on the same data even if the folder is deleted.

    Args:
        path: the file of tiles.
        index: index of the file; damaged tiles are removed from it.
        entries: (tile,) int64, entry of the tile in the index.
        offsets: (tile,) int64, first byte of the tile.
        places: (tile, ...) int64, passed on to ``consume``; columns 2 and 3 are height and width.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path, index: TileIndex, entries: Ints, offsets: Ints, places: Ints) -> None:
        self._path = path
        self._index = index
        order = np.argsort(offsets, kind="stable")
        self._entries, self._offsets, self._places = entries[order], offsets[order], places[order]
        self._ends = self._offsets + 4 * self._places[:, 2] * self._places[:, 3]
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        # A file object is closed with its last reference.
        self._file = open(path, "rb", buffering=0, opener=lambda name, _: os.open(name, flags))  # noqa: SIM115
        self._parts = self._share()

    @property
    def n_parts(self) -> int:
        """Number of parts, each read by one thread."""
        return len(self._parts)

    def read(self, consume: Consume) -> bool:
        """Pass every tile to ``consume``; return False if any was damaged.

        Args:
            consume: called with the number of the part, a float32 buffer, the tiles' first indices in it, and their
                places; calls for different parts are concurrent.
        """
        calls = [(self._read_part, (number, part, consume)) for number, part in enumerate(self._parts)]
        damaged = [entry for part in run_all(calls) for entry in part]
        if damaged:
            self._index.offsets[damaged] = -1
            logger.warning(
                "%d of %d tiles in %s were cut short or do not match their checksum; they are computed again.",
                len(set(damaged)), len(set(self._entries.tolist())), self._path.parent,
            )  # fmt: skip
        return not damaged

    def each(self, function: Callable[..., None], *arguments: Any) -> bool:
        """Call a function with the buffer, first indices and places of :meth:`read`, and further arguments."""
        return self.read(lambda _, *tiles: function(*tiles, *arguments))

    def _share(self) -> list[slice]:
        """Return slices of consecutive tiles of about equal bytes, at most one per thread."""
        sizes = np.cumsum(self._ends - self._offsets)
        cuts = np.searchsorted(sizes, sizes[-1] * np.arange(1, thread_count()) / thread_count()) + 1
        parts = [slice(a, b) for a, b in zip([0, *cuts], [*cuts, len(sizes)], strict=True)]
        return [part for part in parts if part.stop > part.start]

    def _read_part(self, number: int, part: slice, consume: Consume) -> list[int]:
        """Pass the tiles of one part to ``consume``, in batches of a bounded buffer; return the damaged entries."""
        from engine.distances.tiles.passes import read_tiles

        entries, offsets, ends, places = self._entries[part], self._offsets[part], self._ends[part], self._places[part]
        starts = np.empty(len(entries), dtype=np.int64)
        room = max(int((ends - offsets).max()), min(READ_BYTES, int((ends - offsets).sum())))
        buffer = np.empty(room + -room % 4, dtype=np.uint8)
        damaged: list[int] = []
        first = 0
        while first < len(entries):
            stop = int(read_tiles(self._file.fileno(), offsets, ends, first, buffer, starts))
            batch = slice(first, stop)
            damaged += self._check(entries[batch], starts[batch], ends[batch] - offsets[batch], buffer)
            if not damaged:
                consume(number, buffer.view(np.float32), starts[batch] // 4, places[batch])
            first = stop
        return damaged

    def _check(self, entries: Ints, starts: Ints, sizes: Ints, buffer: NDArray[np.uint8]) -> list[int]:
        """Return the entries whose bytes are missing or fail their CRC, in the buffer that is then used.

        Bytes on disk may change after a first check.
        """
        from engine.cache.checksums import find_damaged

        return [int(entry) for entry in entries[find_damaged(buffer, starts, sizes, self._index.crcs[entries])]]
