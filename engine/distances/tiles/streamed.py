"""Distance matrix of a selection, streamed from tiles on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.distances.tiles.packed import Blocks, PackedDistances, Spare
from engine.distances.tiles.reader import Ints, TileReader
from engine.errors import DamagedDistancesError
from engine.machine import run_all, thread_count
from engine.values import Distances, DistanceSums

DAMAGED = (
    "Distances on disk were damaged or cut short while they were being read: ask again, and they are measured anew."
)
Answer = TypeVar("Answer")


def again_if_damaged(read: Callable[[], Answer]) -> Answer:
    """Return what ``read`` makes of distances that it takes from their store.

    It is called once more if tiles turn out damaged between two passes: the store then measures them anew.

    Raises:
        DamagedDistancesError: they were damaged again meanwhile.
    """
    try:
        return read()
    except DamagedDistancesError:
        return read()


@dataclass(frozen=True, slots=True, eq=False)
class TileSums:
    """Sums per tile, from which the sums over any selection of whole runs follow.

    Attributes:
        rows: (model, run) float32, sum of a model's distances to the models of a run.
        squares: (run, run) float64, sum of the squared distances between two runs.
    """

    rows: NDArray[np.float32]
    squares: NDArray[np.float64]

    def selected_rows(self, runs: Ints, starts: Ints) -> NDArray[np.float64]:
        """Return the (chosen model,) row sums of a selection.

        Args:
            runs: (chosen run,) int64, indices of the selected runs.
            starts: (run + 1,) int64, first model of each run, and the number of models.
        """
        from engine.distances.tiles.passes import add_chosen

        models = np.concatenate([np.arange(starts[run], starts[run + 1]) for run in runs])
        weights = np.zeros(self.rows.shape[1])
        weights[runs] = 1.0
        out = np.empty(len(models))
        step = max(2048, -(-len(models) // thread_count()))
        slabs = [slice(start, start + step) for start in range(0, len(models), step)]
        run_all([(add_chosen, (self.rows, models[slab], weights, out[slab])) for slab in slabs])
        return out


@dataclass(eq=False)
class TiledDistances:
    """(model, model) distances as tiles, each unordered pair of runs once.

    The matrix is symmetric and finite with a zero diagonal by construction of the tiles. Sums and products raise
    DamagedDistancesError if tiles are damaged.

    Attributes:
        reader: reader of the tiles; places are (tile, 4): first row, first column, height, width.
        n_models: number of models of the selection.
        divergence, n_capped, device: as in :class:`Distances`.
    """

    reader: TileReader
    n_models: int
    divergence: str
    n_capped: int
    device: str
    _sums: DistanceSums | None = field(default=None, init=False)

    dtype = np.dtype(np.float32)
    vectors_per_pass = 16
    """Twice as many as in memory: a pass reads the disk or its cache, so there should be few."""
    is_streamed = True

    @property
    def sums(self) -> DistanceSums:
        """Row sums and sum of squares, computed in one pass on first use."""
        if self._sums is None and not self.add_up():
            raise DamagedDistancesError(DAMAGED)
        assert self._sums is not None
        return self._sums

    def add_up(self) -> bool:
        """Compute the sums and check the CRCs in one pass; return False if tiles are damaged."""
        return self._pass(lambda *_: None)

    def gather(self) -> Distances | None:
        """Return the whole matrix in memory, or None if tiles are damaged."""
        from engine.distances.tiles.passes import place_symmetric

        out = np.empty((self.n_models, self.n_models), dtype=np.float32)
        if not self._pass(place_symmetric, out):
            return None
        return Distances(out, self.divergence, self.n_capped, self.device, self._sums)

    def pack(self, models: Ints, spare: Spare) -> PackedDistances | None:
        """Return the packed matrix in memory, or None if tiles are damaged.

        Args:
            models: (run,) int64, number of models per run.
            spare: pool the memory is taken from, and returned to when the result is garbage-collected.
        """
        from engine.distances.tiles.passes import place_in_blocks

        blocks = Blocks(models)
        out = spare.take(blocks.size)
        if not self._pass(place_in_blocks, blocks.of_model, blocks.table, out):
            spare.give(out)
            return None
        packed = PackedDistances(out, blocks, self.sums, self.divergence, self.n_capped, self.device)
        spare.give_after(packed, out)
        return packed

    def _pass(self, place: Callable[..., None], *arguments: Any) -> bool:
        """Read all tiles once, add up their sums and place them; return False if tiles are damaged."""
        from engine.distances.tiles.passes import add_sums

        rows = np.zeros((self.reader.n_parts, self.n_models))
        squares = np.zeros(self.reader.n_parts)

        def consume(part: int, buffer: NDArray[np.float32], starts: Ints, places: Ints) -> None:
            place(buffer, starts, places, *arguments)
            squares[part] += add_sums(buffer, starts, places, rows[part])

        if not self.reader.read(consume):
            return False
        self._sums = DistanceSums(rows.sum(axis=0), float(squares.sum()))
        return True

    def sums_by_run(self, models: Ints) -> TileSums:
        """Return the row sums and the sum of squares of each tile; ``models`` is the (run,) number of models."""
        from engine.distances.tiles.passes import sum_tiles

        sums = TileSums(np.zeros((self.n_models, len(models)), dtype=np.float32), np.zeros((len(models), len(models))))
        run_of = np.repeat(np.arange(len(models)), models)
        if not self.reader.each(sum_tiles, run_of, sums.rows, sums.squares):
            raise DamagedDistancesError(DAMAGED)
        return sums

    def products_by_run(
        self, models: Ints, factor: NDArray[np.float32], eigenvalues: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        r"""Return the (run, run) inner products of the distances with :math:`F \Lambda F^T`, per tile.

        Args:
            models: (run,) int64, number of models per run.
            factor: (model, rank) float32, F.
            eigenvalues: (rank,) float64, the diagonal of :math:`\Lambda`.
        """
        from engine.distances.tiles.passes import multiply_tiles_by_factor

        out = np.zeros((len(models), len(models)))
        run_of = np.repeat(np.arange(len(models)), models)
        scaled = (factor * eigenvalues).astype(np.float32)
        if not self.reader.each(multiply_tiles_by_factor, run_of, factor, scaled, out):
            raise DamagedDistancesError(DAMAGED)
        return out

    def multiply(self, vectors: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[np.float64]:
        """Return D @ vectors as (model, vector) float64, with products in precision ``dtype``.

        Each tile is used for both sides of the diagonal.
        """
        from engine.distances.tiles.products import as_lanes, as_vectors, multiply_tiles

        lanes = as_lanes(vectors, dtype)
        products = np.zeros((self.reader.n_parts, *lanes.shape))

        def consume(part: int, buffer: NDArray[np.float32], starts: Ints, places: Ints) -> None:
            multiply_tiles(buffer, starts, places, lanes, products[part])

        if not self.reader.read(consume):
            raise DamagedDistancesError(DAMAGED)
        return as_vectors(products, vectors.shape[1])

    def columns(self, models: Sequence[int]) -> NDArray[np.float64]:
        """Return the (model, column) distances to some of the models."""
        unit = np.zeros((self.n_models, len(models)))
        unit[models, np.arange(len(models))] = 1.0
        return self.multiply(unit, self.dtype)
