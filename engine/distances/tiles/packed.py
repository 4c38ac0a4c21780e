"""Symmetric distance matrix in packed storage, lower block triangle only.

Runs are combined into groups of up to ``GROUP_MODELS`` models. The *block* of two groups is a contiguous rectangle, so
that filling and multiplying it stays in a small cache and reads sequentially; a diagonal block is a full square.
Blocks are stored consecutively, row by row. Storage and fill time are half those of the full matrix; a product uses
each entry for both sides of the diagonal.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.machine import run_all, thread_count
from engine.values import DistanceSums

GROUP_MODELS = 256
"""Most models per group; a larger run is a group of its own."""

Ints = NDArray[np.int64]
SPARE_BYTES = 2**29
"""Largest spare array in bytes; larger ones are freed."""
HEADROOM = 8
"""Arrays are allocated 1 / HEADROOM larger than needed, for a slightly larger next selection. Untouched pages cost
nothing."""
Values = NDArray[np.float32]


class Blocks:
    """Layout of the blocks of a packed matrix.

    Args:
        models: (run,) int64, number of models per run.

    Attributes:
        starts: (group + 1,) int64, first model of each group, and the number of models.
        table: (block, 5) int64: offset, first row, first column, height, width. The block of groups a and b, b <= a,
            is row a (a + 1) / 2 + b.
        of_model: (model,) int64, group of the model.
        size: total number of values.
    """

    def __init__(self, models: Ints) -> None:
        starts = [0]
        end = 0
        for count in models.tolist():
            if end + count - starts[-1] > GROUP_MODELS and end > starts[-1]:
                starts.append(end)
            end += count
        self.starts: Ints = np.array([*starts, end])
        sizes = np.diff(self.starts)
        a, b = np.tril_indices(len(sizes))
        areas = sizes[a] * sizes[b]
        offsets = np.cumsum(areas) - areas
        self.table: Ints = np.stack([offsets, self.starts[a], self.starts[b], sizes[a], sizes[b]], axis=1)
        self.of_model: Ints = np.repeat(np.arange(len(sizes)), sizes)
        self.size = int(areas.sum())


@dataclass(frozen=True, eq=False)
class PackedDistances:
    """(model, model) distances, one side of the diagonal in memory.

    Attributes:
        values: (value,) float32 in the layout of ``blocks``; values past its size are not read.
        blocks: layout of the values.
        sums: row sums and sum of squares.
        divergence, n_capped, device: as in :class:`Distances`.
    """

    values: Values
    blocks: Blocks
    sums: DistanceSums
    divergence: str
    n_capped: int
    device: str

    dtype = np.dtype(np.float32)
    vectors_per_pass = 8
    """Each value is used for both sides; with more vectors the arithmetic takes longer than reading memory."""
    is_streamed = False

    @property
    def n_models(self) -> int:
        return len(self.blocks.of_model)

    def multiply(self, vectors: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[np.float64]:
        """Return D @ vectors as (model, vector) float64, with products in precision ``dtype``."""
        from engine.distances.tiles.products import as_lanes, as_vectors, multiply_blocks

        lanes = as_lanes(vectors, dtype)
        parts = self._parts()
        products = np.zeros((len(parts), *lanes.shape))
        run_all([(multiply_blocks, (self.values, part, lanes, products[n])) for n, part in enumerate(parts)])
        return as_vectors(products, vectors.shape[1])

    def _parts(self) -> list[Ints]:
        """Return the table of blocks cut into parts of about equal size, one per thread."""
        table = self.blocks.table
        cuts = np.searchsorted(table[:, 0], self.blocks.size * np.arange(1, thread_count()) / thread_count())
        return [part for part in np.split(table, cuts) if len(part)]

    def columns(self, models: Sequence[int]) -> NDArray[np.float64]:
        """Return the (model, column) distances to some of the models."""
        wanted = np.asarray(models, dtype=np.int64)
        out = np.empty((self.n_models, len(wanted)))
        starts = self.blocks.starts
        groups = self.blocks.of_model[wanted]
        for group in np.unique(groups).tolist():
            places = np.flatnonzero(groups == group)
            inside = wanted[places] - starts[group]
            for other in range(len(starts) - 1):
                rows = slice(starts[other], starts[other + 1])
                out[rows, places] = (
                    self._block(group, other)[inside].T if other <= group else self._block(other, group)[:, inside]
                )
        return out

    def _block(self, group: int, other: int) -> Values:
        """Return the (row model, column model) block of two groups, ``other <= group``."""
        start, _, _, height, width = self.blocks.table[group * (group + 1) // 2 + other].tolist()
        return self.values[start : start + height * width].reshape(height, width)


class Spare:
    """Pool of at most one unused array; thread-safe.

    Args:
        limit: largest array kept, in bytes.
    """

    def __init__(self, limit: int = SPARE_BYTES) -> None:
        self._limit = limit
        # Deque operations are atomic; a lock could deadlock with :meth:`give` called from the garbage collector.
        self._arrays: deque[Values] = deque(maxlen=1)

    @property
    def n_bytes(self) -> int:
        """Bytes of the array kept."""
        return sum(array.nbytes for array in tuple(self._arrays))

    def take(self, size: int) -> Values:
        """Return an uninitialised float32 array of at least ``size`` values, to be returned by :meth:`give`."""
        with suppress(IndexError):
            array = self._arrays.pop()
            if len(array) >= size:
                return array
            del array  # before the larger one is allocated
        return np.empty(size + size // HEADROOM, dtype=np.float32)

    def give(self, array: Values) -> None:
        """Keep an array from :meth:`take` that is no longer in use."""
        if array.nbytes <= self._limit:
            self._arrays.append(array)

    def give_after(self, user: object, array: Values) -> None:
        """Keep an array once ``user``, its only user, is garbage-collected."""
        weakref.finalize(user, self.give, array).atexit = False

    def clear(self) -> None:
        """Free the array."""
        self._arrays.clear()
