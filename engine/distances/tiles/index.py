"""In-memory index of a tile file: run numbers and tile offsets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class TileIndex:
    """Tables over all pairs of runs; tile (r, c) with c <= r is entry r (r + 1) / 2 + c.

    Attributes:
        numbers: run name -> run number.
        next_number: number of the next new run.
        end: first byte behind every tile named in an index line.
        offsets: (entry,) int64, first byte of the tile; -1 if absent.
        capped: (entry,) int64, count of capped overlaps.
        crcs: (entry,) uint32, CRC-32 of the tile.
    """

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.next_number = 0
        self.end = 0
        self.offsets = np.full(0, -1, dtype=np.int64)
        self.capped = np.zeros(0, dtype=np.int64)
        self.crcs = np.zeros(0, dtype=np.uint32)
        self._models: dict[int, int] = {}

    def take(self, body: dict[str, Any]) -> None:
        """Add the body of one index line."""
        if "run" in body:
            number = body["run"]
            self.numbers[body["name"]] = number
            self._models[number] = body["models"]
            self.next_number = max(self.next_number, number + 1)
            return
        r, columns = body["row"], body["columns"]
        # A number whose own line is damaged stays reserved, so that no other run inherits its tiles.
        self.next_number = max(self.next_number, r + 1)
        self._make_room(r)
        offset = body["offset"]
        for c, capped, crc in zip(columns, body["capped"], body["crcs"], strict=True):
            if r not in self._models or c not in self._models:
                break
            entry = r * (r + 1) // 2 + c
            self.offsets[entry], self.capped[entry], self.crcs[entry] = offset, capped, crc
            offset += 4 * self._models[r] * self._models[c]
        self.end = max(self.end, offset)

    def _make_room(self, number: int) -> None:
        needed = (number + 1) * (number + 2) // 2
        extra = needed - len(self.offsets)
        if extra > 0:
            extra = max(extra, len(self.offsets) // 2)
            self.offsets = np.concatenate([self.offsets, np.full(extra, -1, dtype=np.int64)])
            self.capped = np.concatenate([self.capped, np.zeros(extra, dtype=np.int64)])
            self.crcs = np.concatenate([self.crcs, np.zeros(extra, dtype=np.uint32)])

    def entries(
        self, names: Sequence[str], others: Sequence[str]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Return (name, other) arrays: entry in the triangle, offset or -1, and whether the tile is transposed."""
        r = np.array([self.numbers.get(name, -1) for name in names], dtype=np.int64)[:, None]
        c = np.array([self.numbers.get(name, -1) for name in others], dtype=np.int64)[None, :]
        high, low = np.maximum(r, c), np.minimum(r, c)
        entries = np.where(low < 0, -1, high * (high + 1) // 2 + low)
        known = (entries >= 0) & (entries < len(self.offsets))
        offsets = np.full(entries.shape, -1, dtype=np.int64)
        offsets[known] = self.offsets[entries[known]]
        return entries, offsets, np.broadcast_to(r, entries.shape) < c
