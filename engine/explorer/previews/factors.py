"""Cache of low-rank factors of distances, for previews of selections."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.cache.lru import Recent
from engine.distances.distance_store import DistanceStore
from engine.distances.selection import Selection
from engine.distances.tiles.streamed import again_if_damaged
from engine.embedding.low_rank import Preview
from engine.trajectories.geodesics import on_geodesic

WORTHWHILE_MODELS = 4000
"""Fewer models are embedded exactly in well under 0.1 s, and computing the factor would delay that."""
MEMORY_LIMIT = 2**29


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    preview: Preview
    contents: dict[str, tuple[str, ...]]


class Previews:
    """Factors in memory, one per study, split and divergence; valid for a run while its content ids are the same.

    Args:
        distances: store with the distances of the models, and of the reference geodesic.
    """

    def __init__(self, distances: DistanceStore) -> None:
        self._distances = distances
        self._entries: Recent[_Entry] = Recent(MEMORY_LIMIT)

    def find(self, selection: Selection, divergence: str) -> Preview | None:
        """Return the factor for a preview of a selection, or None."""
        entry = self._entries.get(_key(selection, divergence))
        return entry.preview if entry is not None and _covers(entry, selection) else None

    def is_due(self, selection: Selection, divergence: str) -> bool:
        """Return whether the study is large enough, has no factor of its current runs, and has all distances."""
        if int(selection.study.runs["n_checkpoints"].sum()) < WORTHWHILE_MODELS:
            return False
        whole = _measured(selection)
        entry = self._entries.get(_key(selection, divergence))
        if entry is not None and _covers(entry, whole):
            return False
        points = on_geodesic(whole.study, whole.split)
        return not self._distances.missing(whole, points, divergence=divergence)

    def make(self, selection: Selection, divergence: str, check: Callable[[], None]) -> None:
        """Compute and keep the factor of a study.

        Args:
            selection: any runs of the study, on a split.
            divergence: key of ``DIVERGENCES``.
            check: called between passes; may raise to stop.

        Raises:
            MemoryBudgetError, CacheError: as :meth:`DistanceStore.operator`.
        """
        whole = _measured(selection)

        def build() -> Preview:
            source = self._distances.operator(whole, divergence=divergence)
            tiles = self._distances.tiles(whole, divergence=divergence)
            return Preview.build(tiles, source, whole.run_ids, whole.counts.tolist(), check=check)

        preview = again_if_damaged(build)
        contents = dict(zip(whole.run_ids, whole.contents, strict=True))
        self._entries.put(_key(whole, divergence), _Entry(preview, contents), preview.n_bytes)


def _measured(selection: Selection) -> Selection:
    """Return all runs of the study that have a checkpoint."""
    runs = selection.study.runs
    return selection.among([str(run_id) for run_id in runs.index[runs["n_checkpoints"] > 0]])


def _covers(entry: _Entry, selection: Selection) -> bool:
    return all(
        entry.contents.get(run_id) == content
        for run_id, content in zip(selection.run_ids, selection.contents, strict=True)
    )


def _key(selection: Selection, divergence: str) -> str:
    return f"{selection.split}/{divergence}/{selection.study.study_id}"
