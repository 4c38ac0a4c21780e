"""Models between two others, on the arc of the great circle through the square roots of their probabilities."""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, error_model="numpy")
def interpolate_rows(logs, earlier, later, fraction, points):  # type: ignore[no-untyped-def]
    """Write the model at each fraction between two of some models, sample by sample.

    Args:
        logs: (model, sample, class) natural logarithms; rows are renormalised.
        earlier, later: (point,) which two models.
        fraction: (point,) how far from the one to the other, in [0, 1].
        points: (point, sample, class), written.
    """
    n_samples, n_classes = logs.shape[1:]
    top, ratio, is_p = np.empty(n_classes), np.empty(n_classes), np.empty(n_classes, dtype=np.bool_)
    first = 0
    while first < len(fraction):
        # Points between the same two checkpoints share all but their two weights.
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
                # The larger is taken out, so that no probability is too small for its root.
                is_p[c] = a >= b
                top[c] = max(a, b)
                ratio[c] = 0.0 if top[c] == -math.inf else math.exp(-0.5 * abs(a - b))
            # Half the angle has a tangent of |s - t| / |s + t|, which keeps its digits where the arc cosine has none.
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
