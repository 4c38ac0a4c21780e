"""The distances of a selection in memory, one side of the diagonal only.

Rows are cut into blocks of whole runs, at least ``BLOCK_ROWS`` of them. A block reaches from the first column to the
end of the square on the diagonal that its own rows make; blocks lie one behind the other. That is half of the matrix,
and half the time to fill it, at no loss: a product uses each entry for both of its sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.kernels.threads import run_all, thread_count
from engine.values import DistanceSums

BLOCK_ROWS = 160
"""A block's share of the vectors stays in the first cache levels."""

Ints = NDArray[np.int64]


class Blocks:
    """Where the blocks of a packed matrix lie.

    Args:
        models: (run,) int64, how many models each has.

    Attributes:
        table: (block, 4) int64: where it starts, first row, height, width.
        of_model: (model,) int64, the block a model's row lies in.
        size: how many numbers there are in all.
    """

    def __init__(self, models: Ints) -> None:
        ends = np.cumsum(models)
        rows = [0]
        for end in ends.tolist():
            if end - rows[-1] >= BLOCK_ROWS or end == ends[-1]:
                rows.append(end)
        first, widths = np.array(rows[:-1]), np.array(rows[1:])
        heights = widths - first
        sizes = heights * widths
        self.table: Ints = np.stack([np.cumsum(sizes) - sizes, first, heights, widths], axis=1)
        self.of_model: Ints = np.repeat(np.arange(len(first)), heights)
        self.size = int(sizes.sum())


class PackedDistances:
    """(model, model) distances, one side of the diagonal in memory.

    Args:
        values: (value,) float32, laid out as ``blocks`` says.
        blocks: where what lies.
        sums: row sums and sum of squares.
        divergence, n_capped, device: as of :class:`Distances`.
    """

    dtype = np.dtype(np.float32)
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
        ends = table[:, 0] + table[:, 2] * table[:, 3]
        cuts = np.searchsorted(ends, ends[-1] * np.arange(1, thread_count()) / thread_count()) + 1
        return [part for part in np.split(table, cuts) if len(part)]

    def columns(self, models: Sequence[int]) -> NDArray[np.float64]:
        """Return the (model, column) distances to some of the models."""
        wanted = np.asarray(models, dtype=np.int64)
        out = np.empty((self.n_models, len(wanted)))
        for start, row, height, width in self._blocks.table.tolist():
            block = self._values[start : start + height * width].reshape(height, width)
            left, inside = np.flatnonzero(wanted < width), np.flatnonzero((wanted >= row) & (wanted < row + height))
            out[row : row + height, left] = block[:, wanted[left]]
            out[:width, inside] = block[wanted[inside] - row].T
        return out
