"""Analyses of importance, nulls, bands and outliers, against pair sums."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from engine import EmbeddingSpec, pairwise_distances
from engine.errors import EngineError
from engine.statistics.shuffling import within_class_orders
from tests import oracles, oracles_statistics


@pytest.fixture(scope="module")
def explorer(shared_explorer):
    return shared_explorer


def find(explorer, kind, study_id="small", divergence="bhattacharyya", n_runs=None, **options):
    run_ids = tuple(explorer.study(study_id).runs.index[:n_runs])
    return explorer.analyses.find(kind, EmbeddingSpec(study_id, "train", run_ids, divergence=divergence), **options)


@pytest.fixture(scope="module")
def by_configuration(explorer):
    """(configuration, configuration) mean trajectory distances from the heat map's pairs; the architectures."""
    pairs = find(explorer, "trajectory-distances", of="configurations").tables["pairs"]
    names = list(dict.fromkeys([*pairs["configuration"], *pairs["other_configuration"]]))
    matrix = np.zeros((len(names), len(names)))
    for one, other, distance in pairs.itertuples(index=False):
        i, j = names.index(one), names.index(other)
        matrix[i, j] = matrix[j, i] = distance
    return matrix, [name.split(", ")[0] for name in names]


def test_what_decides_agrees_with_sums_over_pairs(explorer, by_configuration):
    matrix, architectures = by_configuration
    finding = find(explorer, "importance", permutations=99, repeats=8)
    row = finding.tables["hyperparameters"].set_index("hyperparameter").loc["architecture"]
    _, share = oracles_statistics.pseudo_f(matrix, architectures)
    assert row["R² alone"] == pytest.approx(share, rel=1e-6)
    assert row["p alone, exploratory"] > 0.05
    # The learning rate decides how far a run comes, so that alone an architecture is hard to see.
    assert row["p beyond the others"] == row["smallest possible p"] == 0.01
    assert row["p beyond the others, adjusted"] == 0.02
    assert row["permuted"] == "within equal others"
    assert 0 < row["R² beyond, by chance"] < row["R² beyond the others"]
    assert row["share without seed noise"] >= row["ω² beyond the others"]
    assert finding.tables["importance"]["hyperparameters"].iloc[0] == "learning_rate"
    assert finding.tables["importance"]["low"].iloc[0] > 0.1
    (association,) = finding.tables["associations"].itertuples(index=False)
    assert association[:3] == ("architecture", "learning_rate", 0.0)
    assert len(finding.tables["splits"]) == 8 * 2


def test_in_balanced_grids_shares_alone_equal_shares_beyond(explorer):
    finding = find(explorer, "importance", permutations=99, repeats=5)
    rows = finding.tables["hyperparameters"].set_index("hyperparameter")
    assert rows.loc["architecture", "R² beyond the others"] == pytest.approx(rows.loc["architecture", "R² alone"])


def test_seeds_have_a_variance_and_no_share(explorer):
    together = find(explorer, "importance", columns=["architecture", "seed"], permutations=99, repeats=5)
    assert together.tables["hyperparameters"]["hyperparameter"].tolist() == ["architecture"]
    assert any(note.startswith("seed tells repetitions apart") for note in together.notes)
    variance = together.tables["variance"].set_index("variance")
    assert variance["degrees of freedom"].tolist() == [14, 15]
    share = together.numbers["share of the sum of squares within configurations"]
    assert variance.loc["within configurations", "share of the sum of squares"] == share
    assert any(note.startswith(f"Seeds take {100 * share:.0f} %") for note in together.notes)
    columns = ["architecture", "learning_rate", "seed"]
    single = find(explorer, "importance", columns=columns, permutations=99, repeats=5, unit="run")
    rows = single.tables["hyperparameters"].set_index("hyperparameter")
    assert set(rows.index) == {"architecture", "learning_rate"}
    assert rows.filter(regex="^p ").isna().all(axis=None)
    assert any(note.startswith("No p-value from single runs") for note in single.notes)
    assert single.numbers["runs"] == 30
    assert single.tables["variance"].equals(together.tables["variance"])


def test_few_configurations_are_tested_with_their_smallest_p(explorer):
    finding = find(explorer, "importance", "one_seed")
    assert "importance" not in finding.tables
    assert any("at least 8 of them, and here are 4." in note for note in finding.notes)
    table = finding.tables["hyperparameters"]
    assert table["smallest possible p"].tolist() == pytest.approx([1 / 24, 1 / 24])
    assert (table["p alone, exploratory"] >= 1 / 3 - 1e-12).all()
    assert any("Too few to say" in note for note in finding.notes)
    for study_id in ("one_configuration", "one_run", "identical_runs"):
        with pytest.raises(EngineError, match="more than one configuration"):
            find(explorer, "importance", study_id)


def test_shuffled_trajectories_agree_with_the_slow_road(explorer):
    """On a grid that the clock meets at checkpoints 1 to 7, with the orders that the analysis draws."""
    study = explorer.study("small")
    logs = study.predictions("train", run_ids=study.runs.index[:3]).log_probabilities.reshape(3, 8, 30, 4)[:, 1:]
    orders = within_class_orders(study.splits["train"].labels, 2 * 3).reshape(2, 3, 30)
    pairs = find(explorer, "null", n_runs=3, shuffles=2, points=7, clock="step").tables["pairs"]
    for row, (i, j) in zip(pairs.itertuples(index=False), itertools.combinations(range(3), 2), strict=True):
        real, *shuffled = (
            np.mean([oracles.bhattacharyya(one[k][None], other[k][None])[0, 0] for k in range(7)])
            for one, other in [
                (logs[i], logs[j]),
                *((logs[i][:, order[i]], logs[j][:, order[j]]) for order in orders),
            ]
        )
        assert row.distance == pytest.approx(real, abs=1e-6)
        assert row[3] == pytest.approx(np.mean(shuffled), abs=1e-6)
        assert row[5] == sum(value > real for value in shuffled)


def test_pairs_against_shuffled_ones_are_counted_by_kind(explorer):
    finding = find(explorer, "null", n_runs=4, shuffles=2, points=3)
    pairs = finding.tables["pairs"]
    assert len(pairs) == 6
    heat_map = find(explorer, "trajectory-distances", n_runs=4, points=3).tables["pairs"]
    real = {frozenset(row[:2]): row[2] for row in heat_map.itertuples(index=False)}
    for row in pairs.itertuples(index=False):
        assert row.distance == pytest.approx(real[frozenset((row.run_id, row.other_run_id))], abs=1e-9)
        assert row.ratio == pytest.approx(row.distance / row[3])
    # All four have the same architecture, so it is the learning rate that tells them apart.
    assert set(pairs["pair"]) == {"same configuration", "different learning_rate"}
    kinds = finding.tables["kinds"].set_index("pair")
    for kind, members in pairs.groupby("pair"):
        assert kinds.loc[kind, "pairs"] == len(members)
        assert kinds.loc[kind, "mean distance"] == pytest.approx(members["distance"].mean())
    assert finding.numbers["pairs nearer than all their shuffles"] == (pairs["shuffles that are farther"] == 2).sum()


def test_runs_of_an_architecture_beat_shuffled_ones(explorer):
    kinds = find(explorer, "null", points=10).tables["kinds"].set_index("pair")
    assert kinds.loc["same architecture", "median ratio"] < 0.9
    assert kinds.loc["different architecture", "median ratio"] > kinds.loc["same architecture", "median ratio"]


def test_intervals_hold_the_embedding_that_is_shown(explorer):
    distances = oracles.bhattacharyya(explorer.study("small").predictions("train").log_probabilities)
    stress = [oracles.explained(distances, k)[0] for k in (1, 2, 3)]
    for over in ("samples", "configurations"):
        finding = find(explorer, "bootstrap", over=over, components=4)
        table = finding.tables["components"]
        assert table["explained stress"].tolist()[:3] == pytest.approx(stress, abs=1e-4)
        assert (
            (table["stress, low"] < table["explained stress"]) & (table["explained stress"] < table["stress, high"])
        ).all()
        assert (table["modulus, low"] > 0).all()
        assert (
            (table["modulus, low"] < table["eigenvalue"].abs()) & (table["eigenvalue"].abs() < table["modulus, high"])
        ).all()
        assert finding.numbers["intervals"] == f"95 % for studies with as many {over}, {over} drawn again"
    assert finding.numbers["parts left out in turn"] == 15


def test_narrower_intervals_for_smaller_levels(explorer):
    wide = find(explorer, "bootstrap", level=95).tables["components"]
    narrow = find(explorer, "bootstrap", level=50).tables["components"]
    assert ((narrow["stress, high"] - narrow["stress, low"]) < (wide["stress, high"] - wide["stress, low"])).all()


def test_what_cannot_be_drawn_again_is_refused(explorer):
    with pytest.raises(EngineError, match="at least 8 of them, and here are 4"):
        find(explorer, "bootstrap", "one_seed")
    with pytest.raises(EngineError, match="each has one"):
        find(explorer, "distance-bands", "one_seed", over="seeds")
    assert find(explorer, "bootstrap", "one_seed", over="samples").tables
    few = find(explorer, "distance-bands", "one_seed")
    assert few.tables["means"]["low"].isna().all()
    assert any(note.startswith("No interval, because too few configurations vary") for note in few.notes)
    for study_id in ("one_configuration", "identical_runs"):
        with pytest.raises(EngineError, match="at least 8 of them"):
            find(explorer, "bootstrap", study_id)
        one = find(explorer, "distance-bands", study_id)
        assert one.tables["means"]["low"].isna().all()
        assert "differences" not in one.tables


def test_mean_distances_by_values_agree_with_loops(explorer):
    finding = find(explorer, "distance-bands", points=4, over="samples")
    means, pairs = finding.tables["means"], finding.tables["pairs"]
    single = find(explorer, "trajectory-distances", points=4).tables["pairs"]
    assert pairs["distance"].sum() == pytest.approx(single["distance"].sum(), rel=1e-5)
    architecture = explorer.study("small").runs["architecture"]

    def named(one, other):
        return f"within {one}" if one == other else " and ".join(sorted((one, other)))

    for kind, n_pairs, mean, low, high in means.itertuples(index=False):
        members = [
            row.distance
            for row in pairs.itertuples(index=False)
            if (
                kind == "seeds of one configuration"
                if row.run_id[:-1] == row.other_run_id[:-1]
                else kind == named(architecture[row.run_id], architecture[row.other_run_id])
            )
        ]
        assert len(members) == n_pairs
        assert mean == pytest.approx(np.mean(members))
        assert low < mean < high
    known = pairs[pairs["distance"] > 0]
    assert len(known) > 400
    assert ((known["low"] < known["distance"]) & (known["distance"] < known["high"])).all()
    for over, subject in (("configurations", "the level"), ("seeds", "these configurations")):
        other = find(explorer, "distance-bands", points=4, over=over)
        table = other.tables["means"].set_index("pair")
        kinds = means.set_index("pair").loc[table.index]
        assert table["mean distance"].to_numpy() == pytest.approx(kinds["mean distance"].to_numpy(), rel=1e-5)
        known = table.dropna()
        assert len(known)
        assert ((known["low"] < known["mean distance"]) & (known["mean distance"] < known["high"])).all()
        assert other.numbers["intervals"] == f"95 % for {subject}, {over} drawn again"


def test_levels_are_compared_at_equal_other_values(explorer, by_configuration):
    matrix, architectures = by_configuration
    finding = find(explorer, "distance-bands", column="architecture", points=100)
    row = finding.tables["differences"].set_index("pair").loc["CNN and fully connected"]
    codes = [np.flatnonzero([name.endswith(level) for name in architectures]) for level in ("CNN", "fully connected")]
    between = matrix[np.ix_(*codes)].mean()
    within = [matrix[np.ix_(own, own)].sum() / (len(own) * (len(own) - 1)) for own in codes]
    assert row["strata"] == 0, "every learning rate occurs once in an architecture"
    assert row["between minus within"] == pytest.approx(between - np.mean(within), rel=1e-4)
    assert row["low"] < row["between minus within"] < row["high"]
    assert any(note.startswith("It is pooled regardless of learning_rate") for note in finding.notes)
    seeds = find(explorer, "distance-bands", column="seed")
    assert "differences" not in seeds.tables
    assert set(seeds.tables["means"]["pair"]) == {"different configurations", "seeds of one configuration"}


def test_divergences_without_sample_mean_have_no_bands(explorer):
    from engine.distances.table import DIVERGENCES

    answered = 0
    for divergence in DIVERGENCES:
        for kind in ("bootstrap", "distance-bands"):
            try:
                answered += bool(find(explorer, kind, divergence=divergence, over="samples", n_runs=4).tables)
            except EngineError as error:
                assert "mean over samples" in str(error)  # noqa: PT017
    assert answered >= 4


def test_outliers_are_those_beyond_half_the_cross_entropy(explorer):
    study = explorer.study("small")
    predictions = study.predictions("train")
    labels = study.splits["train"].labels
    logs = np.log(oracles.probabilities(predictions.log_probabilities))
    loss = -logs[:, np.arange(len(labels)), labels].mean(axis=1)
    threshold = float(np.quantile(loss, 0.8)) / 2
    finding = find(explorer, "outliers", threshold=threshold)
    course = finding.tables["course"]
    assert course["distance to the truth"].to_numpy() == pytest.approx(loss / 2, abs=1e-6)
    assert finding.numbers["outliers"] == (loss / 2 >= threshold).sum() == finding.tables["outliers"]["outliers"].sum()
    runs = finding.tables["runs"].set_index("run_id")
    for run_id, members in course.groupby("run_id"):
        assert runs.loc[run_id, "outliers"] == (members["distance to the truth"] >= threshold).sum()
        assert runs.loc[run_id, "farthest distance"] == members["distance to the truth"].max()
    assert finding.tables["outliers"].columns[0] == "architecture"
    euclidean = find(explorer, "outliers", threshold=threshold, divergence="hellinger")
    assert euclidean.numbers["outliers"] == finding.numbers["outliers"]


def test_large_selections_are_thinned_and_say_so(explorer, monkeypatch):
    from engine.analyses.inference import distance_bands, null, spectrum_bands

    monkeypatch.setattr(spectrum_bands, "MOST_MODELS", 90)
    monkeypatch.setattr(null, "MOST_RUNS", 5)
    monkeypatch.setattr(distance_bands, "MOST_RUNS", 5)
    for over in ("samples", "configurations"):
        finding = find(explorer, "bootstrap", over=over, components=3)
        assert any(note.startswith("90 of 240 checkpoints are embedded") for note in finding.notes)
    for kind in ("null", "distance-bands"):
        finding = find(explorer, kind, points=2, **({} if kind == "null" else {"over": "samples"}))
        assert any(note.startswith("5 of 30 runs are compared") for note in finding.notes)
        assert len(finding.tables["pairs"]) == 10
    study = explorer.study("small")
    logs = study.predictions("train").log_probabilities.reshape(30, 8, 30, 4)[:, [0, 4, 7]]
    table = find(explorer, "bootstrap", components=3).tables["components"]
    values = pairwise_distances(logs.reshape(90, 30, 4)).values
    assert table["explained stress"].iloc[0] == pytest.approx(oracles.explained(values, 1)[0], abs=1e-4)
