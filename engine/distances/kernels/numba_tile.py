"""CPU kernel: panels of sixteen models, multi-threaded over pairs of panels.

A panel is ``(sample, class, lane)``, contiguous, so that the innermost loop (:mod:`.vector_ir`) streams through both
of its panels. Samples are padded to a multiple of four with rows whose overlap is one. The last panel of a list of
models has half the lanes if they suffice: forty checkpoints fill their lanes exactly. Panels of several runs are joined
without copying.

A pair's result does not depend on the positions of its models in their panels, so tiles may be cut anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.distances.kernels.contract import OVERLAP_FLOOR
from engine.distances.kernels.vector_ir import LANES, SAMPLES_PER_MOVE, fill_tile
from engine.machine import run_all

TASK_PANELS = 4
"""Row panels per task; it has as many column panels, or more if there are few rows."""

_BOUND = np.float32(OVERLAP_FLOOR * (1 + 1e-5))
"""Overlaps bounded from below by an entry of this size cannot be capped and are not counted; the margin covers
rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class NumbaPanels:
    """Square roots of the models' probabilities, in panels.

    Attributes:
        panels: each (padded sample, class, lane) float32; lanes past the last model repeat it.
        table: (panel, 4) int64: address, lanes, models, index of the first model.
        n_samples: number of samples without padding.
        smallest_entries: (panel,) float32, the smallest entry of each panel.
    """

    panels: tuple[NDArray[np.float32], ...]
    table: NDArray[np.int64]
    n_samples: int
    smallest_entries: NDArray[np.float32]

    @property
    def n_models(self) -> int:
        return int(self.table[:, 2].sum())

    @property
    def smallest(self) -> float:
        return float(self.smallest_entries.min())


class NumbaKernel:
    """Tiles on the CPU; the contract is in ``engine/distances/kernels/contract.py``."""

    def pack(self, roots: Iterable[NDArray[np.float32]], n_models: int) -> NumbaPanels:
        """Transpose blocks of models into panels."""
        panels: tuple[NDArray[np.float32], ...] = ()
        start = 0
        for block in roots:
            if not panels:
                n_samples, n_classes = block.shape[1:]
                panels = split(np.empty(packed_size(n_models, n_samples, n_classes), np.float32), n_samples, n_classes)
            last = -(-(start + len(block)) // LANES)
            run_all([(_transpose, (block, panels[k], start - k * LANES)) for k in range(start // LANES, last)])
            start += len(block)
        assert start == n_models
        smallest = run_all([(panel[:n_samples].min, ()) for panel in panels])
        return wrap(panels, n_models, n_samples, np.array(smallest))

    def tile(self, rows: NumbaPanels, columns: NumbaPanels | None) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Return (row, column) mean distances and the numbers of capped overlaps."""
        symmetric = columns is None
        other = rows if columns is None else columns
        values = np.empty((rows.n_models, other.n_models))
        capped = np.zeros(values.shape, dtype=np.int32)
        width = max(TASK_PANELS, TASK_PANELS**2 // len(rows.panels))
        n_padded, n_classes, _ = rows.panels[0].shape
        calls: list[Any] = []
        for i in range(0, len(rows.panels), TASK_PANELS):
            last = min(i + TASK_PANELS, len(rows.panels)) if symmetric else len(other.panels)
            for j in range(0, last, width):
                tables = rows.table[i : i + TASK_PANELS], other.table[j : j + width]
                calls.append((fill_tile, (*tables, symmetric, n_classes, n_padded, rows.n_samples, values)))
        # Rows have unit length, hence sums of at least one: an overlap is at least the larger smallest entry.
        for row in np.flatnonzero(rows.smallest_entries < _BOUND):
            for column in np.flatnonzero(other.smallest_entries[: row + 1 if symmetric else None] < _BOUND):
                calls.append((_count, (rows, other, row, column, symmetric, capped)))
        run_all(calls)
        return values, capped


def packed_size(n_models: int, n_samples: int, n_classes: int) -> int:
    """Return the number of floats in the panels of ``n_models`` models."""
    half = LANES // 2
    return -(-n_models // half) * half * -(-n_samples // SAMPLES_PER_MOVE) * SAMPLES_PER_MOVE * n_classes


def split(packed: NDArray[np.float32], n_samples: int, n_classes: int) -> tuple[NDArray[np.float32], ...]:
    """Return views of the consecutive panels in ``packed``."""
    depth = -(-n_samples // SAMPLES_PER_MOVE) * SAMPLES_PER_MOVE * n_classes
    return tuple(
        packed[k : k + LANES * depth].reshape(depth // n_classes, n_classes, -1)
        for k in range(0, len(packed), LANES * depth)
    )


def wrap(
    panels: tuple[NDArray[np.float32], ...], n_models: int, n_samples: int, smallest: NDArray[np.float32]
) -> NumbaPanels:
    """Return filled panels with their table."""
    counts = [min(LANES, n_models - LANES * k) for k in range(len(panels))]
    return NumbaPanels(panels, _table(panels, counts), n_samples, smallest)


def join(parts: Sequence[NumbaPanels]) -> NumbaPanels:
    """Return the concatenation of several lists of models, without copying their panels."""
    panels = tuple(panel for part in parts for panel in part.panels)
    counts = [int(n) for part in parts for n in part.table[:, 2]]
    smallest = np.concatenate([part.smallest_entries for part in parts])
    return NumbaPanels(panels, _table(panels, counts), parts[0].n_samples, smallest)


def _table(panels: Sequence[NDArray[np.float32]], counts: Sequence[int]) -> NDArray[np.int64]:
    starts = np.cumsum(counts) - counts
    addresses = [panel.ctypes.data for panel in panels]
    return np.array([addresses, [panel.shape[2] for panel in panels], counts, starts], dtype=np.int64).T.copy()


def _transpose(block: NDArray[np.float32], panel: NDArray[np.float32], lane: int) -> None:
    """Write models of a block into a panel; ``lane`` is the lane of the block's first model and may be negative."""
    n_samples = block.shape[1]
    models, first = block[max(0, -lane) :][: panel.shape[2] - max(0, lane)], max(0, lane)
    last = first + len(models)
    panel[:n_samples, :, first:last] = models.transpose(1, 2, 0)
    panel[:n_samples, :, last:] = models[-1, :, :, None]
    panel[n_samples:, :, first:] = 0.0
    panel[n_samples:, 0, first:] = 1.0


def _count(rows: NumbaPanels, columns: NumbaPanels, i: int, j: int, symmetric: bool, capped: NDArray[np.int32]) -> None:
    """Write the counts of capped overlaps between row panel i and column panel j into ``capped``."""
    (n_rows, row), (n_columns, column) = rows.table[i, 2:], columns.table[j, 2:]
    counts = np.zeros((n_rows, n_columns), dtype=np.int32)
    _count_capped(rows.panels[i], columns.panels[j], rows.n_samples, counts)
    capped[row : row + n_rows, column : column + n_columns] = counts
    if symmetric:
        capped[column : column + n_columns, row : row + n_rows] = counts.T


@njit(nogil=True, cache=True)
def _smallest(entries, n_models):  # type: ignore[no-untyped-def]
    smallest = entries[0, 0]
    for c in range(entries.shape[0]):
        for lane in range(n_models):
            smallest = min(smallest, entries[c, lane])
    return smallest


@njit(nogil=True, cache=True, fastmath={"contract"})
def _count_capped(a, b, n_samples, counts):  # type: ignore[no-untyped-def]
    n_rows, n_columns = counts.shape
    overlaps = np.empty(b.shape[2], np.float32)
    for n in range(n_samples):
        if max(_smallest(a[n], n_rows), _smallest(b[n], n_columns)) >= _BOUND:
            continue
        for i in range(n_rows):
            overlaps[:] = 0.0
            for c in range(a.shape[1]):
                x = a[n, c, i]
                for lane in range(b.shape[2]):
                    overlaps[lane] += x * b[n, c, lane]
            for j in range(n_columns):
                counts[i, j] += np.int32(overlaps[j] < np.float32(OVERLAP_FLOOR))
