r"""Tiles of distances on disk: one per pair of runs, written once, appended only, shared between processes.

A folder holds two files. ``tiles.f32`` is the tiles, one after the other, each ``(row model, column model)`` float32 in
C order. ``index.jsonl`` says where they are; a line is ``<crc> <body>\n`` with the CRC-32 of the body, and a body is

``{"run": number, "name": name, "models": count}``
    what a number stands for from here on. The name is made of the run's contents, so a run that grew is another run.
``{"row": number, "columns": [numbers], "offset": bytes, "capped": [counts], "crcs": [CRC-32s]}``
    the tiles of one row run with column runs of lower or equal number, one behind the other from the offset.

Tiles are written before the line that mentions them, so the line is the commit. A line that is torn or damaged says
nothing; a tile that is cut short or does not match its CRC is forgotten and said, and computed again by whoever asks.
Writers take the folder's lock; readers take none.
"""

from __future__ import annotations

import json
import os
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import CacheError
from engine.files import append, folder_lock, write_at
from engine.tile_index import TileIndex
from engine.tile_reader import Ints, TileReader


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """Distances between two runs, on their way to disk.

    Attributes:
        row, column: names of the runs.
        values: (row model, column model).
        n_capped: capped overlaps; within one run each unordered pair once.
    """

    row: str
    column: str
    values: NDArray[Any]
    n_capped: int


class TileFile:
    """The tiles of one folder.

    Args:
        folder: created where it is missing; may vanish at any time, which only costs the tiles.
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

    def missing(self, names: Sequence[str], others: Sequence[str] | None = None) -> NDArray[np.bool_]:
        """Return (name, other) whether the tile of two runs is missing; ``others`` defaults to ``names``."""
        with self._lock:
            self._refresh()
            return np.asarray(self._index.entries(names, names if others is None else others)[1] < 0)

    def gather(
        self,
        names: Sequence[str],
        others: Sequence[str],
        row_models: NDArray[np.int64],
        column_models: NDArray[np.int64],
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
        """Return the tiles side by side, or None where some are missing or turned out damaged.

        Args:
            names: runs of the rows.
            others: runs of the columns.
            row_models: (name,) how many models each has.
            column_models: (other,) likewise.

        Returns:
            (row model, column model) float32 and (name, other) capped overlaps.
        """
        from engine.kernels.gather import place_tiles

        with self._lock:
            self._refresh()
            entries, offsets, flipped = self._index.entries(names, others)
            if (offsets < 0).any():
                return None
            out = np.empty((int(row_models.sum()), int(column_models.sum())), dtype=np.float32)
            row_starts, column_starts = np.cumsum(row_models) - row_models, np.cumsum(column_models) - column_models
            i, j = np.indices(offsets.shape).reshape(2, -1)
            places = np.stack([row_starts[i], column_starts[j], row_models[i], column_models[j], flipped[i, j]], axis=1)
            reader = self._reader(entries[i, j], offsets[i, j], places)

            def consume(_: int, buffer: NDArray[np.float32], starts: Ints, places: Ints) -> None:
                place_tiles(buffer, starts, places, out)

            if reader is None or not reader.read(consume):
                return None
            return out, self._index.capped[entries]

    def symmetric(self, names: Sequence[str], models: NDArray[np.int64]) -> tuple[TileReader, int] | None:
        """Return a reader of the tiles among some runs, each pair once, or None where some are missing.

        Args:
            names: the runs.
            models: (name,) how many models each has.

        Returns:
            The reader, whose places are (tile, 4): first row, first column, height, width; and all capped overlaps.
        """
        with self._lock:
            self._refresh()
            entries, offsets, flipped = self._index.entries(names, names)
            if (offsets < 0).any():
                return None
            # Of the two sides of the diagonal, the one on which a tile does not lie transposed; a run that is named
            # twice lies as well on either.
            same = np.equal.outer(*[np.unique(names, return_inverse=True)[1]] * 2)
            i, j = np.nonzero(~flipped & ~np.triu(same, 1))
            starts = np.cumsum(models) - models
            places = np.stack([starts[i], starts[j], models[i], models[j]], axis=1)
            reader = self._reader(entries[i, j], offsets[i, j], places)
            return None if reader is None else (reader, int(self._index.capped[entries[i, j]].sum()))

    def _reader(self, entries: Ints, offsets: Ints, places: Ints) -> TileReader | None:
        """None where the tiles are gone, and with them what the index says of them."""
        try:
            return TileReader(self._data_path, self._index, entries, offsets, places)
        except FileNotFoundError:
            self._index.offsets[entries] = -1
            return None
        except OSError as reason:
            raise self._refusal("read", reason) from reason

    def add(self, tiles: Sequence[Tile]) -> None:
        """Append those of the tiles that nobody has appended yet.

        Raises:
            CacheError: the folder cannot be written.
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
        return CacheError(
            f"Distances cannot be {verb} in {self._folder} ({reason.strerror}): free some space or mend its "
            "permissions, or choose another cache folder."
        )

    def _append(self, tiles: Sequence[Tile]) -> None:
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
            # Behind every tile an index line speaks of, even where the file has been cut short: their places are taken.
            offset = max(os.fstat(data.number).st_size, self._index.end)
            offset += -offset % 4
            for r, row in sorted(by_row.items()):
                chunk = b"".join(values.tobytes() for values, _ in row.values())
                write_at(data.number, chunk, offset)
                crcs = [zlib.crc32(values.tobytes()) for values, _ in row.values()]
                capped = [count for _, count in row.values()]
                lines.append({"row": r, "columns": list(row), "offset": offset, "capped": capped, "crcs": crcs})
                offset += len(chunk)
        with _descriptor(self._index_path, os.O_RDWR | os.O_CREAT | os.O_APPEND) as index:
            size = os.fstat(index.number).st_size
            torn = size > 0 and os.pread(index.number, 1, size - 1) != b"\n"
            append(index.number, (b"\n" if torn else b"") + b"".join(map(_line, lines)))

    def _refresh(self) -> None:
        """Take in the index lines that this process has not seen; start anew where the folder was replaced."""
        try:
            with _descriptor(self._index_path, os.O_RDONLY) as index:
                status = os.fstat(index.number)
                identity = (status.st_dev, status.st_ino)
                if identity != self._identity or status.st_size < self._position:
                    self._forget_everything()
                    self._identity = identity
                raw = b""
                while len(raw) < status.st_size - self._position:
                    part = os.pread(index.number, status.st_size - self._position - len(raw), self._position + len(raw))
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


class _descriptor:
    """A file descriptor for the length of a ``with`` block."""

    def __init__(self, path: Path, flags: int) -> None:
        self.number = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)

    def __enter__(self) -> _descriptor:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.number)


def _line(body: dict[str, Any]) -> bytes:
    raw = json.dumps(body, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(raw), raw)
