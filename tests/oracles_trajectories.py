"""Reference implementations of trajectory distances and means, loops and recursion.

Written from the formulas, independently of the engine.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from tests.oracles import bhattacharyya, probabilities


def trajectory_distances(resampled):
    """(run, point, sample, class) -> (run, run) mean over points of d_B at equal points."""
    n_runs, n_points = resampled.shape[:2]
    values = np.zeros((n_runs, n_runs))
    for u in range(n_runs):
        for v in range(n_runs):
            values[u, v] = sum(
                bhattacharyya(resampled[u, i : i + 1], resampled[v, i : i + 1])[0, 0] for i in range(n_points)
            )
    return values / n_points


def point_to_trajectory(distances, steps, scale):
    """Minimum, or the kernel-weighted mean over all models but the last."""
    if scale == 0 or len(distances) == 1:
        return min(distances)
    lengths = [math.sqrt(step) for step in steps]
    kernels = [math.exp(-distance / (2 * scale**2)) for distance in distances[:-1]]
    weights = [kernel * length for kernel, length in zip(kernels, lengths, strict=True)]
    return sum(weight * distance for weight, distance in zip(weights, distances, strict=False)) / sum(weights)


def trajectory_to_trajectory(block, steps, other_steps, scale, per_length):
    """Sum over the models but the last of their distance to the other, times the step that begins there."""
    lengths = [math.sqrt(step) for step in steps]
    total = sum(point_to_trajectory(list(row), other_steps, scale) * k for row, k in zip(block, lengths, strict=False))
    return total / sum(lengths) if per_length else total


def frechet(block):
    """Discrete Frechet distance by the recursion of Eiter and Mannila."""

    @cache
    def leash(i, j):
        if i < 0 or j < 0:
            return math.inf
        if i == 0 and j == 0:
            return block[0, 0]
        return max(min(leash(i - 1, j), leash(i - 1, j - 1), leash(i, j - 1)), block[i, j])

    return leash(block.shape[0] - 1, block.shape[1] - 1)


def power_mean(log_probabilities, kind):
    """Arithmetic, geometric, harmonic and square-root means of (model, sample, class), normalised."""
    p = probabilities(log_probabilities)
    mean = {
        "arithmetic": lambda: p.mean(axis=0),
        "geometric": lambda: np.prod(p ** (1 / len(p)), axis=0),
        "harmonic": lambda: 1 / (1 / p).mean(axis=0),
        "square_root": lambda: np.sqrt(p).mean(axis=0) ** 2,
    }[kind]()
    return mean / mean.sum(axis=-1, keepdims=True)


def sum_of_divergences(p, centre, kind):
    """(model, class) probabilities and (class,) centre -> sum of divergences, which the centroid minimises."""
    if kind == "bhattacharyya":
        return -sum(math.log(np.sqrt(row * centre).sum()) for row in p)
    return sum(((row - centre) * (np.log(row) - np.log(centre))).sum() for row in p)
