"""Analyses with other embeddings: numbers and notes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine import EmbeddingSpec, embed, pairwise_distances
from engine.analyses.of_selections import samples, train_and_test
from engine.distances.selection import Selection
from engine.embedding.inpca import project
from engine.errors import EngineError
from engine.explorer.findings import _key_of
from engine.store.manifest import ProbeSet
from engine.trajectories.geodesics import geodesic
from tests import oracles


@pytest.fixture(scope="module")
def explorer(shared_explorer):
    return shared_explorer


@pytest.fixture
def find(explorer):
    def find(kind, study_id="small", split="train", run_ids=None, **options):
        run_ids = explorer.study(study_id).runs.index if run_ids is None else run_ids
        return explorer.analyses.find(kind, EmbeddingSpec(study_id, split, tuple(run_ids)), **options)

    return find


@pytest.fixture(scope="module")
def small(explorer):
    """The small study, its predictions by split, and its train distances."""
    study = explorer.study("small")
    predictions = {split: study.predictions(split).log_probabilities for split in ("train", "test")}
    return study, predictions, pairwise_distances(predictions["train"]).values


def components(table, prefix):
    return table[[f"{prefix} {k}" for k in (1, 2, 3)]].to_numpy()


# Weights


def test_weights_of_runs_are_shared_by_their_checkpoints(find):
    table = find("weights", factor=5, column="architecture", level="ViT").tables["coordinates"]
    of_runs = table.groupby("run_id")["weight"].sum()
    is_vit = of_runs.index.str.startswith("vit")
    assert of_runs[is_vit].to_numpy() == pytest.approx(5 * of_runs[~is_vit].mean(), rel=1e-9)
    assert of_runs.sum() == pytest.approx(1.0)


def test_a_group_of_weight_nothing_is_projected(find, small):
    study, _, distances = small
    finding = find("weights", factor=0, column="architecture", level="ViT", weights="checkpoint")
    table = finding.tables["coordinates"]
    fitted = (study.runs["architecture"].loc[table["run_id"]] != "ViT").to_numpy()
    fit = embed(distances[np.ix_(fitted, fitted)], 3)
    expected = np.empty((len(table), 3))
    expected[fitted], expected[~fitted] = fit.coordinates, project(fit, distances[np.ix_(~fitted, fitted)])
    found = components(table, "weighted")
    assert found * np.sign((found * expected).sum(axis=0)) == pytest.approx(expected, abs=1e-4)
    assert "The 10 runs with weight 0 have no part in the fit and are projected into it." in finding.notes


def test_weights_that_change_nothing_are_said_to(find):
    finding = find("weights", factor=1)
    table = finding.tables["coordinates"]
    assert components(table, "weighted") == pytest.approx(components(table, "unweighted"), abs=1e-5)
    assert any("two embeddings are the same" in note for note in finding.notes)
    assert any("there is no group" in note for note in find("weights", "one_run").notes)
    notes = find("weights", "one_seed", weights="configuration").notes
    assert any("No configuration was repeated" in note for note in notes)


def test_runs_of_different_length_can_count_the_same(find):
    table = find("weights", "different_lengths", factor=1).tables["coordinates"]
    assert table.groupby("run_id")["weight"].sum().to_numpy() == pytest.approx([0.25] * 4)


# Fit and project


def test_the_group_decides_which_runs_are_projected(find, small):
    study, _, distances = small
    finding = find("fit-and-project", column="architecture", level="CNN", axes=2)
    table = finding.tables["coordinates"]
    fitted = (study.runs["architecture"].loc[table["run_id"]] == "CNN").to_numpy()
    assert ((table["group"] == "fitted") == fitted).all()
    fit = embed(distances[np.ix_(fitted, fitted)], 3)
    found = components(table, "component")
    expected = project(fit, distances[np.ix_(~fitted, fitted)])
    signs = np.sign((found[fitted] * fit.coordinates).sum(axis=0))
    assert (found * signs)[~fitted] == pytest.approx(expected, abs=1e-4)
    rows = distances[np.ix_(~fitted, fitted)].mean(axis=1)
    heights = rows - 0.5 * fit.grand_mean - (expected[:, :2] ** 2 * fit.signature[:2]).sum(axis=1)
    assert table["height"][~fitted].to_numpy() == pytest.approx(heights, abs=1e-4)


def test_the_others_can_be_fitted_instead(find):
    one = find("fit-and-project", column="architecture", level="CNN")
    other = find("fit-and-project", column="architecture", level="CNN", fit="others")
    assert (one.numbers["fitted runs"], other.numbers["fitted runs"]) == (10, 20)
    flipped = one.tables["coordinates"]["group"].map({"fitted": "projected", "projected": "fitted"})
    assert flipped.tolist() == other.tables["coordinates"]["group"].tolist()


def test_a_group_may_be_a_single_run(find, small):
    study = small[0]
    runs = list(study.runs.index[:4])
    finding = find("fit-and-project", run_ids=runs, column="learning_rate", level="0.003")
    assert finding.numbers["fitted runs"] == 2
    finding = find("fit-and-project", "one_configuration", column="seed", level="2", axes=20)
    assert finding.numbers["fitted runs"] == 1
    assert any("above rounding" in note for note in finding.notes)


def test_groups_that_fit_or_project_nothing_are_refused(find):
    with pytest.raises(EngineError, match="No hyperparameter differs"):
        find("fit-and-project", "one_run")
    with pytest.raises(EngineError, match="span no axis"):
        find("fit-and-project", "going_back", column="seed", level="2")
    with pytest.raises(EngineError, match="at least 3"):
        find("fit-and-project", "different_lengths", run_ids=["run-0", "run-3"], column="architecture", level="CNN")


# How many samples


def test_all_samples_give_the_whole_result(find, small, explorer):
    finding = find("samples")
    table = finding.tables["by_number"]
    whole = table[table["samples"] == 30]
    exact = embed(explorer_matrix(explorer), 10)
    assert whole["explained stress"].tolist() == exact.explained_stress.tolist()
    assert whole["explained distance of all samples"].tolist() == exact.explained_distance.tolist()
    assert (whole["error of distances"] == 0).all()
    assert sorted(set(table["samples"])) == [15, 30]
    assert any("smallest subset has 15" in note for note in finding.notes)


def explorer_matrix(explorer):
    study = explorer.study("small")
    return explorer._scene_builder().distances.matrix(Selection.of(study, "train", list(study.runs.index)))


def test_bands_are_percentiles_over_subsets(find):
    finding = find("samples", smallest=7, shuffles=2)
    subsets, bands = finding.tables["subsets"], finding.tables["by_number"]
    chosen = subsets[(subsets["samples"] == 7) & (subsets["components"] == 2)]["explained stress"]
    row = bands[(bands["samples"] == 7) & (bands["components"] == 2)].iloc[0]
    assert row["subsets"] == len(chosen) == 8
    assert row["explained stress"] == pytest.approx(chosen.mean())
    assert row["explained stress, low"] == pytest.approx(np.percentile(chosen, 5))
    assert row["explained stress, high"] == pytest.approx(np.percentile(chosen, 95))
    assert any("2 samples are left over" in note for note in finding.notes)


def test_too_many_runs_are_drawn_from(find, monkeypatch):
    monkeypatch.setattr(samples, "MOST_MODELS", 100)
    finding = find("samples", smallest=10)
    assert any("12 of 30 runs were drawn at random, 96 checkpoints" in note for note in finding.notes)
    monkeypatch.setattr(train_and_test, "MOST_MODELS", 100)
    finding = find("train-and-test", repeats=5)
    assert finding.tables["coordinates"]["run_id"].nunique() == 12
    assert any("12 of 30 runs were drawn at random" in note for note in finding.notes)


# Train and test together


def test_matched_splits_are_one_embedding_with_one_geodesic(find, small):
    study, predictions, _ = small
    finding = find("train-and-test", repeats=1)
    table, gap = finding.tables["coordinates"], finding.tables["gap"]
    assert finding.numbers["matched samples"] == 20
    assert table["split"].tolist() == ["train"] * 240 + ["test"] * 240
    matching = train_and_test.match_samples(
        study.splits["train"].labels, study.splits["test"].labels, study.n_classes, seed=0
    )
    parts = [predictions["train"][:, matching.train], predictions["test"][:, matching.test]]
    some = np.r_[0:240:40]
    expected = [oracles.bhattacharyya(parts[0][[i]], parts[1][[i]])[0, 0] for i in some]
    assert gap["train to test"].to_numpy()[some] == pytest.approx(expected, abs=1e-6)
    both = np.concatenate(parts)
    fit = embed(pairwise_distances(both).values, 3)
    found = components(table, "component")
    signs = np.sign((found * fit.coordinates).sum(axis=0))
    assert found * signs == pytest.approx(fit.coordinates, abs=1e-5)
    ends = pairwise_distances(geodesic(matching.labels, study.n_classes, [0.0, 1.0]), both).values
    line = components(finding.tables["geodesic"], "component")
    assert (line * signs)[[0, -1]] == pytest.approx(project(fit, ends), abs=1e-4)
    assert any("10 train and 0 test samples found no partner" in note for note in finding.notes)


def test_both_splits_answer_alike_whichever_is_on_screen(find):
    one, other = find("train-and-test", repeats=2), find("train-and-test", split="test", repeats=2)
    assert one.numbers == other.numbers


def test_matching_by_difficulty_brings_the_splits_closer(find):
    random, ranked = find("train-and-test", repeats=3), find("train-and-test", join="difficulty", repeats=3)
    closer = ranked.tables["gap"]["train to test"].mean() < random.tables["gap"]["train to test"].mean()
    assert closer


def test_one_probe_set_has_the_mean_of_distances(find, small):
    _, predictions, distances = small
    finding = find("train-and-test", join="one")
    both = (30 * distances + 20 * pairwise_distances(predictions["test"]).values) / 50
    fit = embed(both, 3)
    found = components(finding.tables["coordinates"], "component")
    assert found * np.sign((found * fit.coordinates).sum(axis=0)) == pytest.approx(fit.coordinates, abs=1e-4)
    assert "gap" not in finding.tables


def test_unmatchable_label_sets_are_refused_by_name(find):
    with pytest.raises(EngineError, match="class 'class 2' has 6 samples in train and none in test"):
        find("train-and-test", "absent_class")
    with pytest.raises(EngineError, match="has no test split"):
        find("train-and-test", "train_only")
    with pytest.raises(EngineError, match="at least 5 samples in either, and class 'class 0' has 6 in train and 4"):
        find("train-and-test", "one_seed")
    assert find("train-and-test", "absent_class", join="one").tables
    assert find("train-and-test", "one_class").numbers["matched samples"] == 12


# Three bases


def test_scores_are_those_of_the_coordinates(find, small):
    distances = small[2]
    finding = find("three-bases")
    table, explained = finding.tables["coordinates"], finding.tables["explained"]
    rows = explained[explained["axes"] == "three bases"]
    coordinates = components(table, "basis")
    left = distances - oracles.reconstructed(coordinates, rows["signature"].to_numpy())
    expected = 1 - np.abs(left).sum() / distances.sum()
    assert rows["explained distance (moduli)"].iloc[2] == pytest.approx(expected, abs=1e-5)
    assert finding.numbers["explained distance of three bases"] == pytest.approx(expected, abs=1e-5)


def test_outliers_have_a_loss_of_four_nats(find, explorer, small, monkeypatch):
    study, predictions, _ = small
    labels = study.splits["train"].labels
    loss = 2 * pairwise_distances(geodesic(labels, study.n_classes, [1.0]), predictions["train"]).values[0]
    from engine.analyses.of_selections import three_bases

    limit = float(np.quantile(loss, 0.9))
    monkeypatch.setattr(three_bases, "OUTLIER_LOSS", limit)
    finding = find("three-bases", early=0.25)
    counts = finding.tables["outliers"]
    assert counts["outliers"].sum() == (loss >= limit).sum() == 24
    assert counts["largest loss"].max() == pytest.approx(loss.max(), abs=1e-5)
    assert len(finding.tables["coordinates"]) == 240 - 24
    kept = find("three-bases", early=0.25, outliers="in")
    assert len(kept.tables["coordinates"]) == 240
    assert any("24 checkpoints" in note and "were kept" in note for note in kept.notes)
    monkeypatch.setattr(three_bases, "OUTLIER_LOSS", 1e-9)
    with pytest.raises(EngineError, match="Only 0 checkpoints have a loss below"):
        find("three-bases", early=0.26)


def test_means_where_no_checkpoint_is_are_refused(find):
    with pytest.raises(EngineError, match=r"near \[1.0\] with a width of 0.001"):
        find("three-bases", late=1.0, width=0.001)


def test_tangents_that_changed_places_are_noticed(find):
    assert any("changed places" in note for note in find("three-bases", early=0.7, late=0.3).notes)


def test_figures_of_both_splits_depend_on_both_labels(explorer):
    study = explorer.study("small")
    spec = explorer.analyses.parse("train-and-test", EmbeddingSpec("small", "train", tuple(study.runs.index)), {})
    relabelled = {**study.manifest.splits, "test": ProbeSet.of(study.splits["test"].labels[::-1].copy(), "test")}
    other = replace(study, manifest=replace(study.manifest, splits=relabelled))
    assert other.content_ids(study.runs.index[0], "train") == study.content_ids(study.runs.index[0], "train")
    assert _key_of(spec, study) != _key_of(spec, other)
