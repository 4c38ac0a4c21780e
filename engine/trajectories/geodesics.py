r"""Geodesics between models, and progress along them.

With square roots of probabilities, two models are an angle :math:`\theta_n = \arccos \sum_c \sqrt{p^n_c q^n_c}` apart
in sample n, and the geodesic traverses all samples' great circles in the same time, each at its own constant speed.
Between P0 and P* all angles are :math:`\arccos(1/\sqrt{C})` and there is a closed form.
Source: Mao et al., PNAS 121 (2024) e2310002121, eq. 3 and 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.distances.kernels.contract import OVERLAP_FLOOR
from engine.distances.tiles.sources import Source, source_name
from engine.errors import InvalidPredictionsError, InvalidSpecError
from engine.values import FloatArray

if TYPE_CHECKING:
    from engine.store.study import Study

PROGRESS_DEFINITIONS = ("angle", "bhattacharyya", "mean")
SMALLEST_ANGLE = 1e-8
"""Smallest angle of a sample in radians; nearer ends count as equal there and define no direction."""
CHUNK_BYTES = 2**22

Array = NDArray[np.float64]
POSITIONS = np.linspace(0.0, 1.0, 51)
"""Sampled positions of the geodesic; the first point is P0, the last P*."""


@dataclass(frozen=True, slots=True, eq=False)
class Geodesic:
    r"""Great circle from one model to another, sample by sample.

    Attributes:
        start, end: (sample, class) natural-log probabilities of the two.
        angles: (sample,) float64 radians between them, at most :math:`\pi/2`; zero below ``SMALLEST_ANGLE``.
    """

    start: Array
    end: Array
    angles: Array

    @classmethod
    def between(cls, start: FloatArray, end: FloatArray) -> Geodesic:
        """Return the geodesic between two models of the same samples.

        Raises:
            InvalidPredictionsError: the shapes do not match.
            InvalidSpecError: the two are the same model.
        """
        if start.ndim != 2 or start.shape != end.shape:
            raise InvalidPredictionsError(
                f"The ends must have the same axes (sample, class), received {start.shape} and {end.shape}."
            )
        s, t = _roots(start), _roots(end)
        # The half angle has the tangent |s - t| / |s + t|, which keeps its digits where the arc cosine loses them.
        angles = 2.0 * np.arctan2(np.linalg.norm(s - t, axis=1), np.linalg.norm(s + t, axis=1))
        angles[angles < SMALLEST_ANGLE] = 0.0
        if not angles.any():
            raise InvalidSpecError("Both ends of the geodesic are the same model in every sample: choose two models.")
        return cls(start.astype(np.float64), end.astype(np.float64), angles)

    @classmethod
    def to_truth(cls, labels: ArrayLike, n_classes: int) -> Geodesic:
        """Return the geodesic from ignorance to the truth given by labels."""
        ends = geodesic(labels, n_classes, [0.0, 1.0])
        # Bitwise equal in every sample, which saves most of the sines.
        return cls(ends[0], ends[1], np.full(len(ends[0]), np.arccos(1.0 / np.sqrt(n_classes))))

    def progress(self, log_probabilities: FloatArray, definition: str = "angle") -> Array:
        r"""Return the progress of each model along this geodesic.

        ``"angle"`` (the paper's): :math:`\arg\min_t \sum_n \arccos \sum_c \sqrt{p^n_c \gamma^n_{t,c}}`.
        ``"bhattacharyya"``: :math:`\arg\min_t d_B(P, \gamma_t)`.
        ``"mean"``: each sample's own nearest position, clipped to [0, 1], averaged over samples.

        Square roots are non-negative, so within the plane of the circle the angle of a model to either end, and to all
        points between, is at most :math:`\pi/2`. There both objectives are convex, whatever the ends are. If an
        objective is constant on an interval, the largest minimiser is returned; 0 if it is constant everywhere.

        Args:
            log_probabilities: (model, sample, class) natural logarithms; rows are renormalised.
            definition: one of ``PROGRESS_DEFINITIONS``.

        Returns:
            (model,) float64 in [0, 1].

        Raises:
            InvalidPredictionsError: samples or classes differ from those of the geodesic.
            InvalidSpecError: unknown definition.
        """
        from engine.trajectories.numba_loops import nearest_positions

        if definition not in PROGRESS_DEFINITIONS:
            raise InvalidSpecError(f"definition must be one of {PROGRESS_DEFINITIONS}, received {definition!r}.")
        self._check(log_probabilities)
        origin, direction = self._basis()
        return nearest_positions(log_probabilities, origin, direction, self.angles, definition)

    def distances(self, log_probabilities: FloatArray, positions: ArrayLike) -> tuple[Array, NDArray[np.int64]]:
        r"""Return the Bhattacharyya distance of each model to its own point on this geodesic.

        .. math:: d_B(P, \gamma_t) = -\frac{1}{N} \sum_n \log \frac{\sin((1-t)\theta_n) \sum_c \sqrt{p^n_c s^n_c}
            + \sin(t \theta_n) \sum_c \sqrt{p^n_c e^n_c}}{\sin\theta_n}

        Two overlaps per sample, with the start s and the end e, suffice for all points; neither is negative, so small
        ones keep their digits, and no confidence is too large: at P* this is half the cross-entropy.

        Args:
            log_probabilities: (model, sample, class) natural logarithms; rows are renormalised.
            positions: (model,) t in [0, 1].

        Returns:
            (model,) float64 nats per sample, and (model,) the number of samples with zero overlap, for which
            ``OVERLAP_FLOOR`` is used.

        Raises:
            InvalidPredictionsError: samples or classes differ from those of the geodesic.
            InvalidSpecError: not one position in [0, 1] per model.
        """
        self._check(log_probabilities)
        t = np.asarray(positions, dtype=np.float64)
        if t.shape != (len(log_probabilities),) or not ((t >= 0) & (t <= 1)).all():
            raise InvalidSpecError(
                f"positions must be one number in [0, 1] per model, received {t.shape} for {len(log_probabilities)}."
            )
        sines = np.where(self.angles == 0, 1.0, np.sin(self.angles))
        start, end = _roots(self.start), _roots(self.end)
        values, shared_none = np.empty(len(t)), np.empty(len(t), dtype=np.int64)
        step = max(1, CHUNK_BYTES // (8 * max(1, start.size)))
        for first in range(0, len(t), step):
            part = slice(first, first + step)
            roots, x = _roots(log_probabilities[part]), t[part, None]
            from_start = np.where(self.angles == 0, 1.0 - x, np.sin((1.0 - x) * self.angles) / sines)
            from_end = np.where(self.angles == 0, x, np.sin(x * self.angles) / sines)
            overlaps = from_start * np.einsum("msc,sc->ms", roots, start)
            overlaps += from_end * np.einsum("msc,sc->ms", roots, end)
            with np.errstate(divide="ignore"):
                logs = np.log(overlaps)
            for m, n in np.argwhere(overlaps == 0):
                # The overlap is zero, or below the smallest float64.
                root = from_start[m, n] * start[n] + from_end[m, n] * end[n]
                logs[m, n] = _log_overlap(log_probabilities[first + m, n], root)
            shared_none[part] = np.isneginf(logs).sum(axis=1)
            values[part] = -np.where(np.isneginf(logs), np.log(OVERLAP_FLOOR), logs).mean(axis=1)
        return np.maximum(values, 0.0), shared_none

    def _basis(self) -> tuple[Array, Array]:
        """Return (sample, class) roots of the start, and orthogonal unit vectors to the end; zero without an angle."""
        s, t = _roots(self.start), _roots(self.end)
        across = t - s
        # Twice: if the ends are close, the first pass leaves rounding that is not small relative to the difference.
        for _ in range(2):
            across -= np.einsum("sc,sc->s", across, s)[:, None] * s
            length = np.linalg.norm(across, axis=1)
            across /= np.where((self.angles == 0) | (length == 0), np.inf, length)[:, None]
        return s, across

    def _check(self, log_probabilities: FloatArray) -> None:
        if log_probabilities.ndim != 3 or log_probabilities.shape[1:] != self.start.shape:
            raise InvalidPredictionsError(
                f"log_probabilities must have the axes (model, sample, class) and the samples and classes of the "
                f"geodesic, {self.start.shape}; received {log_probabilities.shape}."
            )


def geodesic(labels: ArrayLike, n_classes: int, positions: ArrayLike) -> Array:
    r"""Return the models at the given positions of the geodesic from P0 to P*.

    .. math:: p_{\text{true}} = \cos^2((1-t)\theta), \qquad p_{\text{other}} = \frac{\sin^2((1-t)\theta)}{C - 1}

    Args:
        labels: (sample,) true classes.
        n_classes: C.
        positions: (point,) t in [0, 1]; 0 is ignorance, 1 is truth.

    Returns:
        (point, sample, class) float64 log-probabilities; at t = 1 all but the true class are ``-inf``.

    Raises:
        InvalidSpecError: a label or a position is out of range.
    """
    true = _check_labels(labels, n_classes)
    t = np.asarray(positions, dtype=np.float64)
    if t.ndim != 1 or not ((t >= 0) & (t <= 1)).all():
        raise InvalidSpecError(f"positions must be a list of numbers in [0, 1], received {positions!r}.")
    angle = (1.0 - t) * np.arccos(1.0 / np.sqrt(n_classes))
    with np.errstate(divide="ignore"):
        others = 2.0 * np.log(np.sin(angle)) - np.log(n_classes - 1)
    points = np.broadcast_to(others[:, None, None], (len(t), len(true), n_classes)).copy()
    points[:, np.arange(len(true)), true] = 2.0 * np.log(np.cos(angle))[:, None]
    # At t = 0 the two formulas differ by rounding; ignorance is exactly uniform.
    points[t == 0] = -np.log(n_classes)
    return points


def progress(log_probabilities: FloatArray, labels: ArrayLike, definition: str = "angle") -> Array:
    r"""Return the progress of each model along the geodesic from P0 to P*; see :meth:`Geodesic.progress`.

    By angle (the paper's definition) it saturates: it is 1 once a share :math:`1 / (1 + \sqrt{C-1})` of the samples is
    classified correctly with certainty.

    Args:
        log_probabilities: (model, sample, class) natural logarithms; rows are renormalised.
        labels: (sample,) true classes.
        definition: one of ``PROGRESS_DEFINITIONS``.

    Returns:
        (model,) float64 in [0, 1].

    Raises:
        InvalidSpecError: unknown definition, or labels that do not match.
    """
    n_samples, n_classes = log_probabilities.shape[1:]
    true = _check_labels(labels, n_classes)
    if len(true) != n_samples:
        raise InvalidSpecError(
            f"labels must hold one class per sample: received {len(true)} labels for {n_samples} samples."
        )
    return Geodesic.to_truth(true, n_classes).progress(log_probabilities, definition)


def _check_labels(labels: ArrayLike, n_classes: int) -> NDArray[np.int64]:
    true = np.asarray(labels)
    if n_classes < 2:
        raise InvalidSpecError(f"n_classes must be at least 2, received {n_classes}.")
    if true.ndim != 1 or not np.issubdtype(true.dtype, np.integer):
        raise InvalidSpecError(
            f"labels must be a (sample,) array of integers, received shape {true.shape}, {true.dtype}."
        )
    if true.size and (true.min() < 0 or true.max() >= n_classes):
        raise InvalidSpecError(f"labels must lie in 0..{n_classes - 1}, received {true.min()}..{true.max()}.")
    return true.astype(np.int64)


def _roots(log_probabilities: FloatArray) -> Array:
    """Return square roots of probabilities, rows normalised to length one."""
    roots = np.exp(0.5 * log_probabilities.astype(np.float64))
    return np.asarray(roots / np.linalg.norm(roots, axis=-1, keepdims=True))


def _log_overlap(log_probabilities: FloatArray, roots: Array) -> float:
    """Return the logarithm of the overlap of a row with the square roots of another; the row does not underflow."""
    is_shared = (roots > 0) & ~np.isneginf(log_probabilities)
    if not is_shared.any():
        return -np.inf
    return float(np.logaddexp.reduce(0.5 * log_probabilities[is_shared].astype(np.float64) + np.log(roots[is_shared])))


def on_geodesic(study: Study, split: str, positions: ArrayLike = POSITIONS) -> Source:
    """Return points of the geodesic P0 to P* of a split as reference models for a :class:`DistanceStore`.

    Args:
        study: study with labels for the split.
        split: ``"train"`` or ``"test"``.
        positions: (point,) in [0, 1].

    Raises:
        InvalidSpecError: the split has no labels.
    """
    labels = study.splits[split].labels
    if labels is None:
        raise InvalidSpecError(f"The {split} split of {study.study_id!r} has no labels, so it has no truth P*.")
    at = np.asarray(positions, dtype=np.float64)

    def load(which: Sequence[int] | None) -> FloatArray:
        return geodesic(labels, study.n_classes, at if which is None else at[list(which)])

    name = source_name("geodesic", str(study.n_classes), at.tobytes().hex(), labels.tobytes().hex())
    return Source(name, len(at), load)
