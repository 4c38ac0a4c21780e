"""Progress of the checkpoints of runs, computed once per run and definition and kept over restarts."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.cache import BlobCache
from engine.recent import Recent

if TYPE_CHECKING:
    from engine.store import Study

NUMBERS_VERSION = 2
"""Part of every name: raise it when progress can change by more than its rounding."""
MEMORY_LIMIT = 2**26
REMEMBERED_KEYS = 2**13


class RunProgress:
    """How far along the geodesic P0 to P* the checkpoints of runs are.

    Args:
        blobs: where the values survive a restart.
    """

    def __init__(self, blobs: BlobCache) -> None:
        self._blobs = blobs
        self._recent: Recent[NDArray[np.float64]] = Recent(MEMORY_LIMIT)

    def knows(self, study: Study, split: str, run_id: str, definition: str = "angle") -> bool:
        """Whether the progress of a run is in memory."""
        return self._recent.get(_key(study, split, run_id, definition)) is not None

    def of(self, study: Study, split: str, run_id: str, definition: str = "angle") -> NDArray[np.float64]:
        """Return (checkpoint,) progress of one run; ``definition`` as in :func:`engine.progress`.

        Raises:
            InvalidSpecError: the split has no labels, or no such definition.
            RunFormatError: the run turned out damaged.
        """
        n_checkpoints = len(study.content_ids(run_id, split))
        key = _key(study, split, run_id, definition)
        values = self._recent.get(key)
        if values is None and (blob := self._blobs.get(key)) is not None and len(blob) == 8 * n_checkpoints:
            values = np.frombuffer(blob, "<f8")
        if values is None:
            from engine.geodesics import progress

            predictions = study.predictions(split, [run_id])
            values = progress(predictions.log_probabilities, predictions.labels, definition=definition)
            self._blobs.put(key, values.astype("<f8").tobytes())
        self._recent.put(key, values, values.nbytes)
        return values


def _key(study: Study, split: str, run_id: str, definition: str) -> str:
    return _key_of(study.content_ids(run_id, split), study.splits[split].order_hash, definition)


@lru_cache(maxsize=REMEMBERED_KEYS)
def _key_of(contents: tuple[str, ...], order_hash: str, definition: str) -> str:
    canonical = json.dumps([contents, order_hash, definition], separators=(",", ":"))
    return f"progress-v{NUMBERS_VERSION}-{hashlib.sha256(canonical.encode()).hexdigest()}"
