r"""Append-only tile file: distances per pair of runs, shared between processes.

A folder holds two files. ``tiles.f32`` holds the tiles one after the other, each ``(row model, column model)`` float32
in C order. ``index.jsonl`` holds their positions; a line is ``<crc> <body>\n`` with the CRC-32 of the body, and a body
is one of

``{"run": number, "name": name, "models": count}``
    the run that the number stands for in later lines. The name digests the run's contents: a run that grew is another
    run.
``{"row": number, "columns": [numbers], "offset": bytes, "capped": [counts], "crcs": [CRC-32s]}``
    the tiles of one row run with column runs of lower or equal number, consecutive from the offset.

Tiles are written before the line that names them, so the line is the commit. A torn or damaged line is ignored. A tile
that is cut short or does not match its CRC is dropped from the index with a warning, and computed again by the next
request. Writers take the folder's lock; readers take none.
"""

from __future__ import annotations

import json
import os
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.distances.tiles.index import TileIndex
from engine.distances.tiles.reader import Ints, TileReader
from engine.errors import CacheError, UnwritableCacheError
from engine.store.documents import crc_line
from engine.store.files import append, folder_lock, write_at


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """Distances between two runs, to be written.

    Attributes:
        row, column: names of the runs.
        values: (row model, column model) distances; written as float32.
        n_capped: count of capped overlaps; within one run each unordered pair counts once.
    """

    row: str
    column: str
    values: NDArray[Any]
    n_capped: int


class TileFile:
    """The tiles of one folder.

    Args:
        folder: created if missing. It may be deleted at any time; only its tiles are lost.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index_path, self._data_path = folder / "index.jsonl", folder / "tiles.f32"
        self._lock = threading.RLock()
        self._forget_everything()

    def _forget_everything(self) -> None:
        self._index = TileIndex()
        self._identity: tuple[int, int] | None = None
        self._position = 0

    def missing(self, names: Sequence[str], others: Sequence[str], *, is_fresh: bool = False) -> NDArray[np.bool_]:
        """Return (name, other) bool, whether the tile of two runs is missing.

        Args:
            names, others: the runs.
            is_fresh: whether the index was read a moment ago; it is read again only if a tile is missing in it.
        """
        with self._lock:
            if is_fresh and not (absent := self._absent(names, others)).any():
                return absent
            self._refresh()
            return self._absent(names, others)

    def _absent(self, names: Sequence[str], others: Sequence[str]) -> NDArray[np.bool_]:
        return np.asarray(self._index.entries(names, others)[1] < 0)

    def gather(
        self,
        names: Sequence[str],
        others: Sequence[str],
        row_models: NDArray[np.int64],
        column_models: NDArray[np.int64],
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
        """Return the distances of rows and columns, or None if any tile is missing or damaged, as far as is known.

        Args:
            names, others: runs of the rows and of the columns.
            row_models, column_models: (name,) and (other,) number of models per run.

        Returns:
            (row model, column model) float32 distances and (name, other) counts of capped overlaps.
        """
        from engine.distances.tiles.passes import place_tiles

        with self._lock:
            entries, offsets, flipped = self._index.entries(names, others)
            if (offsets < 0).any():
                return None
            out = np.empty((int(row_models.sum()), int(column_models.sum())), dtype=np.float32)
            row_starts, column_starts = np.cumsum(row_models) - row_models, np.cumsum(column_models) - column_models
            i, j = np.indices(offsets.shape).reshape(2, -1)
            places = np.stack([row_starts[i], column_starts[j], row_models[i], column_models[j], flipped[i, j]], axis=1)
            reader = self._reader(entries[i, j], offsets[i, j], places)
            if reader is None or not reader.each(place_tiles, out):
                return None
            return out, self._index.capped[entries]

    def symmetric(self, names: Sequence[str], models: NDArray[np.int64]) -> tuple[TileReader, int] | None:
        """Return a reader of the tiles among some runs, each pair once, or None if any is missing as far as is known.

        Args:
            names: the runs.
            models: (name,) number of models per run.

        Returns:
            The reader, whose places are (tile, 4): first row, first column, height, width; and the total count of
            capped overlaps.
        """
        with self._lock:
            entries, offsets, flipped = self._index.entries(names, names)
            if (offsets < 0).any():
                return None
            # Each pair on the side of the diagonal where its tile is not transposed; both sides qualify if a run is
            # named twice, and the lower one is taken.
            same = np.equal.outer(*[np.unique(names, return_inverse=True)[1]] * 2)
            i, j = np.nonzero(~flipped & ~np.triu(same, 1))
            starts = np.cumsum(models) - models
            places = np.stack([starts[i], starts[j], models[i], models[j]], axis=1)
            reader = self._reader(entries[i, j], offsets[i, j], places)
            return None if reader is None else (reader, int(self._index.capped[entries[i, j]].sum()))

    def _reader(self, entries: Ints, offsets: Ints, places: Ints) -> TileReader | None:
        """Return a reader, or None if the data file is gone; its tiles are then dropped from the index."""
        try:
            return TileReader(self._data_path, self._index, entries, offsets, places)
        except FileNotFoundError:
            self._index.offsets[entries] = -1
            return None
        except OSError as reason:
            raise self._refusal("read", reason) from reason

    def add(self, tiles: Sequence[Tile]) -> None:
        """Append the tiles that the file does not hold yet.

        Raises:
            UnwritableCacheError: the folder cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._lock, folder_lock(self._folder):
                self._refresh()
                self._append(tiles)
                self._refresh()
        except OSError as reason:
            raise self._refusal("written", reason) from reason

    def _refusal(self, verb: str, reason: OSError) -> CacheError:
        kind = UnwritableCacheError if verb == "written" else CacheError
        return kind(
            f"Distances cannot be {verb} in {self._folder} ({reason.strerror}): free some space or mend its "
            "permissions, or choose another cache folder."
        )

    def _append(self, tiles: Sequence[Tile]) -> None:
        """Append tiles that are not there yet: first their bytes, then one index line per row of tiles."""
        lines: list[dict[str, Any]] = []
        numbers = dict(self._index.numbers)
        by_row: dict[int, dict[int, tuple[NDArray[np.float32], int]]] = {}
        for tile in tiles:
            for name, count in ((tile.row, tile.values.shape[0]), (tile.column, tile.values.shape[1])):
                if name not in numbers:
                    numbers[name] = self._index.next_number + len(numbers) - len(self._index.numbers)
                    lines.append({"run": numbers[name], "name": name, "models": count})
            r, c = numbers[tile.row], numbers[tile.column]
            values = np.ascontiguousarray(tile.values if r >= c else tile.values.T, dtype="<f4")
            r, c = max(r, c), min(r, c)
            entry = r * (r + 1) // 2 + c
            if entry >= len(self._index.offsets) or self._index.offsets[entry] < 0:
                by_row.setdefault(r, {})[c] = (values, tile.n_capped)
        with _descriptor(self._data_path, os.O_WRONLY | os.O_CREAT) as data:
            # Behind every tile named in the index, even if the file was cut short: their positions stay reserved.
            offset = max(os.fstat(data).st_size, self._index.end)
            offset += -offset % 4
            for r, row in sorted(by_row.items()):
                chunk = b"".join(values.tobytes() for values, _ in row.values())
                write_at(data, chunk, offset)
                crcs = [zlib.crc32(values.tobytes()) for values, _ in row.values()]
                capped = [count for _, count in row.values()]
                lines.append({"row": r, "columns": list(row), "offset": offset, "capped": capped, "crcs": crcs})
                offset += len(chunk)
        with _descriptor(self._index_path, os.O_RDWR | os.O_CREAT | os.O_APPEND) as index:
            size = os.fstat(index).st_size
            torn = size > 0 and os.pread(index, 1, size - 1) != b"\n"
            append(index, (b"\n" if torn else b"") + b"".join(map(crc_line, lines)))

    def _refresh(self) -> None:
        """Read the new index lines; reread all if the folder was replaced."""
        try:
            with _descriptor(self._index_path, os.O_RDONLY) as index:
                status = os.fstat(index)
                identity = (status.st_dev, status.st_ino)
                if identity != self._identity or status.st_size < self._position:
                    self._forget_everything()
                    self._identity = identity
                raw = b""
                while len(raw) < status.st_size - self._position:
                    part = os.pread(index, status.st_size - self._position - len(raw), self._position + len(raw))
                    if not part:
                        break
                    raw += part
        except FileNotFoundError:
            self._forget_everything()
            return
        except OSError as reason:
            raise self._refusal("read", reason) from reason
        whole = raw[: raw.rfind(b"\n") + 1]
        self._position += len(whole)
        for line in whole.split(b"\n"):
            if line and line[:9] == b"%08x " % zlib.crc32(line[9:]):
                self._index.take(json.loads(line[9:]))


@contextmanager
def _descriptor(path: Path, flags: int) -> Iterator[int]:
    number = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield number
    finally:
        os.close(number)
