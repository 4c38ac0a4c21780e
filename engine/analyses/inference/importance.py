"""Analysis "importance": importance and permutation tests of hyperparameters for trajectory distances."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.analysis import Analysis, Options
from engine.analyses.between_runs.aligned import AlignedRuns, alignment_options
from engine.analyses.between_runs.repetitions import (
    repetition_notes,
    repetitions_of,
    variance_numbers,
    variance_table,
)
from engine.analyses.finding import Finding
from engine.analyses.inference.importance_notes import SIGNIFICANT, importance_notes, power_note, test_notes, units_of
from engine.analyses.material import Material
from engine.analyses.options import REPLICATES, Choice, Columns, Number
from engine.errors import SelectionError

if TYPE_CHECKING:
    from engine.statistics.factors import Factor
    from engine.statistics.importance import Importance

Array = NDArray[np.float64]
SCORE = "R² of the forest on held-out pairs, median"
"""Name of the number at or below which importances mean nothing."""
EFFECTS = (1.0, 2.0)
"""Distances between two levels, in standard deviations of the configurations, whose power is reported."""
LEAST_LEFT = 3
"""Least residual degrees of freedom from which power is simulated."""
TAIL = 0.025
"""Share of the splits beyond each end of a bar."""
DISTANCES_SHARE, TESTS_SHARE = 0.3, 0.2
"""Shares of the progress bar for the distances and the tests, about those of the time; the forests take the rest."""


def run(material: Material, options: Options) -> Finding:
    """Return tests of every hyperparameter, its importance on held-out configurations, and aliased groups."""
    from engine.statistics.factors import aliased_groups, cramers_v, describe_aliases, determines, make_factor
    from engine.statistics.importance import LEAST_CONFIGURATIONS, importance
    from engine.trajectories.mean_distance import between_groups

    by_run = options["unit"] == "run"
    columns = [name for name in options["columns"] if name not in material.replicates.columns]
    notes = [
        f"{name} tells repetitions apart and means nothing across configurations: its share is that of the variance "
        "within them."
        for name in options["columns"]
        if name not in columns
    ]
    if not columns:
        raise SelectionError(
            "What decides the path can be asked of runs whose hyperparameters differ, and here only repetitions do: "
            "select runs of more than one configuration."
        )
    aligned = AlignedRuns(material, options)
    distances = aligned.distances().among_runs
    repetitions = repetitions_of(distances, material)
    notes += repetition_notes(repetitions)
    first, noise = np.arange(len(distances)), np.nan
    if not by_run:
        noise = np.nan if isinstance(repetitions, str) else repetitions.within
        distances = between_groups(distances, material.configurations)
        first = np.unique(material.configurations, return_index=True)[1]
    factors = [make_factor(name, material.hyperparameters[name].iloc[first].tolist()) for name in columns]
    material.report(DISTANCES_SHARE)

    table = _tests(material, distances, factors, options["permutations"], noise, by_run)
    tables = {"hyperparameters": table}
    if not isinstance(repetitions, str):
        tables["variance"] = variance_table(repetitions)
    pairs = [(one, other) for one in range(len(factors)) for other in range(one + 1, len(factors))]
    if pairs:
        tables["associations"] = pd.DataFrame(
            {
                "hyperparameter": [columns[one] for one, _ in pairs],
                "other hyperparameter": [columns[other] for _, other in pairs],
                "Cramér's V": [cramers_v(factors[one], factors[other]) for one, other in pairs],
                "the first determines the other": [determines(factors[one], factors[other]) for one, other in pairs],
                "the other determines the first": [determines(factors[other], factors[one]) for one, other in pairs],
            }
        )
    numbers: dict[str, float | int | str] = {
        "configurations" if not by_run else "runs": len(distances),
        **variance_numbers(repetitions),
    }
    if not by_run:
        numbers["smallest p-value that was possible"] = float(table["smallest possible p"].min())
        powers = _powers(distances, factors, material)
        numbers |= {f"power at {effect:g} sd": found for effect, found in powers.items()}
        notes.append(power_note(powers, table, len(distances)))
    if len(distances) < LEAST_CONFIGURATIONS:
        notes.append(
            f"Importance on held-out {units_of(by_run)} needs at least {LEAST_CONFIGURATIONS} of them, and here are "
            f"{len(distances)}."
        )
    else:
        found = importance(
            distances,
            factors,
            aliased_groups(factors),
            n_repeats=options["repeats"],
            check=lambda done: material.report(
                DISTANCES_SHARE + TESTS_SHARE + (1 - DISTANCES_SHARE - TESTS_SHARE) * done
            ),
        )
        tables |= _importances(found, columns)
        score = float(np.median(found.scores))
        numbers[SCORE] = score
        notes += importance_notes(found, score, by_run)
    notes += describe_aliases(factors)
    notes += test_notes(factors, table, by_run)
    return Finding(tables=tables, numbers=numbers, notes=(*notes, *aligned.notes()))


def _tests(
    material: Material, distances: Array, factors: Sequence[Factor], n_permutations: int, noise: float, by_run: bool
) -> pd.DataFrame:
    """Return one row per hyperparameter, in decreasing order of the share beyond the others.

    Args:
        material: the selection.
        distances: (unit, unit) of configurations or runs.
        factors: the hyperparameters over the units.
        n_permutations: of each test.
        noise: variance of a configuration's seeds, part of every distance between two configurations; or NaN.
        by_run: whether units are single runs, which are not tested: those of a configuration are alike.
    """
    from engine.statistics.factors import determines, strata_of
    from engine.statistics.permutation.dispersion import permdisp
    from engine.statistics.permutation.orders import arrangements
    from engine.statistics.permutation.outcome import holm
    from engine.statistics.permutation.permanova import centred, permanova

    total = float(np.trace(centred(distances, factors)))
    n_units = len(distances)
    rows = []
    for place, factor in enumerate(factors):
        material.report(DISTANCES_SHARE + TESTS_SHARE * place / len(factors))
        # Not adjusted for factors that determine this one: a learning rate nested in one optimiser explains it fully.
        others = [other for other in factors if other is not factor and not determines(other, factor)]
        strata = strata_of(others, n_units)
        # Decided by the design alone: within strata where they leave room for a small p, or else of residuals.
        is_exact = not factor.is_continuous and arrangements(factor.codes, strata) * SIGNIFICANT >= len(factors)
        test = partial(permanova, distances, factor, n_permutations=n_permutations, check=material.check)
        alone, beyond = test(), test(given=others, strata=strata if is_exact else None)
        spread = permdisp(distances, factor, n_permutations=n_permutations, check=material.check)
        explained = beyond.share * total - beyond.degrees * noise
        rows.append(
            {
                "hyperparameter": factor.name,
                "values": len(factor.levels),
                "R² beyond the others": beyond.share if beyond.degrees else 0.0,
                "R² beyond, by chance": beyond.chance_share,
                "ω² beyond the others": beyond.omega_squared,
                "share without seed noise": explained / (total - (n_units - 1) * noise),
                "statistic": beyond.name,
                "value of the statistic": beyond.statistic,
                "p beyond the others": beyond.p_value if not by_run else np.nan,
                "permuted": "within equal others" if is_exact else "residuals",
                "smallest possible p": beyond.smallest_p,
                "permutations": beyond.n_permutations,
                "R² alone": alone.share,
                "R² alone, by chance": alone.chance_share,
                "p alone, exploratory": alone.p_value if not by_run else np.nan,
                "p of unequal spread, exploratory": spread.p_value if not by_run else np.nan,
            }
        )
    table = pd.DataFrame(rows)
    place = int(table.columns.get_loc("p beyond the others"))
    table.insert(place + 1, "p beyond the others, adjusted", holm(table["p beyond the others"]))
    return table.sort_values("R² beyond the others", ascending=False, kind="stable", ignore_index=True)


def _powers(distances: Array, factors: Sequence[Factor], material: Material) -> dict[float, float]:
    """Return the power of a test between two halves of the units, by effect in standard deviations."""
    from engine.statistics.factors import directions
    from engine.statistics.permutation.permanova import centred
    from engine.statistics.permutation.power import power

    gram = centred(distances, factors)
    known = directions(factors, len(gram))
    n_left = len(gram) - 1 - known.shape[1]
    if n_left < LEAST_LEFT:
        # The factors explain nearly all: what is left has no spread to draw studies from.
        known, n_left = known[:, :0], len(gram) - 1
    left = gram - known @ (known.T @ gram)
    left -= (left @ known) @ known.T
    return {effect: power(left, n_left, effect, check=material.check) for effect in EFFECTS}


def _importances(found: Importance, columns: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Return the tables of importance, one by hyperparameter and one by split and hyperparameter."""
    names = [" + ".join(columns[place] for place in group) for group in found.groups]
    low, middle, high = np.quantile(found.drops, [TAIL, 0.5, 1 - TAIL], axis=0)
    table = pd.DataFrame(
        {
            "hyperparameters": names,
            "shuffled together": [len(group) for group in found.groups],
            "importance": middle,
            "low": low,
            "high": high,
            "by chance": found.by_chance.max(axis=0),
        }
    )
    repeats, groups = found.drops.shape
    splits = pd.DataFrame(
        {
            "split": np.repeat(np.arange(1, repeats + 1), groups),
            "R² on held-out pairs": np.repeat(found.scores, groups),
            "hyperparameters": names * repeats,
            "importance": found.drops.ravel(),
        }
    )
    return {
        "importance": table.sort_values("importance", ascending=False, kind="stable", ignore_index=True),
        "splits": splits,
    }


WHAT_DECIDES = Analysis(
    key="importance",
    title="What decides the path",
    group="What decides",
    shows=(
        "How much each hyperparameter matters for how far apart two trainings are, how sure that is, and which "
        "hyperparameters these runs cannot tell apart."
    ),
    not_shown=(
        "A large p is no sign of no effect where the power is low, and only the adjusted p is a test: all else is "
        "exploratory."
    ),
    computed=(
        "From the distances between trajectories at equal clock, averaged over the seeds of a configuration: the R² "
        "that a random forest loses on pairs of held-out configurations when a hyperparameter is shuffled; and the "
        "share of variation that it explains beyond the others (PERMANOVA), tested by permutation. Seeds are no "
        "hyperparameter: what they do is the variance within configurations."
    ),
    options=(
        REPLICATES,
        Columns("columns", "hyperparameters"),
        Choice(
            "unit",
            "held out and permuted are",
            (("configuration", "configurations, seeds together"), ("run", "single runs")),
            "configuration",
        ),
        Number("permutations", "permutations", 99, 9999, 999, is_whole=True),
        Number("repeats", "splits", 5, 200, 30, is_whole=True),
        *alignment_options(100),
    ),
    run=run,
    version=6,
)
