"""The distances of a selection while they lie on disk: gathered into a matrix, or multiplied where they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import CacheError
from engine.kernels.threads import run_all, thread_count
from engine.packed_distances import Blocks, PackedDistances
from engine.spare import Spare
from engine.tile_reader import Ints, TileReader
from engine.values import Distances, DistanceSums


@dataclass(frozen=True, slots=True, eq=False)
class TileSums:
    """What each tile adds up to; sums over any selection of whole runs follow.

    Attributes:
        rows: (model, run) float32, of each model's distances to the models of a run.
        squares: (run, run) float64, of all squares between two runs.
    """

    rows: NDArray[np.float32]
    squares: NDArray[np.float64]

    def selected_rows(self, runs: Ints, starts: Ints) -> NDArray[np.float64]:
        """Return the (chosen model,) row sums of a selection.

        Args:
            runs: (chosen run,) the selection, by place.
            starts: (run + 1,) first model of each run, and the number of models.
        """
        from engine.kernels.gather import add_chosen

        models = np.concatenate([np.arange(starts[run], starts[run + 1]) for run in runs])
        weights = np.zeros(self.rows.shape[1])
        weights[runs] = 1.0
        out = np.empty(len(models))
        step = max(2048, -(-len(models) // thread_count()))
        slabs = [slice(start, start + step) for start in range(0, len(models), step)]
        run_all([(add_chosen, (self.rows, models[slab], weights, out[slab])) for slab in slabs])
        return out


class TiledDistances:
    """(model, model) distances as tiles, each unordered pair of runs once.

    What it takes the matrix as given for is known by how tiles are made: symmetric, finite, with a zero diagonal.

    Args:
        reader: the tiles; their places are (tile, 4): first row, first column, height, width.
        n_models: models of the selection.
        divergence, n_capped, device: as of :class:`Distances`.
    """

    dtype = np.dtype(np.float32)
    vectors_per_pass = 16
    """A pass reads the disk, or at least its cache: there should be few."""
    is_streamed = True

    def __init__(self, reader: TileReader, n_models: int, divergence: str, n_capped: int, device: str) -> None:
        self._reader = reader
        self.n_models = n_models
        self.divergence = divergence
        self.n_capped = n_capped
        self.device = device
        self._sums: DistanceSums | None = None

    @property
    def sums(self) -> DistanceSums:
        """Row sums and sum of squares, added up in one pass on first use.

        Raises:
            CacheError: tiles turned out damaged.
        """
        if self._sums is None and not self.add_up():
            raise _damaged()
        assert self._sums is not None
        return self._sums

    def add_up(self) -> bool:
        """Add the distances up, comparing checksums on the way; False where tiles turned out damaged."""
        return self._pass(None)

    def gather(self) -> Distances | None:
        """Return the whole matrix in memory, or None where tiles turned out damaged."""
        from engine.kernels.gather import place_symmetric

        out = np.empty((self.n_models, self.n_models), dtype=np.float32)

        def place(buffer: NDArray[np.float32], starts: Ints, places: Ints) -> None:
            place_symmetric(buffer, starts, places, out)

        if not self._pass(place):
            return None
        return Distances(out, self.divergence, self.n_capped, self.device, self._sums)

    def pack(self, models: Ints, spare: Spare) -> PackedDistances | None:
        """Return one side of the diagonal in memory, or None where tiles turned out damaged.

        Args:
            models: (run,) int64, how many models each has.
            spare: where the memory is from, and where it goes with the distances' end.
        """
        from engine.kernels.gather import place_in_blocks

        blocks = Blocks(models)
        out = spare.take(blocks.size)

        def place(buffer: NDArray[np.float32], starts: Ints, places: Ints) -> None:
            place_in_blocks(buffer, starts, places, blocks.of_model, blocks.table, out)

        if not self._pass(place):
            spare.give(out)
            return None
        packed = PackedDistances(out, blocks, self.sums, self.divergence, self.n_capped, self.device)
        spare.give_after(packed, out)
        return packed

    def _pass(self, place: Callable[[NDArray[np.float32], Ints, Ints], None] | None) -> bool:
        from engine.kernels.gather import add_sums

        rows = np.zeros((self._reader.n_parts, self.n_models))
        squares = np.zeros(self._reader.n_parts)

        def consume(part: int, buffer: NDArray[np.float32], starts: Ints, places: Ints) -> None:
            if place is not None:
                place(buffer, starts, places)
            squares[part] += add_sums(buffer, starts, places, rows[part])

        if not self._reader.read(consume):
            return False
        self._sums = DistanceSums(rows.sum(axis=0), float(squares.sum()))
        return True

    def sums_by_run(self, models: Ints) -> TileSums:
        """Return what each tile adds up to.

        Args:
            models: (run,) int64, how many models each has.

        Raises:
            CacheError: tiles turned out damaged.
        """
        from engine.kernels.gather import sum_tiles

        sums = TileSums(np.zeros((self.n_models, len(models)), dtype=np.float32), np.zeros((len(models), len(models))))
        run_of = np.repeat(np.arange(len(models)), models)

        def consume(_: int, buffer: NDArray[np.float32], starts: Ints, places: Ints) -> None:
            sum_tiles(buffer, starts, places, run_of, sums.rows, sums.squares)

        if not self._reader.read(consume):
            raise _damaged()
        return sums

    def products_by_run(
        self, models: Ints, factor: NDArray[np.float32], eigenvalues: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        r"""Return the (run, run) sums of distances times :math:`F \Lambda F^T`.

        Args:
            models: (run,) int64, how many models each has.
            factor: (model, rank) F.
            eigenvalues: (rank,) the diagonal of :math:`\Lambda`.

        Raises:
            CacheError: tiles turned out damaged.
        """
        from engine.kernels.gather import multiply_tiles_by_factor

        out = np.zeros((len(models), len(models)))
        run_of = np.repeat(np.arange(len(models)), models)
        scaled = (factor * eigenvalues).astype(np.float32)

        def consume(_: int, buffer: NDArray[np.float32], starts: Ints, places: Ints) -> None:
            multiply_tiles_by_factor(buffer, starts, places, run_of, factor, scaled, out)

        if not self._reader.read(consume):
            raise _damaged()
        return out

    def multiply(self, vectors: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[np.float64]:
        """Return the distances applied to (model, vector) columns, each tile used for both of its sides.

        Raises:
            CacheError: tiles are not there any more as they were.
        """
        from engine.kernels.skinny import as_lanes, as_vectors, multiply_tiles

        lanes = as_lanes(vectors, dtype)
        products = np.zeros((self._reader.n_parts, *lanes.shape))

        def consume(part: int, buffer: NDArray[np.float32], starts: Ints, places: Ints) -> None:
            multiply_tiles(buffer, starts, places, lanes, products[part])

        if not self._reader.read(consume):
            raise _damaged()
        return as_vectors(products, vectors.shape[1])

    def columns(self, models: Sequence[int]) -> NDArray[np.float64]:
        """Return the (model, column) distances to some of the models."""
        unit = np.zeros((self.n_models, len(models)))
        unit[models, np.arange(len(models))] = 1.0
        return self.multiply(unit, self.dtype)


def _damaged() -> CacheError:
    return CacheError(
        "Distances on disk were damaged or cut short while they were being read: ask again, and they are measured anew."
    )
