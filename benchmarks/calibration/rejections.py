"""Rejections by every test that the page prints, in simulated studies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.calibration.fakes import Array, Design, Study, simulate
from engine.analyses.inference import importance as what_decides
from engine.statistics.factors import Factor, make_factor
from engine.statistics.importance import importance
from engine.statistics.shuffling import shuffle_samples, within_class_orders
from engine.statistics.variance_components import variance_components
from engine.trajectories.mean_distance import between_groups, trajectory_distances

N_PERMUTATIONS = 99
THRESHOLD = 0.05
N_SHUFFLES = 9
PRINTED = {
    "beyond the others": "p beyond the others",
    "alone": "p alone, exploratory",
    "unequal spread": "p of unequal spread, exploratory",
}
"""Name of a test -> its column in the table of hyperparameters."""
SILENT: Any = SimpleNamespace(report=lambda fraction: None, check=lambda: None)
"""What the tests ask of a selection."""


@dataclass(frozen=True, slots=True)
class Rejections:
    """How often a test rejects.

    Attributes:
        test, case: the test, and the design.
        n_units: number of configurations.
        threshold: of p; for shuffled pairs, one over the number of ranks.
        rate: share of the simulated studies with p at most the threshold.
        n_studies: number of studies with a p-value.
        ks: p-value of Kolmogorov and Smirnov's test that p is uniform; NaN where it need not be.
        is_null: whether there is nothing to find.
    """

    test: str
    case: str
    n_units: int
    threshold: float
    rate: float
    n_studies: int
    ks: float
    is_null: bool


def printed_tests(
    design: Design, case: str, n_studies: int, null: tuple[str, ...], sought: tuple[str, ...] = ()
) -> Iterator[Rejections]:
    """Yield the rejections of the tests of "What decides the path", of the hyperparameter ``level``.

    Args:
        design: of the studies.
        case: its name.
        n_studies: number of studies.
        null: tests of ``PRINTED`` with nothing to find.
        sought: tests with something to find.
    """
    tables = [_table(simulate(design, np.random.default_rng([10, place]))) for place in range(n_studies)]
    for test in (*null, *sought):
        values = np.array([table.loc["level", PRINTED[test]] for table in tables], dtype=np.float64)
        yield _row(test, case, design.n_configurations, values, test in null)


def several_factors(n_configurations: int, n_factors: int, n_studies: int) -> Iterator[Rejections]:
    """Yield how often the smallest adjusted p of several hyperparameters without effect rejects."""
    values = []
    for place in range(n_studies):
        rng = np.random.default_rng([12, place])
        study = simulate(Design(n_configurations), rng)
        labels = [rng.permutation(np.arange(n_configurations) % 2).tolist() for _ in range(n_factors)]
        factors = [make_factor(f"x{k}", found) for k, found in enumerate(labels)]
        matrix = between_groups(study.distances(), study.codes)
        table = what_decides._tests(SILENT, matrix, factors, N_PERMUTATIONS, np.nan, False)
        values.append(table["p beyond the others, adjusted"].min())
    row = _row("smallest adjusted p", f"{n_factors} null hyperparameters", n_configurations, np.array(values), True)
    yield Rejections(row.test, row.case, row.n_units, row.threshold, row.rate, row.n_studies, np.nan, True)


def shuffled_pairs(n_studies: int) -> Iterator[Rejections]:
    """Yield how often a pair of runs that share nothing is nearer than all its shuffles."""
    labels = np.arange(24) % 3
    ranks = []
    for place in range(n_studies):
        rng = np.random.default_rng([13, place])
        logits = rng.normal(size=(2, 1, 24, 3)) + np.linspace(0.2, 1, 3)[None, :, None, None]
        logits[:, :, np.arange(24), labels] += 2.0 * rng.random((2, 1, 24))
        logs = np.asarray(logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True)), np.float32)
        orders = within_class_orders(labels, 2 * N_SHUFFLES, seed=place).reshape(N_SHUFFLES, 2, -1)
        real, *shuffled = (
            trajectory_distances(one, device="cpu")[0, 1] for one in (logs, *(shuffle_samples(logs, o) for o in orders))
        )
        ranks.append((1 + sum(value <= real for value in shuffled)) / (1 + N_SHUFFLES))
    ranked = np.array(ranks)
    ks = uniformity(ranked, N_SHUFFLES)
    threshold = 1 / (1 + N_SHUFFLES)
    rate = float((ranked <= threshold + 1e-9).mean())
    yield Rejections(
        "nearer than all shuffles", "a pair that shares nothing", 2, threshold, rate, len(ranked), ks, True
    )


def importances(design: Design, case: str, n_studies: int, n_repeats: int = 10) -> Iterator[Rejections]:
    """Yield how often the bar of a hyperparameter clears zero."""
    cleared = []
    for place in range(n_studies):
        study = simulate(design, np.random.default_rng([14, place]))
        factors = _factors(study, np.unique(study.codes))
        found = importance(between_groups(study.distances(), study.codes), factors, n_repeats=n_repeats)
        low = np.quantile(found.drops[:, 0], what_decides.TAIL)
        cleared.append(bool(low > 0 and np.median(found.scores) > 0))
    rate = float(np.mean(cleared))
    is_null = design.effect == 0
    yield Rejections(
        "bar of importance above zero", case, design.n_configurations, THRESHOLD, rate, n_studies, np.nan, is_null
    )


def uniformity(values: Array, n_permutations: int) -> float:
    """Return the p-value of uniformity of p-values in steps, spread at random within them."""
    from scipy.stats import kstest

    spread = values - np.random.default_rng(0).random(len(values)) / (1 + n_permutations)
    return float(kstest(spread, "uniform").pvalue)


def _factors(study: Study, codes: Array) -> list[Factor]:
    return [make_factor("level", study.levels[codes].tolist()), make_factor("other", study.other[codes].tolist())]


def _table(study: Study) -> Any:
    runs = study.distances()
    noise = variance_components(runs, study.codes).within
    factors = _factors(study, np.unique(study.codes))
    table = what_decides._tests(SILENT, between_groups(runs, study.codes), factors, N_PERMUTATIONS, noise, False)
    return table.set_index("hyperparameter")


def _row(test: str, case: str, n_units: int, values: Array, is_null: bool) -> Rejections:
    known = values[np.isfinite(values)]
    ks = uniformity(known, N_PERMUTATIONS) if is_null else np.nan
    rate = float((known <= THRESHOLD + 1e-9).mean()) if len(known) else np.nan
    return Rejections(test, case, n_units, THRESHOLD, rate, len(known), ks, is_null)
