r"""How much each hyperparameter matters for how far apart two trainings are: a forest, asked about what it never saw.

The published study predicts the distance of two configurations from the pairs of values of their hyperparameters, and
asks what shuffling one of them costs, on the pairs it was fitted to. Two things are done differently here, because
pairs share configurations: a third of the *configurations* is held out and only pairs among those are predicted,
so that no configuration is in both parts (a pair with one known member is half known); and it is values of held-out
configurations that are shuffled, not rows of pairs, so that every pair stays one of two consistent configurations.

What is predicted is the *logarithm* of a distance: hyperparameters multiply distances rather than add to them, a few
far configurations would decide a mean square alone, and on the studies that ship held-out pairs are predicted better
so. :math:`R^2` is against the variance over all pairs, not over the few held out, which would make a lottery of it.

The model is a random forest of scikit-learn's trees, the study's kind of answer: hyperparameters act together (two
optimisers may differ in one architecture and agree in another), and trees find that without being told.
Source: Mao et al., PNAS 121 (2024) e2310002121; Breiman, Machine Learning 45 (2001) 5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidSpecError, SelectionError
from engine.factors import Array, Factor
from engine.kernels.threads import run_all

N_REPEATS = 30
HELD_OUT_SHARE = 1 / 3
LEAST_CONFIGURATIONS = 8
"""Three of them held out make three pairs, and five leave ten to learn from."""
N_TREES = 100
LEAF_PAIRS = 3
SPLIT_SHARE = 1 / 3
"""Of the features, looked at in each split (Breiman's choice for regression)."""
TREE_PAIRS = 2000
"""Pairs that a tree is grown from, at most: pairs go with the square of configurations, and trees agree long before."""
CLOSEST = 1e-3
"""Of the median distance: what is nearer counts as that near, since equal configurations have no logarithm."""
SHUFFLES = 8
SCORED_PAIRS = 20_000
"""Held-out pairs that are predicted per shuffle, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Importance:
    r"""What shuffling hyperparameters costs a forest's predictions of held-out pairs.

    Attributes:
        groups: which hyperparameters were shuffled together, by their places.
        drops: (repeat, group) how much :math:`R^2` falls when their values are dealt out anew among the held-out
            configurations: mean over ``SHUFFLES``.
        scores: (repeat,) :math:`R^2` of the untouched predictions, 1 - mean square error / variance over all pairs; at
            or below zero the forest knows nothing of the held-out pairs, and drops mean nothing.
        n_held_out: configurations held out each time.
    """

    groups: tuple[tuple[int, ...], ...]
    drops: Array
    scores: Array
    n_held_out: int


def importance(
    divergences: ArrayLike,
    factors: Sequence[Factor],
    groups: Sequence[Sequence[int]] = (),
    *,
    n_repeats: int = N_REPEATS,
    seed: int = 0,
    check: Callable[[float], None] | None = None,
) -> Importance:
    r"""Return how much each hyperparameter matters for the distances between configurations.

    Args:
        divergences: (configuration, configuration) symmetric, such as mean distances of trajectories.
        factors: the hyperparameters, over the configurations.
        groups: places of hyperparameters to shuffle together besides each by itself, such as those of
            :func:`engine.factors.aliased_groups`: where one stands for another, either alone seems dispensable.
        n_repeats: random splits into configurations to learn from and configurations held out.
        seed: of splits, trees and shuffles; the result depends on nothing else.
        check: told the fraction done now and then; raises where nobody waits any more.

    Returns:
        The drops; their spread over repeats is that of splits, not of other studies.

    Raises:
        SelectionError: fewer than ``LEAST_CONFIGURATIONS`` configurations.
        InvalidSpecError: nothing to tell configurations apart, or shapes that do not fit.
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
    seeds = np.random.SeedSequence(seed).spawn(n_repeats)

    # Beforehand, and once: threads that import at the same time wait for one another.
    import sklearn.tree  # noqa: F401

    results = []
    for start in range(0, n_repeats, 2):
        if check is not None:
            check(start / n_repeats)
        calls = [
            (_repeat, (logarithms, variance, factors, everything, n_held_out, child))
            for child in seeds[start : start + 2]
        ]
        results += run_all(calls)
    drops = np.array([drop for drop, _ in results])
    return Importance(everything, drops, np.array([score for _, score in results]), n_held_out)


def pair_features(factors: Sequence[Factor], codes: NDArray[np.int64], rows: ArrayLike, columns: ArrayLike) -> Array:
    r"""Return what a forest is told about pairs, the same for (a, b) and (b, a).

    Of a numeric hyperparameter: the distance and the mean of the two numbers, which are logarithms where all are
    positive. Of any other: whether they differ, and for each level how many of the two have it.

    Args:
        factors: the hyperparameters.
        codes: (unit, factor) the unit whose value each has: its own, or another's where values are shuffled.
        rows, columns: (pair,) the two units.

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
    """Return a random forest: the mean of trees, each grown from pairs drawn anew, a share of features at each split.

    Args:
        features: (pair, feature).
        target: (pair,).
        random: the only source of chance.

    Returns:
        (pair, feature) -> (pair,).
    """
    # scikit-learn's own forest hands its trees to threads, and sets the filters of warnings of the whole process for
    # each of them: two forests at a time leave those filters broken. Its trees by themselves touch nothing shared.
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
    # All questions in one: a call for each would spend its time on calling.
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
