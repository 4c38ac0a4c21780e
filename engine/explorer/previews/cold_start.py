"""Previews by numpy while kernels are being compiled.

All distances of a selection are computed in memory and none is kept; the exact scene follows from the kernels.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.cache.blobs import BlobCache
from engine.errors import RunFormatError
from engine.machine import memory_budget
from engine.trajectories.geodesics import POSITIONS, on_geodesic
from engine.values import Coordinates, Embedding, EmbeddingSpec, PreviewEmbedding, PreviewScene, References

if TYPE_CHECKING:
    from engine.distances.selection import Selection
    from engine.explorer.plan import Plan

DIVERGENCE = "bhattacharyya"
SECONDS_PER_PAIR, SECONDS_PER_MODEL = 1e-10, 5e-8
"""Seconds of one core per sample and class."""
WORTHWHILE_SECONDS = 5.0
"""Longest predicted time of a preview: compiling the kernels takes about as long."""
BYTES_PER_PAIR, BYTES_PER_VALUE = 32, 16
DECISION_SECONDS = 5.0
"""Longest wait for the check of the kernels, which imports numba; after it no preview is made."""
DISTANCE_ERROR = 1e-6
"""Largest difference between a compiled and an uncompiled distance, by the contract of the kernels."""


class ColdStart:
    """State of the compilation of kernels, and the previews until it ends.

    Args:
        folder: cache folder, which holds tiles of the example during the compilation.
        blobs: disk cache with the lease that lets one process at a time compile.
        memory: bytes that a preview may take; None for half of the free memory at the time.
    """

    def __init__(self, folder: Path, blobs: BlobCache, memory: int | None) -> None:
        self._folder = folder
        self._blobs = blobs
        self._memory = memory
        self._decided = threading.Event()
        self._decided.set()
        self._is_on = False
        self._drawing = threading.Lock()
        self._last: PreviewScene | None = None

    @property
    def is_on(self) -> bool:
        """Return whether scenes wait for the kernels; blocks up to ``DECISION_SECONDS`` while that is being checked."""
        return self._decided.wait(DECISION_SECONDS) and self._is_on

    def expect(self) -> None:
        """Make :attr:`is_on` block until :meth:`overcome` has checked the kernels."""
        if not self._is_on:
            self._decided.clear()

    def overcome(self, check: Callable[[], None]) -> None:
        """Check whether the kernels are compiled, and have another process compile them if not.

        Args:
            check: called a few times a second; may raise to stop.
        """
        from engine.explorer.previews.compiling import are_compiled, compile_apart

        try:
            self._is_on = not are_compiled()
        finally:
            self._decided.set()
        if self._is_on:
            with self._blobs.lease("kernels", check):
                if not are_compiled():
                    compile_apart(self._folder, check)

    def end(self) -> None:
        """End the cold start: no preview is made any more, and the last one is dropped."""
        self._is_on = False
        self._decided.set()
        self._last = None

    def can_preview(self, spec: EmbeddingSpec, selection: Selection) -> bool:
        """Return whether a preview of this selection is possible before the kernels are compiled."""
        if spec.divergence != DIVERGENCE or not self.is_on:
            return False
        n_models, n_values = selection.n_models, selection.n_values
        seconds = n_models * n_values * (SECONDS_PER_MODEL + SECONDS_PER_PAIR * n_models / 2)
        n_bytes = BYTES_PER_PAIR * n_models**2 + BYTES_PER_VALUE * n_models * n_values
        return seconds <= WORTHWHILE_SECONDS and n_bytes <= memory_budget(self._memory)

    def preview(self, plan: Plan) -> PreviewScene | None:
        """Return the preview of this selection; None if it is not possible, or the kernels are compiled.

        One at a time: concurrent calls wait. The last preview is kept until :meth:`end`.
        """
        with self._drawing:
            if not self.can_preview(plan.spec, plan.selection):
                return None
            last = self._last
            if last is None or last.key != plan.key:
                try:
                    last = _draw(plan)
                except RunFormatError:
                    return None  # the request for the scene reports the damage
                self._last = last if self._is_on else None
            return last


def _draw(plan: Plan) -> PreviewScene | None:
    from engine.distances.uncompiled import DenseDistances, measure
    from engine.embedding.inpca import embed, project
    from engine.trajectories.progress import uncompiled_progress

    began = time.perf_counter()
    spec, study = plan.spec, plan.selection.study
    predictions = study.predictions(spec.split, spec.run_ids)
    logs = predictions.log_probabilities
    points = on_geodesic(study, spec.split).load(None)
    progress = uncompiled_progress(logs, predictions.labels)
    among, to_points = measure(logs, points)
    if not (np.isfinite(among).all() and np.isfinite(to_points).all()):
        return None  # not distributions: the request for the scene reports it
    embedding = embed(DenseDistances(among, spec.divergence), spec.n_components, whole_spectrum=False)
    references = References(project(embedding, to_points), POSITIONS.copy(), fitted=False)
    models = plan.models(progress)
    return PreviewScene(plan.key, spec, _as_preview(embedding), models, references, time.perf_counter() - began)


def _as_preview(embedding: Embedding) -> PreviewEmbedding:
    r"""Return the same embedding with an estimate of its rounding error.

    The error :math:`E` of the centred matrix is taken as a matrix of independent entries of at most
    ``DISTANCE_ERROR`` / 2, whose spectral norm is at most twice that times :math:`\sqrt m`, m = n_models.
    """
    from engine.embedding.low_rank import error_estimate

    error = DISTANCE_ERROR * np.sqrt(embedding.n_models)
    return PreviewEmbedding(
        **{field.name: getattr(embedding, field.name) for field in fields(Coordinates)},
        error_estimate=error_estimate(embedding.eigenvalues, embedding.n_components, error),
        missed=error * np.sqrt(embedding.n_models) / embedding.frobenius_norm if embedding.frobenius_norm else 0.0,
    )
