r"""Where models lie relative to a great circle: coordinates in its plane, and the nearest position on it.

Sample by sample the circle spans a plane with the orthonormal basis (origin, direction). A model's square root z has
the coordinates a along the origin and b along the direction in it, and a rest outside of it. Nearest is where a slope
changes its sign, which never falls: it is enclosed from both sides, for every model by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.kernels.threads import run_all
from engine.values import FloatArray

TOLERANCE = 2.0**-42
"""Of a position, 2.3e-13; what is left of the rounding of float32 predictions is larger."""
EDGE = 1e-12
"""Angles have a kink at the end of a circle: whether a model stays there is decided by the slope just inside."""
CALL_BYTES = 2**19
"""Square roots of the models of one call; they should stay in the cache."""

_TINY = 1e-200
"""Far below every sum that it is added to, and enough to divide nothing by."""

Array = NDArray[np.float64]


def mean_positions(logs: FloatArray, origin: Array, direction: Array, angles: Array) -> Array:
    """Return (model,) the position of the nearest point of each sample's circle, averaged over samples.

    Args:
        logs: (model, sample, class) log-probabilities.
        origin, direction: (sample, class) orthonormal basis of each sample's plane.
        angles: (sample,) how far each circle goes; samples without an angle are left out.
    """
    positions = np.empty(len(logs))
    _share_out(_average, logs, origin, direction, (angles,), positions)
    return positions


def nearest_positions(logs: FloatArray, origin: Array, direction: Array, angles: Array, *, is_angle: bool) -> Array:
    r"""Return (model,) the one position t in [0, 1] that is nearest in all samples together.

    With :math:`x_n = t \theta_n - \phi_n` and R the length of (a, b), nearest is where the sum over samples of
    :math:`\arccos(R_n \cos x_n)` is smallest, or that of :math:`-\log(R_n \cos x_n)`. Both are convex wherever
    :math:`|x_n| \le \pi/2`, and so are sums of them.

    Args:
        logs, origin, direction, angles: as for :func:`mean_positions`.
        is_angle: whether it is the sum of the angles, or else that of the logarithms.
    """
    positions = np.empty(len(logs))
    _share_out(_enclose, logs, origin, direction, (angles, is_angle), positions)
    return positions


def _share_out(
    solve: Callable[..., None],
    logs: FloatArray,
    origin: Array,
    direction: Array,
    how: tuple[Any, ...],
    positions: Array,
) -> None:
    """Fill ``positions`` with what ``solve`` finds, a few models at a time."""
    step = max(1, CALL_BYTES // (8 * max(1, logs[:1].size)))

    def take(part: slice) -> None:
        roots = np.multiply(logs[part], 0.5, dtype=np.float64)
        np.exp(roots, out=roots)
        along, across, rest = _project(roots, origin, direction)
        solve(along, across, rest, *how, positions[part])

    run_all([(take, (slice(k, k + step),)) for k in range(0, len(logs), step)])


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"}, error_model="numpy")
def _project(roots, origin, direction):  # type: ignore[no-untyped-def]
    """(model, sample) coordinates along both axes, and the square of what is left, of the rows scaled to length one."""
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
            # Summed up and not 1 - a^2 - b^2, which has no digits for a model next to the circle.
            left = 0.0
            for c in range(n_classes):
                difference = z[c] - a * s[c] - b * u[c]
                left += difference * difference
            scale = 1.0 / square
            along[m, n], across[m, n] = a * math.sqrt(scale), b * math.sqrt(scale)
            rest[m, n] = left * scale
    return along, across, rest


@njit(nogil=True, cache=True, error_model="numpy")
def _average(along, across, rest, angles, positions):  # type: ignore[no-untyped-def]
    for m in range(len(positions)):
        total, n_samples = 0.0, 0
        for n in range(len(angles)):
            if angles[n] > 0.0:
                total += min(max(math.atan2(across[m, n], along[m, n]) / angles[n], 0.0), 1.0)
                n_samples += 1
        positions[m] = total / n_samples


@njit(nogil=True, cache=True, error_model="numpy")
def _enclose(along, across, rest, angles, is_angle, positions):  # type: ignore[no-untyped-def]
    """Halve the interval or do better: Oliveira and Takahashi, ACM Trans. Math. Softw. 47 (2020), 5.

    The secant's root, moved a little towards the middle, is taken as long as it is no further from it than bisection
    with one more step would allow. A smooth slope takes some ten evaluations, none more than bisection and one.
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
        # What is left of the interval when bisection would have been at it as often, the step more included.
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
    """What the objective grows by where the circles have turned by angles of these sines and cosines."""
    # Of arccos(R cos x): R sin x / sqrt(1 - R^2 cos^2 x), where `over` is R sin x and `rest` 1 - R^2. The denominator
    # is written as sqrt(rest + over^2), which keeps its digits for models on the circle. Of -log(R cos x): tan x; its
    # denominator is zero at an end that shares nothing with the model, and both are for one that shares nothing with
    # either end.
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


_SINE = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(11))
_COSINE = tuple((-1) ** k / math.factorial(2 * k) for k in range(12))


@njit(nogil=True, cache=True, fastmath={"contract"}, inline="always")
def _sine_and_cosine(x):  # type: ignore[no-untyped-def]
    """Taylor's polynomials, whose first terms left out are under 1e-17 for x from 0 to pi/2.

    The library's are as good, but a compiler does not take them for several samples side by side.
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
    """Fill in the sines and cosines of t times the angles; ``is_one`` says that all of them are equal."""
    if is_one:
        sine, cosine = _sine_and_cosine(t * angles[0])
        for n in range(len(angles)):
            sines[n], cosines[n] = sine, cosine
    else:
        for n in range(len(angles)):
            sines[n], cosines[n] = _sine_and_cosine(t * angles[n])
