"""Permutations of units, of all or within strata, and their number."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Orders = NDArray[np.int64]


def permutations(n_units: int, n_permutations: int, seed: int, strata: ArrayLike | None = None) -> Orders:
    """Return (permutation, unit) permutations other than the identity, drawn at random, or all if there are fewer.

    Args:
        n_units: number of units.
        n_permutations: most permutations.
        seed: seed of the draw.
        strata: (unit,) codes; units are exchanged with those of the same code only. None: with any.
    """
    codes = np.zeros(n_units, dtype=np.int64) if strata is None else np.asarray(strata)
    order = np.argsort(codes, kind="stable")
    sizes = np.unique(codes, return_counts=True)[1]
    if math.prod(math.factorial(size) for size in sizes.tolist()) <= n_permutations + 1:
        members = np.split(order, np.cumsum(sizes)[:-1])
        every = itertools.product(*(itertools.permutations(stratum.tolist()) for stratum in members))
        rows = [list(itertools.chain.from_iterable(parts)) for parts in every][1:]
        found = np.array(rows, dtype=np.int64).reshape(-1, n_units)
    else:
        # Sorted by stratum and a random number, every stratum's units stand in a random order at its own places.
        ranks = np.unique(codes, return_inverse=True)[1]
        found = np.argsort(ranks + np.random.default_rng(seed).random((n_permutations, n_units)), axis=1)
    orders = np.empty_like(found)
    orders[:, order] = found
    return orders


def arrangements(codes: ArrayLike, strata: ArrayLike | None = None) -> float:
    """Return the number of distinguishable arrangements of levels: no p-value is below one over this.

    Arrangements that differ only by exchanging the names of levels with the same number of units in every stratum count
    once. Infinity if it overflows.

    Args:
        codes: (unit,) level of each unit.
        strata: as of :func:`permutations`.
    """
    levels = np.unique(np.asarray(codes), return_inverse=True)[1]
    places = (
        np.zeros(len(levels), np.int64) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    )
    counts = np.zeros((levels.max(initial=0) + 1, places.max(initial=0) + 1), dtype=np.int64)
    np.add.at(counts, (levels, places), 1)
    alike = np.unique(counts, axis=0, return_counts=True)[1]
    logarithm = sum(math.lgamma(size + 1) for size in counts.sum(axis=0))
    logarithm -= sum(math.lgamma(size + 1) for size in counts.ravel())
    logarithm -= sum(math.lgamma(count + 1) for count in alike)
    return max(1, round(math.exp(logarithm))) if logarithm < 30 else math.exp(min(logarithm, 700.0))
