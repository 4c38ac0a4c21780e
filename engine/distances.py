"""Distances of a study: computed once per pair of runs, kept on disk, gathered for any selection.

A tile is named by the contents of its two runs, so nothing is ever stale: a run that grew, or was recorded again, has
another name, and only its own tiles are computed. The reference geodesic is a run like any other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.blocks import Source, compute_blocks, plan_blocks
from engine.devices import choose_device, find_device
from engine.divergence_table import find_divergence
from engine.divergences import Cancelled, Progress
from engine.errors import CacheError, InvalidSpecError, SelectionError
from engine.geodesics import geodesic
from engine.memory import check_budget, memory_budget
from engine.packed_distances import PackedDistances
from engine.panels import PanelFolder
from engine.run_models import RunModels
from engine.spare import Spare
from engine.tile_file import TileFile
from engine.tiled_distances import TiledDistances
from engine.values import Distances, FloatArray

if TYPE_CHECKING:
    from engine.store import Study

REFERENCE_POSITIONS = tuple(np.linspace(0.0, 1.0, 51).tolist())
"""Where the geodesic is sampled unless told otherwise: P0 first, P* last."""
NUMBERS_VERSION = 1
"""Part of every tile's name. Raise it when a change moves distances by more than their rounding."""
REMEMBERED_NAMES = 2**13
ATTEMPTS = 3
SOLVER_BYTES = 8192
"""Per model: the vectors of an eigenvalue solution, some five hundred of them, and what passes over tiles add up."""


class DistanceStore:
    """Distances on disk, one tile per pair of runs; several processes may share a folder.

    Args:
        folder: where tiles are kept. It may be deleted at any time: that only costs time.
        device: ``"cpu"``, ``"cuda"``, ...; None takes the best there is.
        memory: bytes it may take; None takes half of what is free at the time.
    """

    def __init__(self, folder: str | Path, device: str | None = None, memory: int | None = None) -> None:
        self._folder = Path(folder)
        self._device = device
        self._memory = memory
        self._files: dict[str, TileFile] = {}
        self._panels = PanelFolder(self._folder / "panels")
        self._spare = Spare()

    def matrix(
        self,
        study: Study,
        split: str,
        run_ids: Sequence[str],
        *,
        divergence: str = "bhattacharyya",
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> Distances:
        """Return the distances between all checkpoints of the selected runs, computing only what is missing.

        Args:
            study: the study.
            split: ``"train"`` or ``"test"``.
            run_ids: the selected runs; their order is the order of rows and columns.
            divergence: key of ``DIVERGENCES``.
            progress: told the fraction done of what is missing, between blocks.
            cancelled: asked between blocks; finished blocks are kept.

        Returns:
            (model, model) float32, exactly symmetric with a diagonal of zeros.

        Raises:
            SelectionError: an unknown run, or none.
            InvalidSpecError: unknown split or divergence.
            JobCancelled: ``cancelled`` said so.
            CacheError: the folder cannot be used.
            MemoryBudgetError: the matrix does not fit into memory; :meth:`selection` does without it.
        """
        sources = self._runs(study, split, run_ids)
        n_models = sum(source.n_models for source in sources)
        check_budget(4 * n_models**2, self._budget(4 * n_models**2), f"A matrix of {n_models} models")
        for tiles in self._tiles(study, split, divergence, sources, progress, cancelled):
            if (gathered := tiles.gather()) is not None:
                return gathered
        raise self._unreadable()

    def selection(
        self,
        study: Study,
        split: str,
        run_ids: Sequence[str],
        positions: ArrayLike | None = None,
        *,
        divergence: str = "bhattacharyya",
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> PackedDistances | TiledDistances:
        """Return what :func:`embed` needs: distances in memory where they fit, else the tiles where they lie.

        Args:
            study, split, run_ids, divergence, progress, cancelled: as for :meth:`matrix`.
            positions: (point,) positions on the geodesic P0 to P*; its points are then the last rows and columns.

        Raises:
            MemoryBudgetError: not even the vectors of a solution fit; else as :meth:`matrix`.
        """
        sources = self._sources(study, split, run_ids, positions)
        counts = np.array([source.n_models for source in sources])
        n_models = int(counts.sum())
        budget = self._budget(SOLVER_BYTES * n_models)
        check_budget(SOLVER_BYTES * n_models, budget, f"An embedding of {n_models} models")
        is_streamed = 2 * n_models**2 + SOLVER_BYTES * n_models > budget
        if is_streamed:
            self._spare.clear()
        for tiles in self._tiles(study, split, divergence, sources, progress, cancelled):
            if is_streamed:
                if tiles.add_up():
                    return tiles
            elif (packed := tiles.pack(counts, self._spare)) is not None:
                return packed
        raise self._unreadable()

    def references(
        self,
        study: Study,
        split: str,
        run_ids: Sequence[str],
        positions: ArrayLike = REFERENCE_POSITIONS,
        *,
        divergence: str = "bhattacharyya",
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
    ) -> tuple[Distances, Distances]:
        """Return the distances of the geodesic P0 to P* to the selected runs, and among its own points.

        Args:
            study: a study with labels for the split.
            split: ``"train"`` or ``"test"``.
            run_ids: the selected runs.
            positions: (point,) positions on the geodesic in [0, 1].
            divergence, progress, cancelled: as for :meth:`matrix`.

        Returns:
            (point, model) and (point, point) float32.

        Raises:
            InvalidSpecError: the split has no labels; else as :meth:`matrix`.
        """
        sources = self._runs(study, split, run_ids)
        points = [self._geodesic(study, split, np.asarray(positions, dtype=np.float64))]
        among = self._rectangle(study, split, divergence, points, points, None, cancelled)
        return self._rectangle(study, split, divergence, points, sources, progress, cancelled), among

    def tiles(
        self, study: Study, split: str, run_ids: Sequence[str], *, divergence: str = "bhattacharyya"
    ) -> TiledDistances:
        """Return the distances of a selection where they lie on disk; as :meth:`matrix` otherwise."""
        for tiles in self._tiles(study, split, divergence, self._runs(study, split, run_ids), None, None):
            return tiles
        raise self._unreadable()

    def missing(
        self,
        study: Study,
        split: str,
        run_ids: Sequence[str],
        positions: ArrayLike | None = None,
        *,
        divergence: str = "bhattacharyya",
    ) -> int:
        """Return how many pairs of models of the selection are not computed yet; nothing is computed.

        Args:
            study, split, run_ids, divergence: as for :meth:`matrix`.
            positions: (point,) positions on the geodesic, counted as models.
        """
        sources = self._sources(study, split, run_ids, positions)
        counts = np.array([source.n_models for source in sources])
        absent = self._file(study, split, divergence).missing([source.name for source in sources])
        return int((np.outer(counts, counts) * np.tril(absent)).sum())

    def _budget(self, beside: int) -> int:
        """Bytes that may be taken; what is kept for later goes where it has no room beside so many of them."""
        budget = memory_budget(self._memory, self._spare.n_bytes)
        if beside + self._spare.n_bytes > budget:
            self._spare.clear()
        return budget

    def _file(self, study: Study, split: str, divergence: str) -> TileFile:
        # Names from outside never become paths.
        digest = hashlib.blake2b(study.study_id.encode(), digest_size=10).hexdigest()
        name = f"{digest}-{split}-{find_divergence(divergence).key}"
        return self._files.setdefault(name, TileFile(self._folder / name))

    def _sources(self, study: Study, split: str, run_ids: Sequence[str], positions: ArrayLike | None) -> list[Source]:
        sources = self._runs(study, split, run_ids)
        if positions is not None:
            sources.append(self._geodesic(study, split, np.asarray(positions, dtype=np.float64)))
        return sources

    def _runs(self, study: Study, split: str, run_ids: Sequence[str]) -> list[Source]:
        if split not in study.splits:
            raise InvalidSpecError(f"split must be one of {sorted(study.splits)}, received {split!r}.")

        def make(run_id: str) -> Source:
            contents = study.content_ids(run_id, split)
            name = _name("run", study.study_id, run_id, *contents)
            return Source(name, len(contents), lambda which: study.log_probabilities(split, run_id, which))

        sources = [source for run_id in run_ids if (source := make(run_id)).n_models]
        if not sources:
            raise SelectionError(
                f"run_ids must name at least one run of {study.study_id!r} with a checkpoint, received {len(run_ids)} "
                "runs without any: select others."
            )
        return sources

    def _geodesic(self, study: Study, split: str, positions: NDArray[np.float64]) -> Source:
        labels = study.splits[split].labels
        if labels is None:
            raise InvalidSpecError(f"The {split} split of {study.study_id!r} has no labels, so it has no truth P*.")
        name = _name("geodesic", str(study.n_classes), positions.tobytes().hex(), labels.tobytes().hex())

        def load(which: Sequence[int] | None) -> FloatArray:
            return geodesic(labels, study.n_classes, positions if which is None else positions[list(which)])

        return Source(name, len(positions), load)

    def _tiles(
        self,
        study: Study,
        split: str,
        divergence: str,
        sources: list[Source],
        progress: Progress | None,
        cancelled: Cancelled | None,
    ) -> Iterator[TiledDistances]:
        """Compute what is missing among the sources, and yield the tiles; again for as long as they are damaged."""
        file = self._file(study, split, divergence)
        names, counts = [source.name for source in sources], np.array([source.n_models for source in sources])
        for device in self._attempts(study, split, divergence, sources, None, progress, cancelled):
            if (found := file.symmetric(names, counts)) is not None:
                reader, n_capped = found
                yield TiledDistances(reader, int(counts.sum()), divergence, n_capped, device)

    def _rectangle(
        self,
        study: Study,
        split: str,
        divergence: str,
        rows: list[Source],
        columns: list[Source],
        progress: Progress | None,
        cancelled: Cancelled | None,
    ) -> Distances:
        """Compute what is missing between rows and columns, then gather."""
        file = self._file(study, split, divergence)
        names, other_names = ([source.name for source in sources] for sources in (rows, columns))
        counts, other_counts = (np.array([source.n_models for source in sources]) for sources in (rows, columns))
        others = None if columns is rows else columns
        for device in self._attempts(study, split, divergence, rows, others, progress, cancelled):
            gathered = file.gather(names, other_names, counts, other_counts)
            if gathered is not None:
                values, capped = gathered
                return Distances(values, divergence, int((np.tril(capped) if others is None else capped).sum()), device)
        raise self._unreadable()

    def _attempts(
        self,
        study: Study,
        split: str,
        divergence: str,
        rows: list[Source],
        columns: list[Source] | None,
        progress: Progress | None,
        cancelled: Cancelled | None,
    ) -> Iterator[str]:
        """Compute what is missing, and yield the device.

        Damage shows when tiles are read; they are then missing, and the next attempt computes them.
        """
        file = self._file(study, split, divergence)
        device = choose_device(self._device) or find_device(None)
        names = [source.name for source in rows]
        other_names = names if columns is None else [source.name for source in columns]
        for _ in range(ATTEMPTS):
            absent = file.missing(names, other_names)
            if absent.any():
                blocks = plan_blocks(rows, columns, absent, 4 * study.splits[split].n_samples * study.n_classes)
                row, models = find_divergence(divergence), RunModels(device, self._panels)
                prepare = models.prepare if row.is_packed else models.read
                compute_blocks(blocks, row.function, prepare, file.add, progress, cancelled)
            yield device

    def _unreadable(self) -> CacheError:
        return CacheError(
            f"Distances written to {self._folder} do not come back as they were written: check that disk, "
            "or choose another cache folder."
        )


@lru_cache(maxsize=REMEMBERED_NAMES)
def _name(*parts: str) -> str:
    text = json.dumps([NUMBERS_VERSION, *parts])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
