"""Reference implementations of paths and lengths, long double and loops.

Written from the formulas, independently of the engine.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.optimize import minimize_scalar


def roots(log_probabilities):
    """Square roots of probabilities in long double, rows normalised to length one."""
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
    """(point, sample, class) probabilities at first crossings of the grid, and whether each point is in range."""
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


def overlaps(log_model, log_p, log_q, position):
    """(sample,) overlaps of a model with a point of the great circle between two."""
    return (roots(log_model) * np.sqrt(between(log_p, log_q, position))).sum(axis=1)


def objective(log_model, log_p, log_q, position, definition):
    """Objective minimised over positions: mean angle to the point there, or mean -log overlap."""
    shared = np.minimum(overlaps(log_model, log_p, log_q, position), 1)
    with np.errstate(divide="ignore"):
        return float((np.arccos(shared) if definition == "angle" else -np.log(shared)).mean())


def position_between(log_model, log_p, log_q, definition):
    """Nearest position on the great circle between two models, by bounded minimisation."""
    if definition != "mean":
        return minimize_scalar(
            lambda t: objective(log_model, log_p, log_q, t, definition),
            bounds=(0, 1), method="bounded", options={"xatol": 1e-9},
        ).x  # fmt: skip
    each = [
        minimize_scalar(
            lambda t, n=n: objective(log_model[n : n + 1], log_p[n : n + 1], log_q[n : n + 1], t, "bhattacharyya"),
            bounds=(0, 1), method="bounded", options={"xatol": 1e-9},
        ).x
        for n in range(len(log_p))
        if angle(roots(log_p)[n], roots(log_q)[n]) > 1e-8
    ]  # fmt: skip
    return float(np.mean(each))


def step_angles(log_p, log_q):
    """(sample,) angles between two models."""
    return np.array([angle(s, t) for s, t in zip(roots(log_p), roots(log_q), strict=True)], dtype=np.float64)


def step_distance(log_p, log_q, floor=2.0**-63):
    """-1/N sum_n log max(overlap, floor), overlaps near one from the chord."""
    total = np.longdouble(0)
    for s, t in zip(roots(log_p), roots(log_q), strict=True):
        chord = ((s - t) ** 2).sum()
        total -= np.log1p(-chord / 2) if chord < 0.1 else np.log(max((s * t).sum(), np.longdouble(floor)))
    return float(total / len(log_p))


def lengths(models):
    """Sum of mean angles, of sqrt(8 d_B) and of sqrt(d_B) over consecutive models."""
    pairs = list(itertools.pairwise(models))
    distances = [step_distance(p, q) for p, q in pairs]
    return (
        sum(step_angles(p, q).mean() for p, q in pairs),
        sum(np.sqrt(8 * d) for d in distances),
        sum(np.sqrt(d) for d in distances),
    )


def mean_loss(log_model, labels):
    """-1/N sum_n log p_true, entry by entry."""
    p = np.exp(np.asarray(log_model, dtype=np.longdouble))
    return float(np.mean([-np.log(row[label] / row.sum()) for row, label in zip(p, labels, strict=True)]))


def share_right(log_model, labels):
    """Accuracy: share of samples whose most probable class is the true one."""
    return float(np.mean([int(np.argmax(row)) == label for row, label in zip(log_model, labels, strict=True)]))
