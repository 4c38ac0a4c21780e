r"""The great circle from ignorance P0 to truth P*, and how far along it a model is.

On the square roots of probabilities, P0 and P* are the same angle :math:`\theta = \arccos(1/\sqrt{C})` apart in every
sample, so the geodesic has a closed form and progress needs two overlaps per sample: with P0 and with P*.
Source: Mao et al., PNAS 121 (2024) e2310002121, eq. 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidSpecError
from engine.values import FloatArray

PROGRESS_DEFINITIONS = ("angle", "bhattacharyya", "mean")
BISECTIONS = 45
"""Halvings of [0, 1]: 3e-14, about what the overlaps themselves carry."""
CHUNK_BYTES = 2**24
BISECTION_BYTES = 2**19
"""Overlaps bisected together; they are read at every halving, so they should stay in the cache."""

REST_ROUNDING = 1e-14
"""What rounding leaves of 1 - R^2 for a sample on the geodesic, where the angle has a kink and not a round valley."""
EDGE = 1e-12
"""P0 and P* have such kinks at the ends: whether a model stays there is decided by the slope just inside."""

Array = NDArray[np.float64]


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
    angle = (1.0 - t) * _angle(n_classes)
    with np.errstate(divide="ignore"):
        others = 2.0 * np.log(np.sin(angle)) - np.log(n_classes - 1)
    points = np.broadcast_to(others[:, None, None], (len(t), len(true), n_classes)).copy()
    points[:, np.arange(len(true)), true] = 2.0 * np.log(np.cos(angle))[:, None]
    # At t = 0 the two formulas differ by rounding; ignorance is uniform.
    points[t == 0] = -np.log(n_classes)
    return points


def progress(log_probabilities: FloatArray, labels: ArrayLike, definition: str = "angle") -> Array:
    r"""Return how far along the geodesic each model is.

    ``"angle"`` (the paper's): :math:`\arg\min_t \sum_n \arccos \sum_c \sqrt{p^n_c \gamma^n_{t,c}}`;
    saturates at 1 once :math:`1 / (1 + \sqrt{C-1})` of the samples are right with certainty.
    ``"bhattacharyya"``: :math:`\arg\min_t d_B(P, \gamma_t)`.
    ``"mean"``: the per-sample positions, each clipped to [0, 1], averaged over samples.

    Args:
        log_probabilities: (model, sample, class) natural logarithms; rows are renormalised.
        labels: (sample,) true classes.
        definition: one of ``PROGRESS_DEFINITIONS``.

    Returns:
        (model,) float64 in [0, 1].

    Raises:
        InvalidSpecError: unknown definition, labels that do not fit.
    """
    if definition not in PROGRESS_DEFINITIONS:
        raise InvalidSpecError(f"definition must be one of {PROGRESS_DEFINITIONS}, received {definition!r}.")
    n_models, n_samples, n_classes = log_probabilities.shape
    true = _check_labels(labels, n_classes)
    if len(true) != n_samples:
        raise InvalidSpecError(
            f"labels must hold one class per sample: received {len(true)} labels for {n_samples} samples."
        )
    result = np.empty(n_models)
    step = max(1, CHUNK_BYTES // (8 * n_samples * n_classes))
    for start in range(0, n_models, step):
        a, b = _plane_coordinates(log_probabilities[start : start + step], true)
        result[start : start + step] = _solve(a, b, _angle(n_classes), definition)
    return result


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


def _angle(n_classes: int) -> float:
    return float(np.arccos(1.0 / np.sqrt(n_classes)))


def _plane_coordinates(log_probabilities: FloatArray, true: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return (model, sample) coordinates in the plane of P0 and P*: along P0, and across it towards P*."""
    n_classes = log_probabilities.shape[2]
    theta = _angle(n_classes)
    roots = np.exp(0.5 * log_probabilities.astype(np.float64))
    roots /= np.sqrt(np.einsum("msc,msc->ms", roots, roots))[:, :, None]
    with_ignorance = roots.sum(axis=2) / np.sqrt(n_classes)
    with_truth = roots[:, np.arange(len(true)), true]
    return with_ignorance, (with_truth - np.cos(theta) * with_ignorance) / np.sin(theta)


def _solve(a: Array, b: Array, theta: float, definition: str) -> Array:
    if definition == "mean":
        return np.asarray(np.clip(np.arctan2(b, a) / theta, 0.0, 1.0).mean(axis=1))
    slope = _angle_slope if definition == "angle" else _bhattacharyya_slope
    step = max(1, BISECTION_BYTES // (8 * a.shape[1]))
    parts = [_bisect(slope, a[i : i + step], b[i : i + step], theta) for i in range(0, len(a), step)]
    return np.concatenate(parts)


def _bisect(slope: Callable[[Array, Array, Array, Array, Array], Array], a: Array, b: Array, theta: float) -> Array:
    """Return the minimiser over t in [0, 1] of a convex function with the given slope, for every model at once."""
    # What is left of each unit vector outside the plane, 1 - R^2.
    rest = 1.0 - a * a - b * b
    rest[rest < REST_ROUNDING] = 0.0

    def slopes(t: Array) -> Array:
        angle = t[:, None] * theta
        return np.asarray(slope(a, b, rest, np.cos(angle), np.sin(angle)).sum(axis=1))

    low, high = np.zeros(len(a)), np.ones(len(a))
    at_start, at_end = slopes(low + EDGE) >= 0, slopes(high - EDGE) <= 0
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        rising = slopes(middle) > 0
        high = np.where(rising, middle, high)
        low = np.where(rising, low, middle)
    return np.where(at_start, 0.0, np.where(at_end, 1.0, 0.5 * (low + high)))


def _angle_slope(a: Array, b: Array, rest: Array, cosine: Array, sine: Array) -> Array:
    # With a = R cos(phi), b = R sin(phi) and x = t theta - phi the slope is R sin x / sqrt(1 - R^2 cos^2 x). The
    # denominator is written as sqrt((1 - R^2) + (R sin x)^2), which keeps its digits for models on the geodesic.
    across = a * sine - b * cosine
    length = np.sqrt(rest + across * across)
    return np.asarray(across / np.where(length == 0.0, 1.0, length))


def _bhattacharyya_slope(a: Array, b: Array, rest: Array, cosine: Array, sine: Array) -> Array:
    # An overlap of zero is possible at P* only, where the slope is plus infinity.
    with np.errstate(divide="ignore"):
        return np.asarray((a * sine - b * cosine) / np.maximum(a * cosine + b * sine, 0.0))
