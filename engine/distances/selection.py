"""Runs of one split of a study, with the contents of their checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.distances.tiles.sources import Source, source_name
from engine.errors import SelectionError

if TYPE_CHECKING:
    from engine.store.study import Study


@dataclass(frozen=True, eq=False)
class Selection:
    """Runs of one split, resolved once: cache keys, tile names and numbers of models all follow from it.

    Attributes:
        study: snapshot of the study.
        split: ``"train"`` or ``"test"``.
        run_ids: the runs; their order is the order of rows and columns.
        contents: (run,) content ids of each run's checkpoints, as :meth:`Study.content_ids`.
    """

    study: Study
    split: str
    run_ids: tuple[str, ...]
    contents: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, study: Study, split: str, run_ids: Sequence[str]) -> Selection:
        """Return some runs of a study.

        Raises:
            InvalidSpecError: the study has no such split.
            SelectionError: an unknown run.
        """
        study.probe_set(split)
        return cls(study, split, tuple(run_ids), tuple(study.content_ids(run_id, split) for run_id in run_ids))

    def among(self, run_ids: Sequence[str]) -> Selection:
        """Return other runs of the same snapshot; contents that are known are not asked for again."""
        known = dict(zip(self.run_ids, self.contents, strict=True))
        contents = (known.get(run_id) or self.study.content_ids(run_id, self.split) for run_id in run_ids)
        return Selection(self.study, self.split, tuple(run_ids), tuple(contents))

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(run,) number of checkpoints of each run."""
        return np.array([len(content) for content in self.contents], dtype=np.int64)

    @property
    def n_models(self) -> int:
        return int(self.counts.sum())

    @property
    def n_values(self) -> int:
        """Return n_samples * n_classes, the number of values of a model."""
        return self.study.splits[self.split].n_samples * self.study.n_classes

    @property
    def order_hash(self) -> str:
        """Return the digest of the split's labels."""
        return self.study.splits[self.split].order_hash

    def sources(self, points: Source | None = None) -> list[Source]:
        """Return the runs with a checkpoint, then ``points``.

        Raises:
            SelectionError: no run has a checkpoint.
        """

        def source(run_id: str, content: tuple[str, ...]) -> Source:
            name = source_name("run", self.study.study_id, run_id, *content)
            return Source(name, len(content), lambda which: self.study.log_probabilities(self.split, run_id, which))

        found = [source(run_id, ids) for run_id, ids in zip(self.run_ids, self.contents, strict=True) if ids]
        if not found:
            raise SelectionError(
                f"run_ids must name at least one run of {self.study.study_id!r} with a checkpoint, received "
                f"{len(self.run_ids)} runs without any: select others."
            )
        return found if points is None else [*found, points]
