"""The slow road along paths: great circles between any two models, trajectories at values of a clock, lengths.

Long doubles and loops, written from the formulas and never from the engine.
"""

from __future__ import annotations

import numpy as np


def roots(log_probabilities):
    """Square roots of probabilities in long double, rows of length one."""
    p = np.exp(np.asarray(log_probabilities, dtype=np.longdouble))
    return np.sqrt(p / p.sum(axis=-1, keepdims=True))


def angle(s, t):
    """Angle between two unit vectors from their chord."""
    return 2 * np.arcsin(np.sqrt(((s - t) ** 2).sum()) / 2)


def between(log_p, log_q, position):
    """(sample, class) probabilities at a position of the great circle between two models, sample by sample."""
    x = np.longdouble(position)
    point = []
    for s, t in zip(roots(log_p), roots(log_q), strict=True):
        theta = angle(s, t)
        if theta == 0:
            point.append(s**2)
            continue
        point.append(((np.sin((1 - x) * theta) * s + np.sin(x * theta) * t) / np.sin(theta)) ** 2)
    return np.array(point)


def resampled(log_probabilities, clock, grid, after):
    """(point, sample, class) probabilities by a walk with a pointer that never goes back, and who is inside."""
    clock = [float(value) for value in clock]
    n_checkpoints, largest = len(clock), max(clock)
    inside = [clock[0] <= tau <= largest for tau in grid]
    if after == "reference" and n_checkpoints > 1:
        clock[-1] = max(clock[-1], max(grid))
    points, k = [], 0
    for tau in grid:
        while k < n_checkpoints and clock[k] < tau:
            k += 1
        if k == 0 or k == n_checkpoints:
            points.append(roots(log_probabilities[0 if k == 0 else -1]) ** 2)
            continue
        share = (tau - clock[k - 1]) / (clock[k] - clock[k - 1])
        points.append(between(log_probabilities[k - 1], log_probabilities[k], share))
    return np.array(points), inside
