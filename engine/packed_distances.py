"""The distances of a selection in memory, one side of the diagonal only.

Runs are taken together into groups of up to ``GROUP_MODELS`` models. Between two groups lies a *block*, a rectangle of
its own in memory, so that filling it and multiplying it is at home in a small cache and reads on without a jump; on
the diagonal it is a whole square. Blocks lie one behind the other, row by row. That is half of the matrix, and half
the time to fill it, at no loss: a product uses each entry for both of its sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.kernels.threads import run_all, thread_count
from engine.values import DistanceSums

GROUP_MODELS = 256
"""A run with more is a group of its own."""

Ints = NDArray[np.int64]


class Blocks:
    """Where the blocks of a packed matrix lie.

    Args:
        models: (run,) int64, how many models each has.

    Attributes:
        starts: (group + 1,) first model of each group, and the number of models.
        table: (block, 5) int64: where it starts, first row, first column, height, width. The block of groups a and b,
            b <= a, is row a (a + 1) / 2 + b.
        of_model: (model,) int64, the group a model belongs to.
        size: how many numbers there are in all.
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


class PackedDistances:
    """(model, model) distances, one side of the diagonal in memory.

    Args:
        values: (value,) float32, laid out as ``blocks`` says; what lies behind is not read.
        blocks: where what lies.
        sums: row sums and sum of squares.
        divergence, n_capped, device: as of :class:`Distances`.
    """

    dtype = np.dtype(np.float32)
    vectors_per_pass = 8
    """Each number is used for both of its sides: with more vectors, arithmetic takes longer than memory does."""
    is_streamed = False

    def __init__(
        self,
        values: NDArray[np.float32],
        blocks: Blocks,
        sums: DistanceSums,
        divergence: str,
        n_capped: int,
        device: str,
    ) -> None:
        self._values = values
        self._blocks = blocks
        self.n_models = len(blocks.of_model)
        self.sums = sums
        self.divergence = divergence
        self.n_capped = n_capped
        self.device = device

    def multiply(self, vectors: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[np.float64]:
        """Return the distances applied to (model, vector) columns, with products in this precision."""
        from engine.kernels.skinny import as_lanes, as_vectors, multiply_blocks

        lanes = as_lanes(vectors, dtype)
        parts = self._parts()
        products = np.zeros((len(parts), *lanes.shape))
        run_all([(multiply_blocks, (self._values, part, lanes, products[n])) for n, part in enumerate(parts)])
        return as_vectors(products, vectors.shape[1])

    def _parts(self) -> list[Ints]:
        """Blocks with about as many entries for each thread."""
        table = self._blocks.table
        cuts = np.searchsorted(table[:, 0], self._blocks.size * np.arange(1, thread_count()) / thread_count())
        return [part for part in np.split(table, cuts) if len(part)]

    def columns(self, models: Sequence[int]) -> NDArray[np.float64]:
        """Return the (model, column) distances to some of the models."""
        wanted = np.asarray(models, dtype=np.int64)
        out = np.empty((self.n_models, len(wanted)))
        starts = self._blocks.starts
        groups = self._blocks.of_model[wanted]
        for group in np.unique(groups).tolist():
            places = np.flatnonzero(groups == group)
            inside = wanted[places] - starts[group]
            for other in range(len(starts) - 1):
                rows = slice(starts[other], starts[other + 1])
                out[rows, places] = (
                    self._block(group, other)[inside].T if other <= group else self._block(other, group)[:, inside]
                )
        return out

    def _block(self, group: int, other: int) -> NDArray[np.float32]:
        """Return the (row model, column model) block of a group and one that is not behind it."""
        start, _, _, height, width = self._blocks.table[group * (group + 1) // 2 + other].tolist()
        return self._values[start : start + height * width].reshape(height, width)
