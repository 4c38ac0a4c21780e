r"""Great circles between models, ignorance P0 to truth P* first of all, and how far along them other models are.

On the square roots of probabilities two models are an angle :math:`\theta_n = \arccos \sum_c \sqrt{p^n_c q^n_c}` apart
in sample n, and the geodesic traverses all samples' great circles in the same time, each at its own constant speed.
Between P0 and P* all angles are :math:`\arccos(1/\sqrt{C})` and there is a closed form.
Source: Mao et al., PNAS 121 (2024) e2310002121, eq. 3 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidPredictionsError, InvalidSpecError
from engine.kernels import OVERLAP_FLOOR
from engine.values import FloatArray

PROGRESS_DEFINITIONS = ("angle", "bhattacharyya", "mean")
SMALLEST_ANGLE = 1e-8
"""Ends of a geodesic that are nearer than this in a sample count as the same there, and have no direction."""
CHUNK_BYTES = 2**22

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Geodesic:
    r"""The great circle from one model to another, sample by sample.

    Attributes:
        start, end: (sample, class) natural logarithms of the probabilities of the two.
        angles: (sample,) float64 radians between them, at most :math:`\pi/2`; zero below ``SMALLEST_ANGLE``.
    """

    start: Array
    end: Array
    angles: Array

    @classmethod
    def between(cls, start: FloatArray, end: FloatArray) -> Geodesic:
        """Return the geodesic between two models of the same samples.

        Raises:
            InvalidPredictionsError: shapes that do not fit.
            InvalidSpecError: the two are the same model.
        """
        if start.ndim != 2 or start.shape != end.shape:
            raise InvalidPredictionsError(
                f"The ends must have the same axes (sample, class), received {start.shape} and {end.shape}."
            )
        s, t = _roots(start), _roots(end)
        # Half the angle has a tangent of |s - t| / |s + t|, which keeps its digits where the arc cosine has none.
        angles = 2.0 * np.arctan2(np.linalg.norm(s - t, axis=1), np.linalg.norm(s + t, axis=1))
        angles[angles < SMALLEST_ANGLE] = 0.0
        if not angles.any():
            raise InvalidSpecError("Both ends of the geodesic are the same model in every sample: choose two models.")
        return cls(start.astype(np.float64), end.astype(np.float64), angles)

    @classmethod
    def to_truth(cls, labels: ArrayLike, n_classes: int) -> Geodesic:
        """Return the geodesic from ignorance to the truth that labels tell."""
        ends = geodesic(labels, n_classes, [0.0, 1.0])
        # The same in every sample to the last bit, which saves most of the sines.
        return cls(ends[0], ends[1], np.full(len(ends[0]), np.arccos(1.0 / np.sqrt(n_classes))))

    @property
    def length(self) -> float:
        """The mean angle over samples, in radians."""
        return float(self.angles.mean())

    def points(self, positions: ArrayLike) -> Array:
        """Return (point, sample, class) log-probabilities at positions; see :func:`engine.resampling.interpolate`."""
        from engine.resampling import interpolate

        return interpolate(self.start, self.end, positions)

    def progress(self, log_probabilities: FloatArray, definition: str = "angle") -> Array:
        r"""Return how far along this geodesic each model is.

        ``"angle"`` (the paper's): :math:`\arg\min_t \sum_n \arccos \sum_c \sqrt{p^n_c \gamma^n_{t,c}}`.
        ``"bhattacharyya"``: :math:`\arg\min_t d_B(P, \gamma_t)`.
        ``"mean"``: each sample's own nearest position, clipped to [0, 1], averaged over samples.

        Square roots are non-negative, so the angle of a model from either end, within the plane of the circle, is at
        most :math:`\pi/2`, and from all points between. There both objectives are convex, whatever the ends are. Where
        an objective is flat along an interval the largest minimiser is returned, and 0 where it is flat altogether.

        Args:
            log_probabilities: (model, sample, class) natural logarithms; rows are renormalised.
            definition: one of ``PROGRESS_DEFINITIONS``.

        Returns:
            (model,) float64 in [0, 1].

        Raises:
            InvalidPredictionsError: other samples or classes than those of the geodesic.
            InvalidSpecError: unknown definition.
        """
        from engine.kernels.plane import mean_positions, nearest_positions

        if definition not in PROGRESS_DEFINITIONS:
            raise InvalidSpecError(f"definition must be one of {PROGRESS_DEFINITIONS}, received {definition!r}.")
        self._check(log_probabilities)
        origin, direction = self._basis()
        if definition == "mean":
            return mean_positions(log_probabilities, origin, direction, self.angles)
        is_angle = definition == "angle"
        return nearest_positions(log_probabilities, origin, direction, self.angles, is_angle=is_angle)

    def distances(self, log_probabilities: FloatArray, positions: ArrayLike) -> tuple[Array, NDArray[np.int64]]:
        r"""Return the Bhattacharyya distance of each model to a point of its own on this geodesic.

        .. math:: d_B(P, \gamma_t) = -\frac{1}{N} \sum_n \log \frac{\sin((1-t)\theta_n) \sum_c \sqrt{p^n_c s^n_c}
            + \sin(t \theta_n) \sum_c \sqrt{p^n_c e^n_c}}{\sin\theta_n}

        Two overlaps per sample, with the start s and the end e, serve all points; neither is negative, so small ones
        keep their digits, and no confidence is too large: at P* this is half the cross-entropy.

        Args:
            log_probabilities: (model, sample, class) natural logarithms; rows are renormalised.
            positions: (model,) t in [0, 1].

        Returns:
            (model,) float64 nats per sample, and (model,) in how many samples nothing is shared; their overlap is
            taken for ``OVERLAP_FLOOR``.

        Raises:
            InvalidPredictionsError: other samples or classes than those of the geodesic.
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
                # Nothing is shared, or less than float64 has a number for.
                root = from_start[m, n] * start[n] + from_end[m, n] * end[n]
                logs[m, n] = _log_overlap(log_probabilities[first + m, n], root)
            shared_none[part] = np.isneginf(logs).sum(axis=1)
            values[part] = -np.where(np.isneginf(logs), np.log(OVERLAP_FLOOR), logs).mean(axis=1)
        return np.maximum(values, 0.0), shared_none

    def _basis(self) -> tuple[Array, Array]:
        """(sample, class) roots of the start, and unit vectors across them towards the end; zero without an angle."""
        s, t = _roots(self.start), _roots(self.end)
        across = t - s
        # Twice: of ends that are near each other, the first time leaves rounding that is not small beside the rest.
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
        InvalidSpecError: a label or a position out of range.
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
    # At t = 0 the two formulas differ by rounding; ignorance is uniform.
    points[t == 0] = -np.log(n_classes)
    return points


def progress(log_probabilities: FloatArray, labels: ArrayLike, definition: str = "angle") -> Array:
    r"""Return how far along the geodesic from P0 to P* each model is; see :meth:`Geodesic.progress`.

    By angle (the paper's definition) it saturates: it is 1 once :math:`1 / (1 + \sqrt{C-1})` of the samples are right
    with certainty.

    Args:
        log_probabilities: (model, sample, class) natural logarithms; rows are renormalised.
        labels: (sample,) true classes.
        definition: one of ``PROGRESS_DEFINITIONS``.

    Returns:
        (model,) float64 in [0, 1].

    Raises:
        InvalidSpecError: unknown definition, labels that do not fit.
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
    """Square roots of probabilities, rows scaled to length one."""
    roots = np.exp(0.5 * log_probabilities.astype(np.float64))
    return np.asarray(roots / np.linalg.norm(roots, axis=-1, keepdims=True))


def _log_overlap(log_probabilities: FloatArray, roots: Array) -> float:
    """Logarithm of the overlap of one row with the square roots of another, however small the former's are."""
    is_shared = (roots > 0) & ~np.isneginf(log_probabilities)
    if not is_shared.any():
        return -np.inf
    return float(np.logaddexp.reduce(0.5 * log_probabilities[is_shared].astype(np.float64) + np.log(roots[is_shared])))
