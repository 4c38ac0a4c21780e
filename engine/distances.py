"""Distances of a study: computed once per pair of runs, kept on disk, gathered for any selection.

A tile is named by the contents of its two runs, so nothing is ever stale: a run that grew, or was recorded again, has
another name, and only its own tiles are computed. The reference geodesic is a run like any other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.blocks import Group, Source, cut_into_tiles, plan_blocks
from engine.devices import choose_device, find_device
from engine.divergences import Cancelled, Models, Progress, find_divergence
from engine.errors import CacheError, InvalidSpecError, JobCancelled, SelectionError
from engine.geodesics import geodesic
from engine.tile_file import TileFile
from engine.values import Distances

if TYPE_CHECKING:
    from engine.store import Study

REFERENCE_POSITIONS = tuple(np.linspace(0.0, 1.0, 51).tolist())
"""Where the geodesic is sampled unless told otherwise: P0 first, P* last."""
NUMBERS_VERSION = 1
"""Part of every tile's name. Raise it when a change moves distances by more than their rounding."""
PANEL_BYTES = 2**29
"""Models kept prepared between blocks; beyond, they are read and prepared again for every stripe."""
ATTEMPTS = 3


class DistanceStore:
    """Distances on disk, one tile per pair of runs; several processes may share a folder.

    Args:
        folder: where tiles are kept. It may be deleted at any time: that only costs time.
        device: ``"cpu"``, ``"cuda"``, ...; None takes the best there is.
    """

    def __init__(self, folder: str | Path, device: str | None = None) -> None:
        self._folder = Path(folder)
        self._device = device
        self._files: dict[str, TileFile] = {}

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
        """
        sources = self._runs(study, split, run_ids)
        return self._collect(study, split, divergence, sources, None, progress, cancelled)

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
        among = self._collect(study, split, divergence, points, None, None, cancelled)
        return self._collect(study, split, divergence, points, sources, progress, cancelled), among

    def missing(self, study: Study, split: str, run_ids: Sequence[str], *, divergence: str = "bhattacharyya") -> int:
        """Return how many pairs of models of the selection are not computed yet; nothing is computed."""
        sources = self._runs(study, split, run_ids)
        counts = np.array([source.n_models for source in sources])
        absent = self._file(study, split, divergence).missing([source.name for source in sources])
        return int((np.outer(counts, counts) * np.tril(absent)).sum())

    def _file(self, study: Study, split: str, divergence: str) -> TileFile:
        # Names from outside never become paths.
        digest = hashlib.blake2b(study.study_id.encode(), digest_size=10).hexdigest()
        name = f"{digest}-{split}-{find_divergence(divergence).key}"
        return self._files.setdefault(name, TileFile(self._folder / name))

    def _runs(self, study: Study, split: str, run_ids: Sequence[str]) -> list[Source]:
        if split not in study.splits:
            raise InvalidSpecError(f"split must be one of {sorted(study.splits)}, received {split!r}.")

        def make(run_id: str) -> Source:
            contents = study.content_ids(run_id, split)
            name = _name("run", study.study_id, run_id, *contents)
            return Source(name, len(contents), lambda: study.predictions(split, [run_id]).log_probabilities)

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
        return Source(name, len(positions), lambda: geodesic(labels, study.n_classes, positions))

    def _collect(
        self,
        study: Study,
        split: str,
        divergence: str,
        rows: list[Source],
        columns: list[Source] | None,
        progress: Progress | None,
        cancelled: Cancelled | None,
    ) -> Distances:
        """Compute what is missing between rows and columns (None: rows with themselves), then gather."""
        file = self._file(study, split, divergence)
        device = choose_device(self._device) or find_device(None)
        others = rows if columns is None else columns
        names, other_names = ([source.name for source in sources] for sources in (rows, others))
        counts, other_counts = (np.array([source.n_models for source in sources]) for sources in (rows, others))
        # Damage shows when tiles are read; they are then missing, and the second attempt computes them.
        for _ in range(ATTEMPTS):
            absent = file.missing(names, other_names)
            if absent.any():
                blocks = plan_blocks(rows, columns, absent)
                _compute(file, blocks, find_divergence(divergence).function, device, progress, cancelled)
            gathered = file.gather(names, other_names, counts, other_counts)
            if gathered is not None:
                values, capped = gathered
                n_capped = int((np.tril(capped) if columns is None else capped).sum())
                return Distances(values, divergence, n_capped, device)
        raise CacheError(
            f"Distances written to {self._folder} do not come back as they were written: check that disk, "
            "or choose another cache folder."
        )


def _name(*parts: str) -> str:
    text = json.dumps([NUMBERS_VERSION, *parts])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _compute(
    file: TileFile,
    blocks: list[tuple[Group, Group | None]],
    function: Callable[[Models, Models | None], tuple[NDArray[np.float64], NDArray[np.int32]]],
    device: str,
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> None:
    prepared: dict[Group, Models] = {}
    n_bytes = 0

    def prepare(group: Group) -> Models:
        nonlocal n_bytes
        if group in prepared:
            return prepared[group]
        models = Models(np.concatenate([source.load() for source in group]), device)
        size = 2 * models.log_probabilities.nbytes
        if n_bytes + size <= PANEL_BYTES:
            n_bytes += size
            prepared[group] = models
        return models

    last: tuple[Group, Models] | None = None
    for done, (row, column) in enumerate(blocks):
        if cancelled is not None and cancelled():
            raise JobCancelled("The distances were cancelled; finished blocks are kept.")
        last = last if last is not None and last[0] is row else (row, prepare(row))
        values, capped = function(last[1], None if column is None else prepare(column))
        file.add(cut_into_tiles(row, column, values, capped))
        if progress is not None:
            progress((done + 1) / len(blocks))
