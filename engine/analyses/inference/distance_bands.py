"""Analysis "distance bands": intervals of distances between trajectories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.analysis import Analysis, Options
from engine.analyses.between_runs.aligned import AlignedRuns, Chunk, alignment_options, compared_runs, pair_table
from engine.analyses.finding import Finding
from engine.analyses.inference.spectrum_bands import INTERVAL, LEVEL, OVER, interval_text
from engine.analyses.material import Material
from engine.analyses.options import REPLICATES, Choice, Column, levels_of
from engine.errors import SelectionError
from engine.trajectories.mean_distance import between_groups

if TYPE_CHECKING:
    from engine.statistics.intervals.jackknife import Interval

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Kinds = NDArray[np.object_]
MOST_RUNS = 150
SEEDS = "seeds of one configuration"
ANY = "different configurations"
SUBJECTS = {
    "configurations": "the level",
    "seeds": "these configurations",
    "samples": "these runs on samples like these",
}
"""What is drawn again -> what the interval is of."""
NO_SEEDS = (
    "Other seeds can be drawn only where a configuration has several runs, and here each has one: select runs that "
    "differ in nothing but the seed, or let configurations be drawn again."
)


def run(material: Material, options: Options) -> Finding:
    """Return mean distances within and between the levels of a hyperparameter, with intervals."""
    runs, thinned = compared_runs(material, MOST_RUNS, "Distances between trajectories")
    aligned = AlignedRuns(material, options)
    notes = [*aligned.notes(), *thinned]
    codes = np.unique(material.configurations[runs], return_inverse=True)[1]
    first = np.unique(codes, return_index=True)[1]
    levels = _levels(material, options["column"], runs[first], notes)
    kinds = _kinds(levels)
    numbers: dict[str, float | int | str] = {INTERVAL: interval_text(options, SUBJECTS[options["over"]])}
    tables: dict[str, pd.DataFrame] = {}
    if options["over"] == "samples":
        parts, groups = _by_group(material, aligned, runs)
        found, tables["pairs"] = _over_samples(material, runs, codes, kinds, parts, groups, options["level"] / 100)
        notes.append(
            f"Samples are left out in {len(parts)} random groups; the intervals say nothing about other runs or seeds."
        )
    else:
        distances = aligned.distances().among_runs[np.ix_(runs, runs)]
        if options["over"] == "seeds":
            if np.bincount(codes).max() < 2:
                raise SelectionError(NO_SEEDS)
            found = _over_seeds(distances, codes, kinds, options["level"] / 100)
            notes.append("The intervals say nothing about other configurations or other samples.")
        else:
            found = _over_configurations(distances, codes, levels, kinds, options["level"] / 100)
            notes.append(
                "A configuration is left out with all its seeds, as if others of its level had been drawn. The "
                "intervals say nothing about other samples."
            )
            differences, said = _differences(material, distances, codes, runs[first], options)
            if len(differences):
                tables["differences"] = differences
            notes += said
    tables = {"means": _means(found, kinds, codes), **tables}
    nearest, farthest = tables["means"].iloc[0], tables["means"].iloc[-1]
    numbers[f"nearest on average, {nearest['pair']}"] = float(nearest["mean distance"])
    numbers[f"farthest on average, {farthest['pair']}"] = float(farthest["mean distance"])
    if bare := tables["means"].loc[tables["means"]["low"].isna(), "pair"].tolist():
        notes.append(f"No interval, because too few {options['over']} vary: {', '.join(bare)}.")
    return Finding(tables=tables, numbers=numbers, notes=tuple(notes))


def _levels(material: Material, column: str, first: Ints, notes: list[str]) -> Kinds:
    """Return (configuration,) levels as text; one level for all without a column that configurations have."""
    if column and column not in material.replicates.columns:
        return np.asarray(levels_of(material.hyperparameters[column]), dtype=object)[first]
    if column:
        notes.append(f"{column} tells repetitions apart and has no value for a configuration: all pairs are one kind.")
    return np.full(len(first), "", dtype=object)


def _kinds(levels: Kinds) -> Kinds:
    """Return (configuration, configuration) the pair of levels, the same in either order; own seeds on the diagonal."""
    kinds = np.full((len(levels), len(levels)), ANY, dtype=object)
    for i, j in np.ndindex(kinds.shape):
        if levels[i]:
            one, other = sorted([levels[i], levels[j]])
            kinds[i, j] = f"within {one}" if one == other else f"{one} and {other}"
    np.fill_diagonal(kinds, SEEDS)
    return kinds


def _between(kinds: Kinds) -> list[str]:
    """Return the kinds of pairs of different configurations, sorted."""
    return sorted(set(kinds[np.triu_indices(len(kinds), 1)]))


def _own_distances(distances: Array, codes: Ints) -> Array:
    """Return the mean distance between the seeds of each configuration that has several."""
    sums = np.bincount(codes, (distances * (codes[:, None] == codes)).sum(axis=1))
    counts = np.bincount(codes)
    return np.asarray(sums[counts > 1] / (counts * (counts - 1))[counts > 1])


def _over_configurations(
    distances: Array, codes: Ints, levels: Kinds, kinds: Kinds, level: float
) -> dict[str, Interval]:
    from engine.statistics.intervals.means import mean_of_each, mean_over_configurations

    matrix = between_groups(distances, codes)
    groups = np.unique(levels.astype(str), return_inverse=True)[1]
    found = {kind: mean_over_configurations(matrix, kinds == kind, groups, level=level) for kind in _between(kinds)}
    own = _own_distances(distances, codes)
    return {**found, SEEDS: mean_of_each(own, level=level)} if len(own) else found


def _over_seeds(distances: Array, codes: Ints, kinds: Kinds, level: float) -> dict[str, Interval]:
    from engine.statistics.intervals.means import mean_over_seeds

    if not (between := _between(kinds)):
        raise SelectionError(
            "Other seeds change distances between configurations, and here is one configuration: select more, or let "
            "samples be drawn again."
        )
    return {kind: mean_over_seeds(distances, codes, kinds == kind, level=level) for kind in between}


def _over_samples(
    material: Material, runs: Ints, codes: Ints, kinds: Kinds, parts: Array, groups: Ints, level: float
) -> tuple[dict[str, Interval], pd.DataFrame]:
    """Return intervals of the means, and the table of pairs of runs, from (group, run, run) distances."""
    from engine.statistics.intervals.jackknife import LOGARITHM, jackknife
    from engine.statistics.intervals.sample_groups import left_out_shares

    shares = np.vstack([np.bincount(groups) / len(groups), left_out_shares(groups)])

    def interval(values: Array) -> Interval:
        whole, *left_out = shares @ values
        return jackknife(whole, np.array(left_out), level=level, scale=LOGARITHM)

    i, j = np.triu_indices(len(runs), 1)
    single = interval(parts[:, i, j])
    columns = {"distance": single.estimate, "low": single.low, "high": single.high}
    table = pair_table(material, runs, kinds[np.ix_(codes, codes)], columns)
    means = np.array([between_groups(part, codes) for part in parts])
    found = {kind: interval(means[:, np.triu(kinds == kind, 1)].mean(axis=1)) for kind in _between(kinds)}
    own = np.array([_own_distances(part, codes) for part in parts])
    return ({**found, SEEDS: interval(own.mean(axis=1))} if own.shape[1] else found), table


def _by_group(material: Material, aligned: AlignedRuns, runs: Ints) -> tuple[Array, Ints]:
    """Return (group, run, run) distances at equal clock over each group of samples, and the (sample,) groups."""
    from engine.statistics.intervals.sample_groups import N_GROUPS, check_mean_over_samples, deal

    groups = deal(material.n_samples, N_GROUPS)
    n_groups = int(groups.max()) + 1

    def parts(chunk: Chunk) -> Iterator[Chunk]:
        check_mean_over_samples(chunk[:, -1], groups, material.divergence)
        yield from (np.ascontiguousarray(chunk[:, :, groups == group]) for group in range(n_groups))

    return aligned.distances_of_versions("grouped-trajectories", runs, n_groups, parts), groups


def _means(found: dict[str, Interval], kinds: Kinds, codes: Ints) -> pd.DataFrame:
    """Return one row per kind of pair, the nearest first."""
    counts = pd.Series(kinds[np.ix_(codes, codes)][np.triu_indices(len(codes), 1)]).value_counts()
    rows = [
        (kind, int(counts[kind]), float(interval.estimate), float(interval.low), float(interval.high))
        for kind, interval in found.items()
    ]
    table = pd.DataFrame(rows, columns=["pair", "pairs", "mean distance", "low", "high"])
    return table.sort_values("mean distance", kind="stable", ignore_index=True)


def _differences(
    material: Material, distances: Array, codes: Ints, first: Ints, options: Options
) -> tuple[pd.DataFrame, list[str]]:
    """Return one row per pair of levels: the distance between them beyond that within them; and notes.

    Strata are made of the other hyperparameters, those with the largest shares of the variation first.
    """
    from engine.statistics.factors import determines, directions, make_factor
    from engine.statistics.intervals.differences import between_minus_within, strata_leaving_pairs
    from engine.statistics.permutation.permanova import centred

    column = options["column"]
    table = material.hyperparameters.iloc[first]
    seeds = material.replicates.columns
    if not column or column in seeds:
        return pd.DataFrame(), []
    matrix = between_groups(distances, codes)
    factor = make_factor(column, table[column].tolist())
    if factor.is_continuous:
        return pd.DataFrame(), [
            f"{column} has a value for nearly every configuration, so there are no levels to compare."
        ]
    others = [make_factor(name, table[name].tolist()) for name in table if name not in (column, *seeds)]
    # A finer version of the same hyperparameter leaves no two levels at an equal value.
    others = [other for other in others if not determines(other, factor)]
    gram = centred(matrix, [factor])
    shares = [float(np.vdot(way, gram @ way)) for other in others for way in [directions([other], len(gram))]]
    order = np.argsort(shares, kind="stable")[::-1].tolist()
    strata, taken = strata_leaving_pairs(factor.codes, [others[place].codes for place in order])
    names = [others[order[place]].name for place in taken]
    found = between_minus_within(matrix, factor.codes, strata, level=options["level"] / 100)
    rows = [
        (
            " and ".join(sorted((factor.levels[one.first], factor.levels[one.second]))),
            one.estimate,
            one.low,
            one.high,
            ", ".join(names) if one.n_strata else "",
            one.n_strata if names else 0,
            one.n_units,
        )
        for one in found
    ]
    columns = ["pair", "between minus within", "low", "high", "compared at equal", "strata", "configurations"]
    result = pd.DataFrame(rows, columns=columns).sort_values("between minus within", kind="stable", ignore_index=True)
    left = [other.name for other in others if other.name not in names]
    return result, _difference_notes(result, names, left)


def _difference_notes(table: pd.DataFrame, names: Sequence[str], left: Sequence[str]) -> list[str]:
    notes = []
    if not len(table):
        return ["Between minus within needs two levels with two configurations each, and here are none."]
    notes.append(
        "Between minus within is the mean distance between two levels less the mean of those within them: zero on "
        "average where a hyperparameter does nothing. Each interval stands for itself; the test is in “What decides "
        "the path”."
    )
    if names:
        across = f", regardless of {', '.join(left)}, which would leave too few to compare" if left else ""
        notes.append(f"It is taken among configurations with equal {', '.join(names)}{across}.")
    elif left:
        notes.append(
            f"It is pooled regardless of {', '.join(left)}: equal values leave too few configurations to compare."
        )
    if names and (pooled := table.loc[table["strata"] == 0, "pair"].tolist()):
        notes.append(f"Pooled, because nowhere are two of a kind: {', '.join(pooled)}.")
    if bare := table.loc[table["low"].isna(), "pair"].tolist():
        notes.append(f"No interval of between minus within, because too few configurations vary: {', '.join(bare)}.")
    return notes


DISTANCE_BANDS = Analysis(
    key="distance-bands",
    title="How sure: distances between trajectories",
    group="How sure",
    shows=(
        "Mean distances between trainings by the values of a hyperparameter that meet in a pair, and how much farther "
        "apart two values are than trainings with one of them."
    ),
    not_shown=(
        "Whether another hyperparameter is behind a difference is not seen, and several differences are not tested "
        "at once: see “What decides the path”. An interval is for what its legend says."
    ),
    computed=(
        "Distances between trajectories at equal clock, averaged over pairs of configurations. Jackknife: a "
        "configuration with its seeds, a seed within its configuration, or a random group of samples is left out in "
        "turn; Student's interval on the scale of one over the cube root of a distance (of its logarithm for samples). "
        "Between minus within is compared at equal values of the other hyperparameters."
    ),
    options=(
        REPLICATES,
        Choice(
            "over",
            "drawn again are",
            (OVER[0], ("seeds", "seeds of the same configurations"), OVER[1]),
            "configurations",
        ),
        Column("column", "pairs by"),
        LEVEL,
        *alignment_options(50),
    ),
    run=run,
    version=2,
)
