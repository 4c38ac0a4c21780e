r"""Where models lie relative to a great circle: coordinates in its plane, and the nearest position by bisection.

Sample by sample the circle spans a plane with the orthonormal basis (origin, direction). A model's square root z has
the coordinates a along the origin and b along the direction in it, and a rest outside of it. The circle turned by x
has its new origin where a and b are turned back by x: so a bisection need not take a sine, it turns the coordinates
by halved angles from a table.
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

BISECTIONS = 45
"""Halvings of [0, 1]: 3e-14, about what the overlaps themselves carry."""
EDGE = 1e-12
"""Angles have a kink at the end of a circle: whether a model stays there is decided by the slope just inside."""
CALL_BYTES = 2**19
"""Square roots of the models of one call; they should stay in the cache."""

_FRACTIONS = np.concatenate([[EDGE, 1.0 - EDGE], 0.5 ** np.arange(1, BISECTIONS + 2)])
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
    turns = _FRACTIONS[:, None] * angles
    positions = np.empty(len(logs))
    _share_out(_bisect, logs, origin, direction, (angles, np.cos(turns), np.sin(turns), is_angle), positions)
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
        roots = 0.5 * logs[part].astype(np.float64)
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
def _bisect(along, across, rest, angles, cosines, sines, is_angle, positions):  # type: ignore[no-untyped-def]
    """Rows of the table: just after the start, just before the end, and halved again and again."""
    a, b = np.empty(len(angles)), np.empty(len(angles))
    for m in range(len(positions)):
        _turn(along[m], across[m], cosines[0], sines[0], 1.0, a, b)
        if _slope(a, b, rest[m], angles, is_angle) >= 0.0:
            positions[m] = 0.0
            continue
        _turn(along[m], across[m], cosines[1], sines[1], 1.0, a, b)
        if _slope(a, b, rest[m], angles, is_angle) <= 0.0:
            positions[m] = 1.0
            continue
        position, step = 0.5, 0.5
        _turn(along[m], across[m], cosines[2], sines[2], 1.0, a, b)
        for k in range(3, len(cosines)):
            sign = -1.0 if _slope(a, b, rest[m], angles, is_angle) > 0.0 else 1.0
            step *= 0.5
            position += sign * step
            _turn(a, b, cosines[k], sines[k], sign, a, b)
        positions[m] = position


@njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def _turn(a, b, cosines, sines, sign, turned_a, turned_b):  # type: ignore[no-untyped-def]
    for n in range(len(a)):
        x, y = a[n], b[n]
        turned_a[n] = x * cosines[n] + sign * sines[n] * y
        turned_b[n] = y * cosines[n] - sign * sines[n] * x


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"}, error_model="numpy")
def _slope(a, b, rest, angles, is_angle):  # type: ignore[no-untyped-def]
    # Of arccos(R cos x): R sin x / sqrt(1 - R^2 cos^2 x), with b = -R sin x and rest = 1 - R^2. The denominator is
    # written as sqrt(rest + b^2), which keeps its digits for models on the circle. Of -log(R cos x): tan x; a is zero
    # at an end that shares nothing with the model, and both are for a model that shares nothing with either.
    total = 0.0
    if is_angle:
        for n in range(len(a)):
            total -= angles[n] * b[n] / math.sqrt(rest[n] + b[n] * b[n] + _TINY)
    else:
        for n in range(len(a)):
            total -= angles[n] * b[n] / max(a[n], _TINY)
    return total
