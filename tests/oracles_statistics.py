"""The slow road to what is decided by chance and how sure we are: plain loops, written from the formulas."""

from __future__ import annotations

import itertools

import numpy as np


def pseudo_f(divergences, groups):
    """Anderson's pseudo-F and R^2 from sums over pairs, with divergences where he writes squared distances."""
    n = len(groups)
    total = sum(divergences[i, j] for i in range(n) for j in range(i)) / n
    within = 0.0
    for group in set(groups):
        members = [i for i in range(n) if groups[i] == group]
        within += sum(divergences[i, j] for i in members for j in members if j < i) / len(members)
    n_groups = len(set(groups))
    between = total - within
    return (between / (n_groups - 1)) / (within / (n - n_groups)), between / total


def mantel_correlation(divergences, differs):
    """Pearson's r over pairs."""
    pairs = [(i, j) for i in range(len(divergences)) for j in range(i)]
    x, y = (np.array([matrix[i][j] for i, j in pairs]) for matrix in (divergences, differs))
    return ((x - x.mean()) * (y - y.mean())).sum() / np.sqrt(((x - x.mean()) ** 2).sum() * ((y - y.mean()) ** 2).sum())


def exact_p_value(statistic, groups):
    """Share of all orders of the groups whose statistic is at least the observed one."""
    observed = statistic(list(groups))
    values = [statistic([groups[i] for i in order]) for order in itertools.permutations(range(len(groups)))]
    return sum(value >= observed - 1e-9 * abs(observed) for value in values) / len(values)


def added_variation(points, design, given):
    """Sum of squares that ``design`` explains of points beyond ``given``, and what both leave, by least squares."""
    n = len(points)

    def left(columns):
        full = np.column_stack([np.ones(n), *columns])
        return float(((points - full @ np.linalg.lstsq(full, points, rcond=None)[0]) ** 2).sum())

    return left([given]) - left([given, design]), left([given, design])
