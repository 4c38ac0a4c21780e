"""Analyses along training against their formulas, on recorded studies."""

from __future__ import annotations

import numpy as np
import pytest

from engine import EmbeddingSpec, Explorer
from engine.errors import EngineError
from engine.trajectories.clocks import CLOCKS
from tests import oracles, oracles_paths


@pytest.fixture(scope="module")
def explorer(shared_explorer):
    return shared_explorer


def find(explorer, kind, study_id="small", run_ids=None, split="train", **options):
    runs = run_ids or list(explorer.study(study_id).runs.index)
    return explorer.analyses.find(kind, EmbeddingSpec(study_id, split, tuple(runs)), **options)


def predictions(explorer, run_id, study_id="small", split="train"):
    study = explorer.study(study_id)
    return study.log_probabilities(split, run_id), study.splits[split].labels


def rows_of(table, run_id):
    return table[table["run_id"] == run_id].reset_index(drop=True)


def said(finding, words):
    return any(words in note for note in finding.notes)


RUN, OTHER = "cnn-0.01-0", "vit-0.1-1"


# ----------------------------------------------------------------------------------------------- progress and error


@pytest.mark.parametrize("definition", ["angle", "bhattacharyya"])
def test_progress_and_error_are_those_of_the_predictions(explorer, definition):
    table = rows_of(find(explorer, "progress", definition=definition).tables["progress"], RUN)
    models, labels = predictions(explorer, RUN)
    assert table["progress"].to_numpy() == pytest.approx(oracles.progress(models, labels, definition), abs=1e-5)
    # The first checkpoint is ignorance itself, whose guess is a matter of taste.
    errors = [1 - oracles_paths.share_right(model, labels) for model in models]
    assert table["error"].to_numpy()[1:] == pytest.approx(errors[1:])


def test_progress_along_another_geodesic(explorer):
    start, end = f"{RUN}:2", f"{OTHER}:7"
    finding = find(explorer, "progress", run_ids=[RUN, OTHER], start=start, end=end)
    table = finding.tables["progress"]
    ends = predictions(explorer, RUN)[0][2], predictions(explorer, OTHER)[0][7]
    expected = [oracles_paths.position_between(p, *ends, "angle") for p in predictions(explorer, RUN)[0]]
    assert rows_of(table, RUN)["progress"].to_numpy() == pytest.approx(expected, abs=1e-5)
    assert rows_of(table, RUN)["progress"][2] == 0.0
    assert rows_of(table, OTHER)["progress"][7] == 1.0
    assert said(finding, f"leads from checkpoint 2 of {RUN} to checkpoint 7 of {OTHER}")


def test_a_geodesic_to_itself_is_refused(explorer):
    with pytest.raises(EngineError, match="the same model"):
        find(explorer, "progress", start="P*", end="P*")


def test_no_geodesic_leads_from_ignorance_to_ignorance(explorer):
    """The first checkpoint of the small study is uniform to the last bit."""
    with pytest.raises(EngineError, match="the same model"):
        find(explorer, "progress", start="P0", end=f"{RUN}:0")


def test_progress_is_drawn_against_what_was_asked_for(explorer):
    assert find(explorer, "progress").tables["progress"].columns[2] == "epoch"
    assert find(explorer, "progress", along="step").tables["progress"].columns[2] == "step"
    finding = find(explorer, "progress", "steps_only")
    assert finding.tables["progress"].columns[2] == "step"
    assert said(finding, "recorded no epochs")


def test_saturated_progress_is_noted_for_the_angle_definition(explorer):
    finding = find(explorer, "progress", "confident")
    # Seven of twelve samples are right, and 1 / (1 + sqrt(2)) of them are enough.
    assert finding.tables["progress"]["progress"].max() > 1 - 1e-6
    assert said(finding, "saturates")
    mean = find(explorer, "progress", "confident", definition="mean")
    assert mean.tables["progress"]["progress"].max() == pytest.approx(7 / 12, abs=1e-3)
    assert not said(mean, "saturates")


def test_runs_that_go_back_are_counted(explorer):
    finding = find(explorer, "progress", "going_back")
    assert finding.numbers["runs that go back"] == 2
    assert said(finding, "2 of 3 runs go back")


# ------------------------------------------------------------------------------------------ distance to the geodesic


@pytest.mark.parametrize("definition", ["angle", "mean"])
def test_distances_are_to_the_point_at_equal_progress(explorer, definition):
    finding = find(explorer, "geodesic-distance", definition=definition)
    table = rows_of(finding.tables["distances"], RUN)
    models, labels = predictions(explorer, RUN)
    ends = np.log(np.full((30, 4), 0.25)), np.log(np.maximum(np.eye(4)[labels], 1e-300))
    for place, distance in (("position", "distance"), ("nearest position", "nearest distance")):
        expected = [
            oracles_paths.objective(model, *ends, t, "bhattacharyya")
            for model, t in zip(models, table[place], strict=True)
        ]
        assert table[distance].to_numpy() == pytest.approx(expected, abs=1e-9)
    assert (table["nearest distance"] <= table["distance"] + 1e-12).all()
    assert table["position"].to_numpy() == pytest.approx(
        rows_of(find(explorer, "progress", definition=definition).tables["progress"], RUN)["progress"].to_numpy()
    )


def test_distances_are_drawn_against_the_clock(explorer):
    for key, clock in CLOCKS.items():
        table = find(explorer, "geodesic-distance", run_ids=[RUN, OTHER], clock=key).tables["distances"]
        assert table.columns[2] == clock.title
        assert np.isfinite(table[clock.title]).all()


def test_both_ends_of_checkpoint_geodesics_lie_on_them(explorer):
    table = find(explorer, "geodesic-distance", run_ids=[RUN, OTHER], start=f"{RUN}:2", end=f"{OTHER}:7").tables[
        "distances"
    ]
    assert rows_of(table, RUN)["distance"][2] < 1e-12
    assert rows_of(table, OTHER)["distance"][7] < 1e-12


# ------------------------------------------------------------------------------------------------------------ lengths


def test_lengths_are_the_sums_over_checkpoints(explorer):
    table = find(explorer, "lengths").tables["lengths"]
    models, _ = predictions(explorer, RUN)
    (row,) = rows_of(table, RUN).to_dict("records")
    names = [f"length, {name}" for name in ("angle", "Fisher-Rao", "√d_B")]
    assert [row[name] for name in names] == pytest.approx(oracles_paths.lengths(models), rel=1e-9)
    angles = oracles_paths.step_angles(models[0], models[-1])
    root = np.sqrt((angles**2).mean())
    straight = [row[name.replace("length", "straight")] for name in names]
    assert straight == pytest.approx([angles.mean(), 2 * root, root / np.sqrt(2)], rel=1e-9)
    assert row["group"] == "CNN"


@pytest.mark.parametrize(
    ("convention", "name", "whole"),
    [
        ("angle", "angle", np.pi / 3),
        ("fisher_rao", "Fisher-Rao", 2 * np.pi / 3),
        ("arc", "√d_B", np.pi / 3 / np.sqrt(2)),
    ],
)
def test_the_convention_chooses_what_is_drawn(explorer, convention, name, whole):
    finding = find(explorer, "lengths", convention=convention, column="seed")
    table = finding.tables["lengths"]
    assert table["length"].equals(table[f"length, {name}"].rename("length"))
    assert table["detour"].to_numpy() == pytest.approx((table["length"] / table["straight"]).to_numpy())
    assert (table["detour"] >= 1).all()
    assert set(table["group"]) == {"0", "1"}
    assert finding.numbers["from ignorance to truth"] == pytest.approx(whole)


def test_runs_that_went_nowhere_have_no_detour(explorer):
    finding = find(explorer, "lengths", "different_lengths")
    table = finding.tables["lengths"]
    assert table["detour"].isna().tolist() == [True, False, False, False]
    assert said(finding, "1 of 4 runs end where they began")
    assert said(finding, "1 to 9 checkpoints")
    still = find(explorer, "lengths", "going_back").tables["lengths"]
    assert still["length"].tolist()[2] == 0.0


# ---------------------------------------------------------------------------------------------- runs at equal clocks


@pytest.mark.parametrize("after", ["hold", "reference"])
@pytest.mark.parametrize("key", ["progress", "epoch", "loss"])
def test_runs_at_equal_clocks_match_a_walk(explorer, key, after):
    finding = find(explorer, "reindexed", clock=key, points=7, after=after)
    table = rows_of(finding.tables["resampled"], RUN)
    models, labels = predictions(explorer, RUN)
    clock = {
        "progress": oracles.progress(models, labels, "angle"),
        "epoch": np.arange(8.0),
        "loss": [np.log(4) - oracles_paths.mean_loss(model, labels) for model in models],
    }[key]
    end = {"progress": 1.0, "epoch": 7.0, "loss": np.log(4)}[key]
    grid = end * np.arange(1, 8) / 7
    assert table[CLOCKS[key].title].to_numpy() == pytest.approx(grid)
    points, inside = oracles_paths.resampled(models, clock, grid, after)
    assert table["reached"].tolist() == inside
    with np.errstate(divide="ignore"):
        losses = [oracles_paths.mean_loss(np.log(point), labels) for point in points]
    assert table["loss of the model there"].to_numpy() == pytest.approx(losses, abs=1e-4)
    hits = [oracles_paths.share_right(point, labels) for point in points]
    assert table["accuracy of the model there"].to_numpy() == pytest.approx(hits, abs=0.04)


def test_skipped_values_are_said_in_checkpoints_and_epochs(explorer):
    table = rows_of(find(explorer, "reindexed", clock="step", points=14).tables["resampled"], RUN)
    assert table["step"].tolist() == (5.0 * np.arange(1, 15)).tolist()
    assert table["checkpoint"].to_numpy() == pytest.approx(0.5 * np.arange(1, 15))
    assert table["epoch passed"].to_numpy() == pytest.approx(0.5 * np.arange(1, 15))


def test_how_far_runs_reach_is_counted(explorer):
    fast = [run_id for run_id in explorer.study("small").runs.index if "-0.1-" in run_id]
    finding = find(explorer, "reindexed", run_ids=fast, points=10)
    ends, shares = finding.tables["reach"], finding.tables["shares"]
    progress = find(explorer, "progress", run_ids=fast).tables["progress"].groupby("run_id", sort=False)["progress"]
    assert ends["largest"].to_numpy() == pytest.approx(progress.max().to_numpy())
    grid = np.arange(1, 11) / 10
    assert shares["share of runs"].to_numpy() == pytest.approx(
        [(progress.max() >= tau).mean() for tau in grid], abs=1e-12
    )
    assert finding.numbers["largest value that all runs reach"] == grid[shares["share of runs"] == 1.0].max()
    assert said(finding, "after its last checkpoint a run stays where it is")


def test_a_clock_that_turns_back_is_said(explorer):
    finding = find(explorer, "reindexed", "going_back", points=10)
    assert said(finding, "turns back in 2 of 3 runs")
    assert finding.tables["reach"]["largest fall"].to_numpy()[:2].min() > 0.1
    assert finding.tables["reach"]["largest fall"][2] == 0.0
    # The one that never moved reaches nothing, and is drawn at its only model.
    assert finding.tables["reach"]["points reached"][2] == 0
    assert finding.numbers["largest value that all runs reach"] == "none"


def test_runs_of_different_length_are_aligned_by_steps(explorer):
    finding = find(explorer, "reindexed", "different_lengths", clock="step", points=8)
    assert finding.tables["reach"]["points reached"].tolist() == [0, 1, 4, 8]
    assert said(finding, "3 of 4 runs do not reach the end")


def test_runs_without_a_clock_are_named_and_omitted(explorer):
    finding = find(explorer, "reindexed", "some_epochs", clock="epoch", points=5)
    assert finding.tables["reach"]["run_id"].tolist() == ["with"]
    assert said(finding, "1 of 2 runs recorded no epoch and are left out: without.")
    along = find(explorer, "geodesic-distance", "some_epochs", clock="epoch").tables["distances"]
    assert along["epoch"].isna().tolist() == [False] * 4 + [True] * 4
    with pytest.raises(EngineError, match="No selected run recorded its epoch"):
        find(explorer, "reindexed", "steps_only", clock="epoch")


@pytest.mark.parametrize("kind", ["progress", "geodesic-distance", "lengths", "reindexed"])
def test_unfinished_runs_are_named(explorer, kind):
    finding = find(explorer, kind, "different_lengths")
    (note,) = [note for note in finding.notes if "not finished" in note]
    assert note == "2 of 4 runs are not finished; their checkpoints so far are used: run-1, run-3."
    assert not said(find(explorer, kind), "not finished")


def test_a_kept_clock_is_the_same_clock(explorer, studies_folder, tmp_path):
    """The loss and the arc length are kept on disk; another engine computes the same."""
    first = find(explorer, "reindexed", clock="arc-length", points=5).tables["resampled"]
    assert find(explorer, "geodesic-distance", clock="arc-length").tables["distances"]["arc length"].max() > 1
    other = Explorer(studies_folder, device="cpu", cache=tmp_path)
    try:
        again = find(other, "reindexed", clock="arc-length", points=5).tables["resampled"]
        assert np.array_equal(first.iloc[:, 1:].to_numpy(float), again.iloc[:, 1:].to_numpy(float))
    finally:
        other.close()
