"""Reference implementations of permutation statistics, in plain loops.

Written from the formulas, independently of the engine.
"""

from __future__ import annotations

import itertools

import numpy as np


def pseudo_f(divergences, groups):
    """Anderson's pseudo-F and R^2 from sums over pairs, with divergences in place of squared distances."""
    n = len(groups)
    total = sum(divergences[i, j] for i in range(n) for j in range(i)) / n
    within = 0.0
    for group in set(groups):
        members = [i for i in range(n) if groups[i] == group]
        within += sum(divergences[i, j] for i in members for j in members if j < i) / len(members)
    n_groups = len(set(groups))
    between = total - within
    return (between / (n_groups - 1)) / (within / (n - n_groups)), between / total


def exact_p_value(statistic, groups):
    """Exact p-value: share of all permutations of the groups whose statistic is at least the observed one."""
    observed = statistic(list(groups))
    values = [statistic([groups[i] for i in order]) for order in itertools.permutations(range(len(groups)))]
    return sum(value >= observed - 1e-9 * abs(observed) for value in values) / len(values)


def added_variation(points, design, given):
    """Sum of squares of points explained by ``design`` given ``given``, and the residual of both, by least squares."""
    n = len(points)

    def left(columns):
        full = np.column_stack([np.ones(n), *columns])
        return float(((points - full @ np.linalg.lstsq(full, points, rcond=None)[0]) ** 2).sum())

    return left([given]) - left([given, design]), left([given, design])


def differences(factor):
    """1 for two units of different levels, 0 for two of the same."""
    return np.not_equal.outer(factor.codes, factor.codes) * 1.0


def welch(points, groups):
    """Welch's statistic of points of several dimensions, from their coordinates."""
    names = sorted(set(groups))
    members = [points[[group == name for group in groups]] for name in names]
    sizes = [len(own) for own in members]
    means = [own.mean(axis=0) for own in members]
    variances = [((own - mean) ** 2).sum() / (size - 1) for own, mean, size in zip(members, means, sizes, strict=True)]
    weights = [size / variance for size, variance in zip(sizes, variances, strict=True)]
    total, k = sum(weights), len(names)
    middle = sum(weight * mean for weight, mean in zip(weights, means, strict=True)) / total
    between = sum(weight * ((mean - middle) ** 2).sum() for weight, mean in zip(weights, means, strict=True)) / (k - 1)
    scatter = sum((1 - weight / total) ** 2 / (size - 1) for weight, size in zip(weights, sizes, strict=True))
    return between / (1 + 2 * (k - 2) / (k * k - 1) * scatter)


def spreads(points, groups):
    """Distance of each point from the mean of its group, made comparable between sizes."""
    found = []
    for point, group in zip(points, groups, strict=True):
        own = points[[other == group for other in groups]]
        found.append(np.linalg.norm(point - own.mean(axis=0)) * np.sqrt(len(own) / (len(own) - 1)))
    return np.array(found)
