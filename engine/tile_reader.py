"""Reading a fixed set of tiles, in the order they lie on disk, as often as needed."""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.kernels.threads import run_all, thread_count
from engine.tile_index import TileIndex

logger = logging.getLogger(__name__)

READ_BYTES = 2**22
"""Tiles are read by about this much at a time: they are taken out of the buffer while the cache still holds it."""

Ints = NDArray[np.int64]
Consume = Callable[[int, NDArray[np.float32], Ints, Ints], None]


class TileReader:
    """Tiles of one file, shared out to all threads.

    It keeps the file open, so that it goes on reading what it began with even where the folder is deleted.

    Args:
        path: the file of tiles.
        index: what is known of them; told which turn out damaged.
        entries: (tile,) their entries in the index.
        offsets: (tile,) first bytes.
        places: (tile, ...) int64, handed through to whoever takes the tiles; the third and the fourth number are
            height and width.

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
        # As a file object it is closed with the last reference to it.
        self._file = open(path, "rb", buffering=0, opener=lambda name, _: os.open(name, flags))  # noqa: SIM115
        self._parts = self._share()

    @property
    def n_parts(self) -> int:
        """How many threads read at once; each has a number below this."""
        return len(self._parts)

    def read(self, consume: Consume) -> bool:
        """Hand every tile on; False where some were damaged.

        Args:
            consume: called with the number of the part, a buffer of float32, where in it the tiles begin, and their
                places; calls of different parts run at the same time.
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

    def _share(self) -> list[slice]:
        """Runs of tiles with about as many bytes each, one for every thread."""
        sizes = np.cumsum(self._ends - self._offsets)
        cuts = np.searchsorted(sizes, sizes[-1] * np.arange(1, thread_count()) / thread_count()) + 1
        parts = [slice(a, b) for a, b in zip([0, *cuts], [*cuts, len(sizes)], strict=True)]
        return [part for part in parts if part.stop > part.start]

    def _read_part(self, number: int, part: slice, consume: Consume) -> list[int]:
        from engine.kernels.spans import read_tiles

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
        """Return the entries whose bytes are not there or, where this process has not looked yet, are not right."""
        damaged = entries[starts < 0].tolist()
        for k in np.flatnonzero(~self._index.checked[entries] & (starts >= 0)):
            if zlib.crc32(buffer[starts[k] : starts[k] + sizes[k]].data) != self._index.crcs[entries[k]]:
                damaged.append(int(entries[k]))
            else:
                self._index.checked[entries[k]] = True
        return [int(entry) for entry in damaged]
