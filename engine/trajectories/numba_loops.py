r"""Compiled loops on great circles: nearest positions and interpolated models.

In each sample the circle spans a plane with the orthonormal basis (origin, direction). A model's square root z has
the coordinates a along the origin and b along the direction, and a component orthogonal to the plane. The nearest
position is where a nondecreasing slope changes sign: it is bracketed from both sides, separately for every model.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.machine import run_all
from engine.values import FloatArray

TOLERANCE = 2.0**-42
"""Tolerance of a position, 2.3e-13; the rounding of float32 predictions is larger."""
EDGE = 1e-12
"""Offset from the end of a circle, where angles have a kink: the slope just inside decides whether a model is there."""
CALL_BYTES = 2**19
"""Bytes of the square roots of the models of one call, which should stay in cache."""

_TINY = 1e-200
"""Far below every sum that it is added to, and enough to avoid division by zero."""

Array = NDArray[np.float64]
_SINE = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(11))
_COSINE = tuple((-1) ** k / math.factorial(2 * k) for k in range(12))


def nearest_positions(logs: FloatArray, origin: Array, direction: Array, angles: Array, definition: str) -> Array:
    r"""Return (model,) the single position t in [0, 1] nearest over all samples together, or the mean over samples.

    With :math:`x_n = t \theta_n - \phi_n` and R the length of (a, b), it minimises the sum over samples of
    :math:`\arccos(R_n \cos x_n)`, or of :math:`-\log(R_n \cos x_n)`. Both are convex wherever
    :math:`|x_n| \le \pi/2`, and so are their sums.

    Args:
        logs: (model, sample, class) log-probabilities.
        origin, direction: (sample, class) orthonormal basis of each sample's plane.
        angles: (sample,) angle spanned by each circle; samples with angle zero are left out of the mean.
        definition: minimise the sum of the angles (``"angle"``) or of the logarithms (``"bhattacharyya"``), or average
            the nearest positions on each sample's circle (``"mean"``).
    """
    positions = np.empty(len(logs))
    step = max(1, CALL_BYTES // (8 * max(1, logs[:1].size)))

    def take(part: slice) -> None:
        roots = np.multiply(logs[part], 0.5, dtype=np.float64)
        np.exp(roots, out=roots)
        along, across, rest = _project(roots, origin, direction)
        if definition == "mean":
            _average(along, across, angles, positions[part])
        else:
            _enclose(along, across, rest, angles, definition == "angle", positions[part])

    run_all([(take, (slice(k, k + step),)) for k in range(0, len(logs), step)])
    return positions


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"}, error_model="numpy")
def _project(roots, origin, direction):  # type: ignore[no-untyped-def]
    """Return (model, sample) coordinates of the normalised rows along both axes, and their squared remainder."""
    n_models, n_samples, n_classes = roots.shape
    along, across, rest = np.empty((3, n_models, n_samples))
    for m in range(n_models):
        for n in range(n_samples):
            z, s, u = roots[m, n], origin[n], direction[n]
            square = a = b = 0.0
            for c in range(n_classes):
                square += z[c] * z[c]
                a += z[c] * s[c]
                b += z[c] * u[c]
            # Summed directly: 1 - a^2 - b^2 has no digits for a model close to the circle.
            left = 0.0
            for c in range(n_classes):
                difference = z[c] - a * s[c] - b * u[c]
                left += difference * difference
            scale = 1.0 / square
            along[m, n], across[m, n] = a * math.sqrt(scale), b * math.sqrt(scale)
            rest[m, n] = left * scale
    return along, across, rest


@njit(nogil=True, cache=True, error_model="numpy")
def _average(along, across, angles, positions):  # type: ignore[no-untyped-def]
    for m in range(len(positions)):
        total, n_samples = 0.0, 0
        for n in range(len(angles)):
            if angles[n] > 0.0:
                total += min(max(math.atan2(across[m, n], along[m, n]) / angles[n], 0.0), 1.0)
                n_samples += 1
        positions[m] = total / n_samples


@njit(nogil=True, cache=True, error_model="numpy")
def _enclose(along, across, rest, angles, is_angle, positions):  # type: ignore[no-untyped-def]
    """Bracket the root by Oliveira and Takahashi, ACM Trans. Math. Softw. 47 (2020), 5.

    The secant's root, moved slightly towards the midpoint, is taken if it is no further from it than bisection
    with one more step would allow. A smooth slope takes about ten evaluations, never more than bisection plus one.
    """
    sines, cosines = np.empty(len(angles)), np.empty(len(angles))
    is_one = angles.min() == angles.max()
    for m in range(len(positions)):
        a, b, left = along[m], across[m], rest[m]
        low, high = EDGE, 1.0 - EDGE
        _turn(low, angles, is_one, sines, cosines)
        below = _slope(a, b, left, angles, sines, cosines, is_angle)
        _turn(high, angles, is_one, sines, cosines)
        above = _slope(a, b, left, angles, sines, cosines, is_angle)
        if below >= 0.0 or above <= 0.0:
            positions[m] = 0.0 if below >= 0.0 else 1.0
            continue
        # Width of the bracket that bisection would have after as many steps, the extra one included.
        allowed = high - low
        while high - low > TOLERANCE:
            middle = 0.5 * (low + high)
            secant = (above * low - below * high) / (above - below)
            towards = 1.0 if middle >= secant else -1.0
            t = secant + towards * min(0.2 * (high - low) ** 2, abs(middle - secant))
            room = max(allowed - 0.5 * (high - low), 0.0)
            if abs(t - middle) > room:
                t = middle - towards * room
            _turn(t, angles, is_one, sines, cosines)
            slope = _slope(a, b, left, angles, sines, cosines, is_angle)
            if slope > 0.0:
                high, above = t, slope
            else:
                low, below = t, slope
            allowed *= 0.5
        positions[m] = 0.5 * (low + high)


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"}, error_model="numpy")
def _slope(a, b, rest, angles, sines, cosines, is_angle):  # type: ignore[no-untyped-def]
    """Return the derivative of the objective where the circles have turned by angles of these sines and cosines."""
    # Of arccos(R cos x): R sin x / sqrt(1 - R^2 cos^2 x), where `over` is R sin x and `rest` 1 - R^2. The denominator
    # is written as sqrt(rest + over^2), which keeps its digits for models on the circle. Of -log(R cos x): tan x; its
    # denominator is zero at an end with zero overlap with the model, and both are zero for a model with zero overlap
    # with both ends.
    total = 0.0
    if is_angle:
        for n in range(len(a)):
            over = a[n] * sines[n] - b[n] * cosines[n]
            total += angles[n] * over / math.sqrt(rest[n] + over * over + _TINY)
    else:
        for n in range(len(a)):
            over = a[n] * sines[n] - b[n] * cosines[n]
            total += angles[n] * over / max(a[n] * cosines[n] + b[n] * sines[n], _TINY)
    return total


@njit(nogil=True, cache=True, fastmath={"contract"}, inline="always")
def _sine_and_cosine(x):  # type: ignore[no-untyped-def]
    """Taylor polynomials whose first omitted terms are below 1e-17 for x from 0 to pi/2.

    The library's functions are as accurate, but compilers do not vectorise them over samples.
    """
    y = x * x
    sine, cosine = _SINE[10], _COSINE[11]
    for k in range(9, -1, -1):
        sine = sine * y + _SINE[k]
    for k in range(10, -1, -1):
        cosine = cosine * y + _COSINE[k]
    return sine * x, cosine


@njit(nogil=True, cache=True, fastmath={"contract"})
def _turn(t, angles, is_one, sines, cosines):  # type: ignore[no-untyped-def]
    """Fill the sines and cosines of t times the angles; ``is_one`` states that all angles are equal."""
    if is_one:
        sine, cosine = _sine_and_cosine(t * angles[0])
        for n in range(len(angles)):
            sines[n], cosines[n] = sine, cosine
    else:
        for n in range(len(angles)):
            sines[n], cosines[n] = _sine_and_cosine(t * angles[n])


@njit(nogil=True, cache=True, error_model="numpy")
def interpolate_rows(logs, earlier, later, fraction, points):  # type: ignore[no-untyped-def]
    """Write the model at each fraction between two models, sample by sample.

    Args:
        logs: (model, sample, class) natural logarithms; rows are renormalised.
        earlier, later: (point,) indices of the two models.
        fraction: (point,) fraction of the way from the first to the second, in [0, 1].
        points: (point, sample, class), output.
    """
    n_samples, n_classes = logs.shape[1:]
    top, ratio, is_p = np.empty(n_classes), np.empty(n_classes), np.empty(n_classes, dtype=np.bool_)
    first = 0
    while first < len(fraction):
        # Points between the same two checkpoints differ only in their two weights.
        i, j, end = earlier[first], later[first], first + 1
        while end < len(fraction) and earlier[end] == i and later[end] == j:
            end += 1
        for n in range(n_samples):
            p, q = logs[i, n], logs[j, n]
            total_p = total_q = 0.0
            for c in range(n_classes):
                total_p += math.exp(np.float64(p[c]))
                total_q += math.exp(np.float64(q[c]))
            shift_p, shift_q = math.log(total_p), math.log(total_q)
            across = along = 0.0
            for c in range(n_classes):
                a, b = np.float64(p[c]) - shift_p, np.float64(q[c]) - shift_q
                s, t = math.exp(0.5 * a), math.exp(0.5 * b)
                across += (s - t) * (s - t)
                along += (s + t) * (s + t)
                # The larger is factored out, so that no probability is too small for its root.
                is_p[c] = a >= b
                top[c] = max(a, b)
                ratio[c] = 0.0 if top[c] == -math.inf else math.exp(-0.5 * abs(a - b))
            # The half angle has the tangent |s - t| / |s + t|, which keeps its digits where the arc cosine loses them.
            theta = 2.0 * math.atan2(math.sqrt(across), math.sqrt(along))
            for point in range(first, end):
                x = fraction[point]
                if x == 0.0 or x == 1.0:
                    given = p if x == 0.0 else q
                    for c in range(n_classes):
                        points[point, n, c] = given[c]
                    continue
                weight_p, weight_q = 1.0 - x, x
                if theta > 0.0:
                    weight_p = math.sin(weight_p * theta) / math.sin(theta)
                    weight_q = math.sin(weight_q * theta) / math.sin(theta)
                for c in range(n_classes):
                    large, small = (weight_p, weight_q) if is_p[c] else (weight_q, weight_p)
                    points[point, n, c] = top[c] + 2.0 * math.log(large + small * ratio[c])
        first = end
