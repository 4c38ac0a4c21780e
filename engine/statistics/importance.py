r"""Permutation importance of hyperparameters for distances between trajectories.

The published study predicts the distance of two configurations from the pairs of values of their hyperparameters, and
measures the cost of permuting one of them on the pairs used for fitting. Two things differ here, because pairs share
configurations: a third of the *configurations* is held out and only pairs among those are predicted, so that no
configuration is in both parts (a pair with one fitted member is half known); and the values of held-out configurations
are permuted, not the rows of pairs, so that every pair remains one of two consistent configurations.

The target is the *logarithm* of a distance: hyperparameters multiply distances rather than add to them, a few distant
configurations would dominate a mean square, and held-out pairs of the studies that ship are predicted better. The
:math:`R^2` uses the variance over all pairs, because that over the few held-out pairs is too noisy.

The model is a random forest of scikit-learn's trees, as in the study: hyperparameters interact (two optimisers may
differ in one architecture and agree in another), and trees represent interactions without specification.
Source: Mao et al., PNAS 121 (2024) e2310002121; Breiman, Machine Learning 45 (2001) 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidSpecError, SelectionError
from engine.machine import run_all
from engine.statistics.factors import Array, Factor

N_REPEATS = 30
N_CHANCE = 19
"""Tables of hyperparameters that are dealt out anew: the largest of their importances is reached by chance once in
twenty times."""
HELD_OUT_SHARE = 1 / 3
LEAST_CONFIGURATIONS = 8
"""Least number of configurations: three held out give three pairs, the other five give ten pairs to fit."""
N_TREES = 100
LEAF_PAIRS = 3
SPLIT_SHARE = 1 / 3
"""Share of the features tried at each split (Breiman's choice for regression)."""
TREE_PAIRS = 2000
"""Most pairs that a tree is grown from: pairs grow as the square of configurations, and trees converge long before."""
CLOSEST = 1e-3
"""Floor of distances relative to their median, since equal configurations have no logarithm."""
SHUFFLES = 8
SCORED_PAIRS = 20_000
"""Most held-out pairs predicted per permutation."""


@dataclass(frozen=True, slots=True, eq=False)
class Importance:
    r"""Loss of a forest's accuracy on held-out pairs when hyperparameters are permuted.

    Attributes:
        groups: hyperparameters permuted together, as indices.
        drops: (repeat, group) decrease of :math:`R^2` when their values are permuted among the held-out
            configurations: mean over ``SHUFFLES``.
        scores: (repeat,) :math:`R^2` without permutation, 1 - mean square error / variance over all pairs; at or below
            zero the forest has no skill on the held-out pairs, and drops are meaningless.
        n_held_out: number of configurations held out each time.
        by_chance: (table, group) drops of one split each, where the rows of hyperparameters are dealt out anew among
            the configurations, all columns together: what goes with what stays, and nothing means anything. A median
            over splits is less scattered, so their largest is a cautious limit for it.
    """

    groups: tuple[tuple[int, ...], ...]
    drops: Array
    scores: Array
    n_held_out: int
    by_chance: Array


def importance(
    divergences: ArrayLike,
    factors: Sequence[Factor],
    groups: Sequence[Sequence[int]] = (),
    *,
    n_repeats: int = N_REPEATS,
    seed: int = 0,
    check: Callable[[float], None] | None = None,
) -> Importance:
    r"""Return the permutation importance of hyperparameters for the distances between configurations.

    Args:
        divergences: (configuration, configuration) symmetric, such as mean distances of trajectories.
        factors: the hyperparameters over the configurations.
        groups: indices of hyperparameters to permute together, besides each by itself, such as those of
            :func:`.factors.aliased_groups`: if one replaces another, either alone seems dispensable.
        n_repeats: number of random splits into fitted and held-out configurations.
        seed: seed of splits, trees and permutations, the only source of randomness.
        check: called with the completed fraction; raises to cancel.

    Returns:
        The drops; their spread over repeats is that over splits, not over other studies.

    Raises:
        SelectionError: fewer than ``LEAST_CONFIGURATIONS`` configurations.
        InvalidSpecError: no hyperparameter distinguishes configurations, or the shapes do not match.

    Source of the null: Altmann et al., Bioinformatics 26 (2010) 1340, with rows permuted instead of the outcome, since
    pairs share configurations.
    """
    matrix = np.asarray(divergences, dtype=np.float64)
    n_units = len(matrix)
    if matrix.shape != (n_units, n_units) or not np.isfinite(matrix).all():
        raise InvalidSpecError(f"divergences must be a finite square, received the shape {matrix.shape}.")
    if not factors or any(factor.n_units != n_units for factor in factors):
        raise InvalidSpecError(
            f"factors must be at least one, each with a value for the {n_units} configurations; received "
            f"{[factor.n_units for factor in factors]} values."
        )
    if n_units < LEAST_CONFIGURATIONS:
        raise SelectionError(
            f"Importance on held-out configurations needs at least {LEAST_CONFIGURATIONS} of them, received {n_units}: "
            "select runs with more different hyperparameters."
        )
    logarithms = _logarithms(matrix)
    rows, columns = np.tril_indices(n_units, -1)
    variance = float(logarithms[rows, columns].var())
    everything = tuple((place,) for place in range(len(factors))) + tuple(tuple(group) for group in groups)
    n_held_out = max(3, round(HELD_OUT_SHARE * n_units))
    seeds = np.random.SeedSequence(seed).spawn(n_repeats + N_CHANCE)
    random = np.random.default_rng(seeds[0].spawn(1)[0])
    dealt = [random.permutation(n_units) for _ in range(N_CHANCE)]
    outcomes = [logarithms] * n_repeats + [logarithms[np.ix_(order, order)] for order in dealt]

    # Imported once beforehand: threads that import at the same time wait for one another.
    import sklearn.tree  # noqa: F401

    results = []
    for start in range(0, len(seeds), 2):
        if check is not None:
            check(start / len(seeds))
        calls = [
            (_repeat, (outcome, variance, factors, everything, n_held_out, child))
            for outcome, child in zip(outcomes[start : start + 2], seeds[start : start + 2], strict=True)
        ]
        results += run_all(calls)
    drops = np.array([drop for drop, _ in results])
    scores = np.array([score for _, score in results[:n_repeats]])
    return Importance(everything, drops[:n_repeats], scores, n_held_out, by_chance=drops[n_repeats:])


def pair_features(factors: Sequence[Factor], codes: NDArray[np.int64], rows: ArrayLike, columns: ArrayLike) -> Array:
    r"""Return the features of pairs, symmetric in (a, b).

    For a numeric hyperparameter: the distance and the mean of the two numbers, which are logarithms if all are
        positive.
    For any other: whether the values differ, and for each level how many of the two have it.

    Args:
        factors: the hyperparameters.
        codes: (unit, factor) the unit whose value is used: the unit itself, or another one under permutation.
        rows, columns: (pair,) the two units of each pair.

    Returns:
        (pair, feature) float64.
    """
    i, j = np.asarray(rows), np.asarray(columns)
    features = []
    for place, factor in enumerate(factors):
        a, b = codes[i, place], codes[j, place]
        if factor.numbers is not None:
            x, y = factor.numbers[a], factor.numbers[b]
            features += [np.abs(x - y), 0.5 * (x + y)]
        else:
            x, y = factor.codes[a], factor.codes[b]
            features.append(x != y)
            features += [(x == level).astype(float) + (y == level) for level in range(len(factor.levels))]
    return np.stack(features, axis=1).astype(np.float64)


def grow_forest(features: Array, target: Array, random: np.random.Generator) -> Callable[[Array], Array]:
    """Return a random forest: the mean of trees grown from resampled pairs, with a share of the features per split.

    Args:
        features: (pair, feature).
        target: (pair,).
        random: source of all randomness.

    Returns:
        (pair, feature) -> (pair,).
    """
    # scikit-learn's own forest runs its trees in threads and sets the process's warning filters for each of them: two
    # forests at once leave those filters broken. Single trees touch no shared state.
    from sklearn.tree import DecisionTreeRegressor

    given = features.astype(np.float32)
    trees = []
    for _ in range(N_TREES):
        drawn = random.integers(len(target), size=min(len(target), TREE_PAIRS))
        tree = DecisionTreeRegressor(
            min_samples_leaf=LEAF_PAIRS, max_features=SPLIT_SHARE, random_state=int(random.integers(2**31))
        )
        trees.append(tree.fit(given[drawn], target[drawn]))

    def predict(asked: Array) -> Array:
        values = asked.astype(np.float32)
        return np.asarray(np.mean([tree.predict(values) for tree in trees], axis=0))

    return predict


def _logarithms(matrix: Array) -> Array:
    positive = matrix[matrix > 0]
    return (
        np.asarray(np.log(np.maximum(matrix, CLOSEST * np.median(positive))))
        if len(positive)
        else np.zeros_like(matrix)
    )


def _repeat(
    matrix: Array,
    variance: float,
    factors: Sequence[Factor],
    groups: Sequence[tuple[int, ...]],
    n_held_out: int,
    seed: np.random.SeedSequence,
) -> tuple[Array, float]:
    """Return (group,) losses of R² by shuffling, and R² itself, of one split.

    A forest learns pairs of the known units and is asked about pairs of the held-out ones, once as they are and
    ``SHUFFLES`` times with each group of hyperparameters shuffled among them.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(matrix))
    held, known = np.sort(order[:n_held_out]), np.sort(order[n_held_out:])
    own = np.repeat(np.arange(len(matrix))[:, None], len(factors), axis=1)
    rows, columns = _pairs(known)
    forest = grow_forest(pair_features(factors, own, rows, columns), matrix[rows, columns], random)

    rows, columns = _pairs(held)
    if len(rows) > SCORED_PAIRS:
        chosen = np.sort(random.choice(len(rows), SCORED_PAIRS, replace=False))
        rows, columns = rows[chosen], columns[chosen]
    truth = matrix[rows, columns]
    questions = [own]
    for group in groups:
        for _ in range(SHUFFLES):
            shuffled = own.copy()
            shuffled[np.ix_(held, np.array(group))] = random.permutation(held)[:, None]
            questions.append(shuffled)
    # Predictions are batched: one call per permutation would be dominated by call overhead.
    step = max(1, 2**18 // len(rows))
    errors: list[float] = []
    for start in range(0, len(questions), step):
        part = questions[start : start + step]
        asked = np.concatenate([pair_features(factors, codes, rows, columns) for codes in part])
        answers = forest(asked).reshape(len(part), len(rows))
        errors += ((answers - truth) ** 2).mean(axis=1).tolist()
    if variance == 0.0:
        return np.zeros(len(groups)), 0.0
    scores = 1.0 - np.array(errors) / variance
    return scores[0] - scores[1:].reshape(len(groups), SHUFFLES).mean(axis=1), float(scores[0])


def _pairs(units: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows, columns = np.tril_indices(len(units), -1)
    return units[rows], units[columns]
