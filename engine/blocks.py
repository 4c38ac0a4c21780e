"""Which blocks of distances to compute, given the tiles that are missing; computing them; how they become tiles.

Tiles are small (one pair of runs) and models are expensive to prepare, so missing tiles are computed in blocks of up
to ``BLOCK_MODELS`` on a side, or where one side is short of up to as many pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.divergences import BLOCK_MODELS, Cancelled, Progress
from engine.errors import JobCancelled
from engine.tile_file import Tile
from engine.values import FloatArray

PREPARED_BYTES = 2**29
"""Panels kept between blocks; beyond, they are read or made again for every stripe."""
WIDE_BYTES = 2**28
"""Models on the long side of a block whose other side is short."""
SMALL_GROUP_MODELS = 64
"""Runs with different missing tiles share a group up to this size: recomputing a few beats many small blocks."""


@dataclass(frozen=True, slots=True)
class Source:
    """A run, or the geodesic: what tiles are made of."""

    name: str
    n_models: int
    load: Callable[[Sequence[int] | None], FloatArray]
    """(model, sample, class) log-probabilities of some of its models, or with None of all."""


Group = tuple[Source, ...]


class _Prepared(Protocol):
    """Models that a divergence takes."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def __len__(self) -> int: ...


Prepared = TypeVar("Prepared", bound=_Prepared)


def _groups(sources: list[Source], absent: NDArray[np.bool_]) -> list[tuple[Group, NDArray[np.int64]]]:
    """Cut sources into groups of at most BLOCK_MODELS models, runs with the same missing tiles together.

    Args:
        sources: the runs.
        absent: (source, other) which tiles are missing.

    Returns:
        The groups, each with the indices of its sources.
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
    """Return the pairs of groups between which any tile is missing; None means the group with itself.

    Args:
        rows: the runs of the rows.
        columns: those of the columns; None means ``rows``.
        absent: (row, column) which tiles are missing.
        model_bytes: what a model takes, prepared.
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
            # Threads share out one wide block better than several narrow ones, each to its end.
            count = sum(source.n_models for source in column)
            if wide and (2 * n_rows > BLOCK_MODELS or width + count > widest):
                blocks.append((row, tuple(wide)))
                wide, width = [], 0
            wide += column
            width += count
        if wide:
            blocks.append((row, tuple(wide)))
    return blocks


def cut_into_tiles(
    row: Group, column: Group | None, values: NDArray[np.float64], capped: NDArray[np.int32]
) -> list[Tile]:
    """Cut a block of distances into the tiles of its pairs of runs."""
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
    function: Callable[[Prepared, Prepared | None], tuple[NDArray[np.float64], NDArray[np.int32]]],
    prepare: Callable[[Group], Prepared],
    keep: Callable[[list[Tile]], None],
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> None:
    """Compute blocks one after the other.

    Args:
        blocks: from :func:`plan_blocks`.
        function: of a divergence.
        prepare: makes a group ready.
        keep: takes the tiles of a finished block.
        progress: told the fraction done, between blocks.
        cancelled: asked between blocks.

    Raises:
        JobCancelled: ``cancelled`` said so.
    """
    prepared: dict[Group, Prepared] = {}
    n_bytes = 0

    def ready(group: Group) -> Prepared:
        nonlocal n_bytes
        if group in prepared:
            return prepared[group]
        models = prepare(group)
        size = 4 * len(models) * models.shape[0] * models.shape[1]
        if n_bytes + size <= PREPARED_BYTES:
            n_bytes += size
            prepared[group] = models
        return models

    last: tuple[Group, Prepared] | None = None
    for done, (row, column) in enumerate(blocks):
        if cancelled is not None and cancelled():
            raise JobCancelled("The distances were cancelled; finished blocks are kept.")
        last = last if last is not None and last[0] is row else (row, ready(row))
        values, capped = function(last[1], None if column is None else ready(column))
        keep(cut_into_tiles(row, column, values, capped))
        if progress is not None:
            progress((done + 1) / len(blocks))
