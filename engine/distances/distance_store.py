"""On-disk store of a study's distances, one tile per pair of runs.

A tile is named by the contents of its two runs, so no tile is ever stale: a run that grew or was recorded again has a
new name, and only its tiles are computed. Reference models are stored like a run.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.distances.memory_folder import memory_folder
from engine.distances.selection import Selection
from engine.distances.table import find_divergence
from engine.distances.tiles.blocks import compute_blocks, plan_blocks
from engine.distances.tiles.file import TileFile
from engine.distances.tiles.packed import PackedDistances, Spare
from engine.distances.tiles.panels import PanelFolder, RunModels, panel_budget
from engine.distances.tiles.sources import Source
from engine.distances.tiles.streamed import TiledDistances
from engine.errors import CacheError, UnwritableCacheError
from engine.machine import check_budget, device_for, memory_budget
from engine.values import Cancelled, Distances, Progress

logger = logging.getLogger(__name__)

ATTEMPTS = 3
SOLVER_BYTES = 8192
"""Bytes per model: about 500 vectors of the eigenvalue solver, and the sums of a pass over the tiles."""
Answer = TypeVar("Answer")


class _Asked(NamedTuple):
    """A request for distances; the fields are the arguments of :meth:`DistanceStore.operator`."""

    selection: Selection
    divergence: str
    progress: Progress | None = None
    cancelled: Cancelled | None = None
    is_fresh: bool = False


class DistanceStore:
    """Distances on disk, one tile per pair of runs; several processes may share a folder.

    Args:
        folder: folder of the tiles. It may be deleted at any time; tiles are then recomputed.
        device: ``"cpu"``, ``"cuda"``, ...; None takes the best available.
        memory: limit in bytes; None takes half of the memory free at each call.

    Attributes:
        trouble: why distances are not kept on disk, for display; empty if they are.
    """

    def __init__(self, folder: str | Path, device: str | None = None, memory: int | None = None) -> None:
        self._folder = Path(folder)
        self._device = device
        self._memory = memory
        self._files: dict[str, TileFile] = {}
        self._panels = PanelFolder(self._folder / "panels", memory=self._memory)
        self._spare = Spare()
        self._moving = threading.Lock()
        self.trouble = ""

    def matrix(
        self,
        selection: Selection,
        *,
        divergence: str = "bhattacharyya",
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Distances:
        """Return the distances between all checkpoints of the selected runs, computing only missing tiles.

        Args:
            selection: the runs; their order is the order of rows and columns.
            divergence: key of ``DIVERGENCES``.
            progress: called with the completed fraction of the missing blocks, between blocks.
            cancelled: polled between blocks; returns whether to stop. Finished blocks are kept.

        Returns:
            (model, model) float32, exactly symmetric with a diagonal of zeros.

        Raises:
            SelectionError: no run with a checkpoint.
            InvalidSpecError: an unknown divergence.
            JobCancelled: ``cancelled`` returned True.
            CacheError: the folder cannot be read or written.
            MemoryBudgetError: the matrix does not fit into memory; :meth:`operator` does not need it.
        """
        n_bytes = 4 * selection.n_models**2
        check_budget(n_bytes, self._budget(n_bytes), f"A matrix of {selection.n_models} models")
        asked = _Asked(selection, divergence, progress, cancelled)
        return self._of_tiles(asked, selection.sources(), TiledDistances.gather)

    def operator(
        self,
        selection: Selection,
        points: Source | None = None,
        *,
        divergence: str = "bhattacharyya",
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
        is_fresh: bool = False,
    ) -> PackedDistances | TiledDistances:
        """Return the distances as an operator for :func:`embed`: in memory if they fit, else streamed from disk.

        Args:
            selection, divergence, progress, cancelled: as for :meth:`matrix`.
            points: reference models, such as those of :func:`.geodesics.on_geodesic`; the last rows and columns.
            is_fresh: whether :meth:`missing` was asked a moment ago: the index of tiles is not read again then.

        Raises:
            MemoryBudgetError: the vectors of the eigenvalue solver do not fit; other errors as for :meth:`matrix`.
        """
        sources = selection.sources(points)
        counts = _counts(sources)
        n_models = int(counts.sum())
        budget = self._budget(SOLVER_BYTES * n_models)
        check_budget(SOLVER_BYTES * n_models, budget, f"An embedding of {n_models} models")
        asked = _Asked(selection, divergence, progress, cancelled, is_fresh)
        if 2 * n_models**2 + SOLVER_BYTES * n_models > budget:
            self._spare.clear()
            return self._of_tiles(asked, sources, lambda tiles: tiles if tiles.add_up() else None)
        return self._of_tiles(asked, sources, lambda tiles: tiles.pack(counts, self._spare))

    def references(
        self,
        selection: Selection,
        points: Source,
        *,
        divergence: str = "bhattacharyya",
        cancelled: Cancelled | None = None,
        is_fresh: bool = False,
    ) -> Distances:
        """Return the (point, model) float32 distances of reference models to the selected runs.

        Arguments and errors are those of :meth:`operator`.
        """
        sources = selection.sources()

        def read(file: TileFile, device: str) -> Distances | None:
            gathered = file.gather([points.name], _names(sources), _counts([points]), _counts(sources))
            return gathered and Distances(gathered[0], divergence, int(gathered[1].sum()), device)

        return self._computed(_Asked(selection, divergence, None, cancelled, is_fresh), [points], sources, read)

    def tiles(self, selection: Selection, *, divergence: str = "bhattacharyya") -> TiledDistances:
        """Return the distances of a selection as tiles on disk; arguments and errors as for :meth:`matrix`."""
        return self._of_tiles(_Asked(selection, divergence), selection.sources(), lambda tiles: tiles)

    def missing(self, selection: Selection, points: Source | None = None, *, divergence: str = "bhattacharyya") -> int:
        """Return the number of pairs of models of the selection without a tile; computes none.

        Args:
            selection, divergence: as for :meth:`matrix`.
            points: reference models: their pairs with the runs are counted, those among themselves are not.
        """
        sources = selection.sources(points)
        counts, names = _counts(sources), _names(sources)
        absent = self._file(selection, divergence).missing(names, names)
        if points is not None:
            absent[-1, -1] = False
        return int((np.outer(counts, counts) * np.tril(absent)).sum())

    def _budget(self, beside: int) -> int:
        """Return the memory budget in bytes; frees the spare array if it does not fit beside ``beside`` bytes."""
        budget = memory_budget(self._memory, self._spare.n_bytes)
        if beside + self._spare.n_bytes > budget:
            self._spare.clear()
        return budget

    def _file(self, selection: Selection, divergence: str) -> TileFile:
        # A digest: study ids never become paths.
        digest = hashlib.blake2b(selection.study.study_id.encode(), digest_size=10).hexdigest()
        name = f"{digest}-{selection.split}-{find_divergence(divergence).key}"
        return self._files.setdefault(name, TileFile(self._folder / name))

    def _of_tiles(
        self, asked: _Asked, sources: list[Source], read: Callable[[TiledDistances], Answer | None]
    ) -> Answer:
        """Return what ``read`` makes of all tiles of the sources; None from it if tiles are damaged."""
        names, counts = _names(sources), _counts(sources)

        def read_file(file: TileFile, device: str) -> Answer | None:
            if (found := file.symmetric(names, counts)) is None:
                return None
            reader, n_capped = found
            return read(TiledDistances(reader, int(counts.sum()), asked.divergence, n_capped, device))

        return self._computed(asked, sources, None, read_file)

    def _computed(
        self,
        asked: _Asked,
        rows: list[Source],
        columns: list[Source] | None,
        read: Callable[[TileFile, str], Answer | None],
    ) -> Answer:
        """Compute the missing tiles and return what ``read`` makes of the file and the device.

        A tile found damaged on reading counts as missing, so the next attempt computes it again. Where the folder
        cannot be written, the next attempt keeps the tiles in memory.
        """
        selection, divergence, progress, cancelled, is_fresh = asked
        device = device_for(self._device)
        names, other_names = _names(rows), _names(rows if columns is None else columns)
        for attempt in range(ATTEMPTS):
            folder, file = self._folder, self._file(selection, divergence)
            absent = file.missing(names, other_names, is_fresh=is_fresh and attempt == 0)
            if absent.any():
                blocks = plan_blocks(rows, columns, absent, 4 * selection.n_values)
                row, models = find_divergence(divergence), RunModels(device, self._panels)
                prepare = models.prepare if row.is_packed else models.read
                # On another device, prepared models take none of this machine's memory.
                room = panel_budget(self._memory) if device == "cpu" else None
                try:
                    compute_blocks(blocks, row.function, prepare, file.add, progress, cancelled, room)
                except UnwritableCacheError as refusal:
                    self._move_to_memory(folder, refusal)
                    continue
            if (found := read(file, device)) is not None:
                return found
        raise CacheError(
            f"Distances written to {self._folder} do not come back as they were written: check that disk, "
            "or choose another cache folder."
        )

    def _move_to_memory(self, folder: Path, refusal: UnwritableCacheError) -> None:
        """Keep distances in memory while this process lives: a folder that cannot be written costs time only."""
        with self._moving:
            if self._folder != folder:
                return
            if self.trouble:
                raise refusal
            try:
                self._folder = memory_folder(self)
            except OSError:
                raise refusal from None
            self._files, self._panels = {}, PanelFolder(self._folder / "panels", memory=self._memory)
            self.trouble = f"{refusal} Until this server ends, distances are kept in memory."
            logger.warning("%s", self.trouble)


def _names(sources: list[Source]) -> list[str]:
    return [source.name for source in sources]


def _counts(sources: list[Source]) -> NDArray[np.int64]:
    return np.array([source.n_models for source in sources], dtype=np.int64)
