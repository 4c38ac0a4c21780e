"""Which studies have a factor to preview their selections with, and when it is worth making one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.distances import DistanceStore
from engine.preview import Preview
from engine.recent import Recent
from engine.values import EmbeddingSpec

if TYPE_CHECKING:
    from engine.store import Study

WORTHWHILE_MODELS = 4000
"""Fewer are embedded exactly in well under a tenth of a second, and making a factor would be in the way of that."""
MEMORY_LIMIT = 2**29


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    preview: Preview
    contents: dict[str, tuple[str, ...]]


class Previews:
    """Factors in memory, one per study, split and divergence; one is valid for a run as long as the run's contents are.

    Args:
        distances: where they are made from.
        positions: positions of reference points, whose distances must be there as well.
    """

    def __init__(self, distances: DistanceStore, positions: Sequence[float]) -> None:
        self._distances = distances
        self._positions = positions
        self._entries: Recent[_Entry] = Recent(MEMORY_LIMIT)

    def find(self, spec: EmbeddingSpec, study: Study) -> Preview | None:
        """The factor that a selection can be previewed with, or None."""
        entry = self._entries.get(_key(spec))
        return entry.preview if entry is not None and _covers(entry, spec.run_ids, spec.split, study) else None

    def is_due(self, spec: EmbeddingSpec, study: Study) -> bool:
        """Whether the study deserves a factor, has none of its present runs, and has all its distances."""
        run_ids = _measured_runs(study)
        if int(study.runs["n_checkpoints"].sum()) < WORTHWHILE_MODELS:
            return False
        entry = self._entries.get(_key(spec))
        if entry is not None and _covers(entry, run_ids, spec.split, study):
            return False
        return not self._distances.missing(study, spec.split, run_ids, self._positions, divergence=spec.divergence)

    def make(self, spec: EmbeddingSpec, study: Study, check: Callable[[], None]) -> None:
        """Make the factor of a study.

        Args:
            spec: any question about it.
            study: the study.
            check: called between passes; may raise to stop.

        Raises:
            MemoryBudgetError, CacheError: as :meth:`DistanceStore.selection`.
        """
        run_ids = _measured_runs(study)
        contents = {run_id: study.content_ids(run_id, spec.split) for run_id in run_ids}
        source = self._distances.selection(study, spec.split, run_ids, divergence=spec.divergence)
        tiles = self._distances.tiles(study, spec.split, run_ids, divergence=spec.divergence)
        preview = Preview.build(tiles, source, run_ids, [len(ids) for ids in contents.values()], check=check)
        self._entries.put(_key(spec), _Entry(preview, contents), preview.n_bytes)


def _measured_runs(study: Study) -> list[str]:
    return [str(run_id) for run_id in study.runs.index[study.runs["n_checkpoints"] > 0]]


def _covers(entry: _Entry, run_ids: Sequence[str], split: str, study: Study) -> bool:
    return all(entry.contents.get(run_id) == study.content_ids(run_id, split) for run_id in run_ids)


def _key(spec: EmbeddingSpec) -> str:
    return f"{spec.split}/{spec.divergence}/{spec.study_id}"
