"""What decides the path: importance of hyperparameters for the distances between trajectories, and tests by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.aligned_runs import AlignedRuns, alignment_options
from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import Choice, Columns, Number
from engine.configurations import seed_columns
from engine.errors import SelectionError

if TYPE_CHECKING:
    from engine.factors import Factor
    from engine.importance import Importance

Array = NDArray[np.float64]
TAIL = 0.025
BALANCED = 0.99
"""A p-value above that has a reason, and is no evidence of likeness."""
DISTANCES_SHARE, TESTS_SHARE = 0.3, 0.2
"""Of the time, about, for the distances and for the tests; the forests take the rest."""


def run(material: Material, options: Options) -> Finding:
    """Tests of every hyperparameter, its importance on held-out configurations, and which go together."""
    from engine.factors import aliased_groups, cramers_v, describe_aliases, determines, make_factor
    from engine.importance import LEAST_CONFIGURATIONS, importance
    from engine.trajectory_distances import between_groups

    by_run = options["unit"] == "run"
    seeds = set(seed_columns(list(material.hyperparameters)))
    columns = [name for name in options["columns"] if by_run or name not in seeds]
    notes = [
        f"{name} tells repetitions apart and has no value for a configuration as a whole: test single runs to see it."
        for name in options["columns"]
        if name not in columns
    ]
    if not columns:
        raise SelectionError(
            "What decides the path can be asked of runs whose hyperparameters differ, and here none does but seeds: "
            "select runs of more than one configuration."
        )
    aligned = AlignedRuns(material, options)
    distances = aligned.distances().among_runs
    first = np.arange(len(distances))
    if not by_run:
        distances = between_groups(distances, material.configurations)
        first = np.unique(material.configurations, return_index=True)[1]
    factors = [make_factor(name, material.hyperparameters[name].iloc[first].tolist()) for name in columns]
    material.report(DISTANCES_SHARE)

    table = _tests(material, distances, factors, options["permutations"])
    tables = {"hyperparameters": table}
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
        "smallest p-value that was possible": float(table["smallest possible p"].min()),
    }
    if len(distances) < LEAST_CONFIGURATIONS:
        notes.append(
            f"Importance on held-out {_units(by_run)} needs at least {LEAST_CONFIGURATIONS} of them, and here are "
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
        numbers["R² of the forest on held-out pairs, median"] = score
        notes += _cautions(found, score, by_run)
    notes += describe_aliases(factors)
    notes += _test_notes(factors, table, by_run)
    return Finding(tables=tables, numbers=numbers, notes=(*notes, *aligned.notes()))


def _tests(material: Material, distances: Array, factors: Sequence[Factor], n_permutations: int) -> pd.DataFrame:
    """One row per hyperparameter, what explains most first."""
    from engine.factors import determines
    from engine.permutation_tests import holm, mantel, permanova

    rows = []
    for place, factor in enumerate(factors):
        material.report(DISTANCES_SHARE + TESTS_SHARE * place / len(factors))
        # Not beyond finer versions of itself: a learning rate that goes with one optimiser says all the optimiser does.
        others = [other for other in factors if other is not factor and not determines(other, factor)]
        alone = permanova(distances, factor, n_permutations=n_permutations, check=material.check)
        beyond = permanova(distances, factor, given=others, n_permutations=n_permutations, check=material.check)
        pairs = mantel(distances, factor, n_permutations=n_permutations, check=material.check)
        rows.append(
            {
                "hyperparameter": factor.name,
                "values": len(factor.levels),
                "R² alone": alone.share,
                "pseudo-F": alone.statistic,
                "p": alone.p_value,
                "R² beyond the others": beyond.share if beyond.degrees else 0.0,
                "pseudo-F beyond the others": beyond.statistic,
                "p beyond the others": beyond.p_value,
                "Mantel r": pairs.statistic,
                "Mantel p": pairs.p_value,
                "smallest possible p": alone.smallest_p,
                "permutations": alone.n_permutations,
            }
        )
    table = pd.DataFrame(rows)
    for name in ("p", "p beyond the others", "Mantel p"):
        table.insert(int(table.columns.get_loc(name)) + 1, f"{name}, adjusted", holm(table[name]))
    return table.sort_values("R² alone", ascending=False, kind="stable", ignore_index=True)


def _importances(found: Importance, columns: Sequence[str]) -> dict[str, pd.DataFrame]:
    names = [" + ".join(columns[place] for place in group) for group in found.groups]
    low, middle, high = np.quantile(found.drops, [TAIL, 0.5, 1 - TAIL], axis=0)
    table = pd.DataFrame(
        {
            "hyperparameters": names,
            "shuffled together": [len(group) for group in found.groups],
            "importance": middle,
            "low": low,
            "high": high,
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


def _units(by_run: bool) -> str:
    return "runs" if by_run else "configurations"


def _cautions(found: Importance, score: float, by_run: bool) -> list[str]:
    units = _units(by_run)
    notes = [
        f"Importance is how much of R² (of logarithms of distances) a forest loses on pairs among {found.n_held_out} "
        f"held-out {units} when a hyperparameter's values are dealt out anew among them; bars span 95 % of "
        f"{len(found.scores)} random splits. "
        "That is the spread over splits of these runs, no confidence interval for other studies.",
        f"Pairs share {units}, so they are not independent; that is why whole {units} are held out and permuted.",
    ]
    if score <= 0:
        notes.append(
            f"The forest predicts held-out pairs no better than their mean does (R² {score:.2f}): importances mean "
            "nothing here."
        )
    if any(len(group) > 1 for group in found.groups):
        notes.append(
            "Hyperparameters that go together share their importance: each alone seems dispensable while the other "
            "stands in for it. Bars of several names shuffle them as one."
        )
    return notes


def _test_notes(factors: Sequence[Factor], table: pd.DataFrame, by_run: bool) -> list[str]:
    units = _units(by_run)
    smallest, largest = table["smallest possible p"].min(), table["smallest possible p"].max()
    span = f"{smallest:.2g}" if smallest == largest else f"{smallest:.2g} to {largest:.2g}, by hyperparameter"
    notes = [
        f"p-values count in how many of {int(table['permutations'].max())} permutations of {len(factors[0].codes)} "
        f"{units} chance does as well; the smallest possible is {span}. Adjusted ones allow for the number of "
        "hyperparameters (Holm).",
        "R² is the share of the total of InPCA's centred matrix (PERMANOVA, with divergences where squared distances "
        "stand). Beyond the others: only what no other hyperparameter explains, finer versions of itself left aside. "
        "A small p may also come from values whose runs scatter differently.",
    ]
    if (table["p"] > BALANCED).any():
        notes.append(
            "A p near one, alone, is the mark of a balanced design: dealt out by chance, values catch some of what "
            "another hyperparameter does, and as they are they catch none. Read it beyond the others."
        )
    if numeric := [factor.name for factor in factors if factor.is_continuous]:
        notes.append(
            f"{', '.join(numeric)}: so many values that it is tested as a number (one straight line over it, in "
            "logarithms where all are positive)."
        )
    if untested := table.loc[table["p"].isna(), "hyperparameter"].tolist():
        notes.append(f"{', '.join(untested)}: no test, because too few {units} share a value or all are equal.")
    if by_run:
        notes.append(
            "Single runs are permuted, although seeds of a configuration are alike: p-values of hyperparameters are "
            "too small for that."
        )
    return notes


WHAT_DECIDES = Analysis(
    key="importance",
    title="What decides the path",
    group="What decides",
    shows=(
        "How much each hyperparameter matters for how far apart two trainings are, how sure that is, and which "
        "hyperparameters these runs cannot tell apart."
    ),
    computed=(
        "From the distances between trajectories at equal clock, averaged over the seeds of a configuration: the R² "
        "that a random forest loses on pairs of held-out configurations when a hyperparameter is shuffled; and the "
        "share of variation by PERMANOVA with the correlation of Mantel, both tested by permutation."
    ),
    options=(
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
)
