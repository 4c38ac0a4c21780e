"""Planning and computation of the blocks that cover missing tiles.

Tiles are small (one pair of runs) and models are expensive to prepare, so missing tiles are computed in blocks of up
to ``BLOCK_MODELS`` per side or, if one side is short, of up to ``BLOCK_MODELS**2`` pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.distances.kernels.contract import Models
from engine.distances.prepared import BLOCK_MODELS, Block
from engine.distances.split import LogModels
from engine.distances.tiles.file import Tile
from engine.distances.tiles.sources import Source
from engine.errors import JobCancelled
from engine.values import Cancelled, Progress

PREPARED_BYTES = 2**29
"""Bytes of prepared models kept between blocks; the others are prepared again for every row of blocks."""
WIDE_BYTES = 2**28
"""Bytes of models on the long side of a block whose other side is short."""
SMALL_GROUP_MODELS = 64
"""Runs with different missing tiles share a group up to this size: recomputing a few tiles beats many small blocks."""
Group = tuple[Source, ...]
Prepared = TypeVar("Prepared", Models, LogModels)


def _groups(sources: list[Source], absent: NDArray[np.bool_]) -> list[tuple[Group, NDArray[np.int64]]]:
    """Return groups of at most BLOCK_MODELS models; runs with the same missing tiles are grouped together.

    Each group comes with the indices of its sources; ``absent`` is (source, other) bool, whether the tile is missing.
    """
    patterns = [row.tobytes() for row in absent]
    order = sorted(range(len(sources)), key=lambda i: (patterns[i], i))
    groups: list[list[int]] = []
    size = 0
    for i in order:
        count = sources[i].n_models
        changes = bool(groups) and patterns[groups[-1][-1]] != patterns[i] and size > SMALL_GROUP_MODELS
        if not groups or changes or size + count > BLOCK_MODELS:
            groups.append([])
            size = 0
        groups[-1].append(i)
        size += count
    return [(tuple(sources[i] for i in group), np.array(group)) for group in groups]


def plan_blocks(
    rows: list[Source], columns: list[Source] | None, absent: NDArray[np.bool_], model_bytes: int
) -> list[tuple[Group, Group | None]]:
    """Return the pairs of groups with a missing tile; None as the second means the group with itself.

    Args:
        rows: the runs of the rows.
        columns: the runs of the columns; None means ``rows``.
        absent: (row, column) bool, whether the tile is missing.
        model_bytes: bytes of a prepared model.
    """
    row_groups = _groups(rows, absent)
    column_groups = row_groups if columns is None else _groups(columns, absent.T)
    blocks: list[tuple[Group, Group | None]] = []
    for n, (row, i) in enumerate(row_groups):
        n_rows = sum(source.n_models for source in row)
        widest = min(BLOCK_MODELS**2 // max(1, n_rows), WIDE_BYTES // model_bytes)
        wide: list[Source] = []
        width = 0
        for k, (column, j) in enumerate(column_groups if columns is not None else column_groups[: n + 1]):
            if not absent[np.ix_(i, j)].any():
                continue
            if columns is None and k == n:
                blocks.append((row, None))
                continue
            # One wide block keeps all threads busy; narrow ones make them wait at each end.
            count = sum(source.n_models for source in column)
            if wide and (2 * n_rows > BLOCK_MODELS or width + count > widest):
                blocks.append((row, tuple(wide)))
                wide, width = [], 0
            wide += column
            width += count
        if wide:
            blocks.append((row, tuple(wide)))
    return blocks


def _cut_into_tiles(row: Group, column: Group | None, block: Block) -> list[Tile]:
    """Return the tiles of a block, one per pair of runs."""
    values, capped = block
    tiles = []
    top = 0
    for i, a in enumerate(row):
        left = 0
        for j, b in enumerate(row[: i + 1] if column is None else column):
            place = slice(top, top + a.n_models), slice(left, left + b.n_models)
            count = np.tril(capped[place]) if column is None and i == j else capped[place]
            tiles.append(Tile(a.name, b.name, values[place], int(count.sum())))
            left += b.n_models
        top += a.n_models
    return tiles


def compute_blocks(
    blocks: list[tuple[Group, Group | None]],
    function: Callable[[Prepared, Prepared | None], Block],
    prepare: Callable[[Group], Prepared],
    keep: Callable[[list[Tile]], None],
    progress: Progress | None,
    cancelled: Cancelled | None,
    room: int | None = None,
) -> None:
    """Compute the blocks in order and pass their tiles to ``keep``.

    Args:
        blocks: pairs of groups from :func:`plan_blocks`.
        function: the divergence: (rows, columns or None) -> values and capped-sample counts.
        prepare: returns the prepared models of a group.
        keep: receives the tiles of a finished block.
        progress, cancelled: as for :meth:`DistanceStore.matrix`; JobCancelled if ``cancelled`` returns True.
        room: bytes of prepared models to keep at most; None for ``PREPARED_BYTES``.
    """
    most = PREPARED_BYTES if room is None else min(room, PREPARED_BYTES)
    prepared: dict[Group, Prepared] = {}
    n_bytes = 0

    def ready(group: Group) -> Prepared:
        nonlocal n_bytes
        if group in prepared:
            return prepared[group]
        models = prepare(group)
        size = 4 * len(models) * models.shape[0] * models.shape[1]
        if n_bytes + size <= most:
            n_bytes += size
            prepared[group] = models
        return models

    last: tuple[Group, Prepared] | None = None
    for done, (row, column) in enumerate(blocks):
        if cancelled is not None and cancelled():
            raise JobCancelled("The distances were cancelled; finished blocks are kept.")
        last = last if last is not None and last[0] is row else (row, ready(row))
        keep(_cut_into_tiles(row, column, function(last[1], None if column is None else ready(column))))
        if progress is not None:
            progress((done + 1) / len(blocks))
