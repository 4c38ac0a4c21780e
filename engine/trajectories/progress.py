"""Progress of runs, cached in memory and on disk, or by numpy.

The numpy version serves previews before kernels are compiled; its values are not stored.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.arrays import decode, encode
from engine.cache.blobs import BlobCache, content_key
from engine.cache.lru import Recent
from engine.distances.selection import Selection
from engine.errors import CacheError
from engine.machine import run_all
from engine.values import FloatArray

NUMBERS_VERSION = 2
"""Part of every key: raise it when progress can change by more than its rounding."""
MEMORY_LIMIT = 2**26
REMEMBERED_KEYS = 2**13
STEPS = 32
"""Bisections of [0, 1] in the numpy version: to 2^-32, about 2e-10."""
CHUNK_ELEMENTS = 2**17
"""Probabilities per chunk of models, so that all bisections of a chunk stay in the CPU cache."""

_MAGIC = b"ARRAY2\n\0"


def kept_array(blobs: BlobCache, key: str, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """Return the array kept under a key; if there is none or it is damaged, the array is made and kept."""
    if (blob := blobs.get(key)) is not None:
        with contextlib.suppress(CacheError):
            return decode(_MAGIC, blob, np.asarray)
    values = make()
    blobs.put(key, encode(_MAGIC, values))
    return values


class RunProgress:
    """Progress of checkpoints along the geodesic P0 to P*, computed once per run and definition.

    Args:
        blobs: disk cache that keeps the values over restarts.
    """

    def __init__(self, blobs: BlobCache) -> None:
        self._blobs = blobs
        self._recent: Recent[NDArray[np.float64]] = Recent(MEMORY_LIMIT)

    def unread(self, selection: Selection, definition: str = "angle") -> NDArray[np.bool_]:
        """Return (run,) bool, whether the progress of a run is not in memory."""
        return np.array([self._recent.get(key) is None for key in _keys(selection, definition)], dtype=bool)

    def of(
        self, selection: Selection, definition: str = "angle", report: Callable[[float], None] = lambda _: None
    ) -> NDArray[np.float64]:
        """Return the (model,) progress of the runs of a selection.

        Args:
            selection: the runs.
            definition: as in :func:`engine.progress`.
            report: called before each run with the completed fraction; may raise to stop.

        Raises:
            InvalidSpecError: the split has no labels, or the definition is unknown.
            RunFormatError: a run is damaged.
        """
        parts = []
        for done, (run_id, key) in enumerate(zip(selection.run_ids, _keys(selection, definition), strict=True)):
            report(done / len(selection.run_ids))
            if (values := self._recent.get(key)) is None:
                values = kept_array(self._blobs, key, partial(_measured, selection, run_id, definition))
                self._recent.put(key, values, values.nbytes)
            parts.append(values)
        return np.concatenate(parts)


def _measured(selection: Selection, run_id: str, definition: str) -> NDArray[np.float64]:
    from engine.trajectories.geodesics import progress

    predictions = selection.study.predictions(selection.split, [run_id])
    return progress(predictions.log_probabilities, predictions.labels, definition=definition)


def _keys(selection: Selection, definition: str) -> list[str]:
    return [_key(content, selection.order_hash, definition) for content in selection.contents]


@lru_cache(maxsize=REMEMBERED_KEYS)
def _key(contents: tuple[str, ...], order_hash: str, definition: str) -> str:
    return content_key(f"progress-v{NUMBERS_VERSION}", [contents, order_hash, definition])


def uncompiled_progress(log_probabilities: FloatArray, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (model,) progress by angle as :func:`engine.progress`, to 1e-8, without compiled code.

    The angle between ignorance and truth is the same for all samples, so a model's coordinates in the plane of the
    circle follow from the sum of its roots and from its root at the true class.
    """
    n_models, n_samples, n_classes = log_probabilities.shape
    positions = np.empty(n_models)
    step = max(1, CHUNK_ELEMENTS // (n_samples * n_classes))

    def take(part: slice) -> None:
        roots = np.multiply(log_probabilities[part], 0.5, dtype=np.float64)
        np.exp(roots, out=roots)
        roots /= np.sqrt(np.einsum("msc,msc->ms", roots, roots))[:, :, None]
        positions[part] = _bisect(
            roots.sum(axis=2) / np.sqrt(n_classes), roots[:, np.arange(n_samples), labels], n_classes
        )

    run_all([(take, (slice(start, start + step),)) for start in range(0, n_models, step)])
    return positions


def _bisect(along: NDArray[np.float64], true: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
    """Return (model,) minima of the sum of angles, by bisection of its slope, which never falls on [0, 1].

    ``along`` and ``true`` are (model, sample) overlaps with ignorance and with the truth.
    """
    angle = np.arccos(1.0 / np.sqrt(n_classes))
    across = (true - np.cos(angle) * along) / np.sin(angle)
    rest = np.maximum(1.0 - along**2 - across**2, 0.0) + np.finfo(float).tiny
    low, high = np.zeros(len(along)), np.ones(len(along))

    def is_before(t: NDArray[np.float64]) -> NDArray[np.bool_]:
        over = along * np.sin(t * angle)[:, None] - across * np.cos(t * angle)[:, None]
        slopes: NDArray[np.float64] = (over / np.sqrt(rest + over * over)).sum(axis=1)
        return slopes < 0.0

    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        nearer = is_before(middle)
        low, high = np.where(nearer, middle, low), np.where(nearer, high, middle)
    # A minimum at an end of the circle is returned exactly; bisection alone stays half its last step away.
    ended = np.where(low == 0.0, 0.0, 0.5 * (low + high))
    return np.where(high == 1.0, 1.0, ended)
