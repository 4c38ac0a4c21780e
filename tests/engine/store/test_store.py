"""Study reader: tables, predictions, content ids and fingerprints."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine import (
    InvalidSpecError,
    Recorder,
    SelectionError,
    StudyNotFoundError,
    list_studies,
    open_study,
)
from tests.recording import LABELS, record_run, record_step


def test_run_table_keeps_types_and_last_metrics(recorded: Path):
    runs = open_study(recorded).runs
    assert list(runs.index) == ["a", "b", "c"]
    assert runs["seed"].dtype == np.int64
    assert runs["lr"].dtype == np.float64
    assert runs["depth"].dtype == np.float64
    assert np.isnan(runs.loc["b", "depth"])
    assert runs["nesterov"].dtype == np.bool_
    assert runs["name"].tolist() == ["x", None, "y"]
    assert runs["n_checkpoints"].tolist() == [3, 4, 2]
    assert runs["status"].tolist() == ["finished", "finished", "running"]
    checkpoints = open_study(recorded).checkpoints
    last = checkpoints[checkpoints["run_id"] == "b"].iloc[-1]
    assert runs.loc["b", "test_loss"] == last["test_loss"]


def test_study_says_which_columns_are_which(recorded: Path):
    study = open_study(recorded)
    assert study.hyperparameters == ("architecture", "lr", "seed", "depth", "name", "nesterov")
    assert study.metrics == ("train_loss", "train_error", "test_loss", "test_error")
    assert study.differing == ("lr", "seed", "depth", "name", "nesterov")
    assert (study.study_id, study.title, study.n_classes) == ("study", "study", 3)
    assert study.class_names == ("0", "1", "2")


def test_the_checkpoint_table_has_a_row_per_model(recorded: Path):
    table = open_study(recorded).checkpoints
    assert table["run_id"].tolist() == ["a"] * 3 + ["b"] * 4 + ["c"] * 2
    assert table["checkpoint"].tolist() == [0, 1, 2, 0, 1, 2, 3, 0, 1]
    assert table["step"].dtype == np.int64
    assert list(table.columns[:5]) == ["run_id", "checkpoint", "step", "epoch", "time"]


def test_predictions_follow_the_order_asked_for(recorded: Path):
    study = open_study(recorded)
    whole = study.predictions("test")
    part = study.predictions("test", ["c", "a"])
    rows = [7, 8, 0, 1, 2]
    np.testing.assert_array_equal(part.log_probabilities, whole.log_probabilities[rows])
    pd.testing.assert_frame_equal(part.models, whole.models.iloc[rows].reset_index(drop=True))
    with pytest.raises(ValueError, match="read-only"):
        part.log_probabilities[0] = 0


def test_selection_of_no_run_gives_no_models(recorded: Path):
    assert open_study(recorded).predictions("test", []).log_probabilities.shape == (0, 5, 3)


def test_run_without_checkpoints_is_listed(study: Path):
    record_run(study, "d", 0, seal=False)
    snapshot = open_study(study)
    assert snapshot.runs.loc["d", "n_checkpoints"] == 0
    assert np.isnan(snapshot.runs.loc["d", "train_loss"])
    assert snapshot.content_ids("d", "train") == ()
    assert len(snapshot.predictions("train").models) == 9


def test_unknown_split_run_and_repetition_are_refused(recorded: Path):
    study = open_study(recorded)
    with pytest.raises(InvalidSpecError, match=r"has no split 'validation': it has train, test"):
        study.predictions("validation")
    with pytest.raises(SelectionError, match=r"no usable run 'z': it is not in study\.runs"):
        study.predictions("train", ["a", "z"])
    with pytest.raises(SelectionError, match="selected twice"):
        study.predictions("train", ["a", "a"])
    with pytest.raises(SelectionError, match="received the string 'a'"):
        study.predictions("train", "a")


def test_content_ids_name_each_record_once(recorded: Path):
    study = open_study(recorded)
    ids = [i for run in study.runs.index for split in study.splits for i in study.content_ids(run, split)]
    assert len(set(ids)) == len(ids) == 18


def test_fingerprint_changes_exactly_when_committed_content_does(study: Path):
    first = open_study(study).fingerprint
    os.utime(study / "study.json")
    with open(study / "runs" / "c" / "train.npy", "ab") as data:
        data.write(b"not committed")
    with open(study / "runs" / "c" / "journal.jsonl", "ab") as journal:
        journal.write(b"half a line")
    assert open_study(study).fingerprint == first
    seen = {first}
    with Recorder.resume(study / "runs" / "c") as recorder:
        record_step(recorder, 2)
        seen.add(open_study(study).fingerprint)
    seen.add(open_study(study).fingerprint)
    record_run(study, "d", 1)
    seen.add(open_study(study).fingerprint)
    assert len(seen) == 4


def test_snapshot_does_not_change_while_a_run_grows(study: Path):
    snapshot = open_study(study)
    before = snapshot.predictions("train")
    with Recorder.resume(study / "runs" / "c") as recorder:
        record_step(recorder, 2)
    after = snapshot.predictions("train")
    np.testing.assert_array_equal(before.log_probabilities, after.log_probabilities)


def test_user_metrics_become_columns(study: Path):
    with Recorder(study, hyperparameters={}, labels=LABELS, run_id="d") as recorder:
        record_step(recorder, 0, metrics={"norm": 3.0})
        record_step(recorder, 1, metrics={"norm": float("nan")})
    snapshot = open_study(study)
    assert snapshot.metrics[-1] == "norm"
    assert snapshot.checkpoints["norm"].notna().sum() == 1


def test_no_study_says_how_to_make_one(tmp_path: Path):
    with pytest.raises(StudyNotFoundError, match=r"holds no study.json.*engine\.Recorder"):
        open_study(tmp_path)
    with pytest.raises(StudyNotFoundError, match="is no folder"):
        open_study(tmp_path / "nowhere")
    assert list_studies(tmp_path) == list_studies(tmp_path / "nowhere") == ()


def test_study_without_runs_has_empty_tables(tmp_path: Path):
    record_run(tmp_path / "study", "a", 0)
    shutil.rmtree(tmp_path / "study" / "runs")
    study = open_study(tmp_path / "study")
    assert len(study.runs) == len(study.checkpoints) == 0
    assert study.predictions("train").log_probabilities.shape == (0, 8, 3)
    assert study.summary.n_runs == 0


def test_study_is_named_as_it_was_asked_for(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "latest").symlink_to(recorded)
    assert open_study(tmp_path / "latest").study_id == "latest"
    monkeypatch.chdir(recorded / "runs")
    assert open_study("..").study_id == "study"


def test_reading_holds_no_file_open(recorded: Path):
    before = len(os.listdir("/proc/self/fd"))
    study = open_study(recorded)
    study.predictions("train")
    assert len(os.listdir("/proc/self/fd")) == before


def test_study_is_immutable(recorded: Path):
    study = open_study(recorded)
    with pytest.raises(dataclasses.FrozenInstanceError):
        study.problems = ()
    assert study.without("a", "because").problems[0].reason == "because"
    assert study.problems == ()
