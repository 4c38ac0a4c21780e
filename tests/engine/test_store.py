"""Reading studies: tables, predictions, and bad runs that are named while the rest works."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine import (
    InvalidSpecError,
    Recorder,
    RunFormatError,
    SelectionError,
    StudyFormatError,
    StudyNotFoundError,
    list_studies,
    open_study,
    verify_study,
)
from engine.document import document_bytes, parse_document
from engine.journal import line_bytes
from engine.record_array import HEADER_BYTES, header_bytes
from tests.recording import LABELS, flip, record_run, record_step


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = tmp_path_factory.mktemp("recorded") / "study"
    record_run(study, "a", 3, lr=1, seed=0, depth=2, name="x", nesterov=True)
    record_run(study, "b", 4, lr=0.5, seed=1, name=None, nesterov=False)
    record_run(study, "c", 2, seal=False, lr=0.1, seed=2, depth=3, name="y", nesterov=False)
    return study


@pytest.fixture
def study(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "study"))


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


def test_checkpoint_table_has_one_row_per_model_in_run_order(recorded: Path):
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
    with pytest.raises(InvalidSpecError, match=r"has no split 'validation'; it has \['train', 'test'\]"):
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


def test_fingerprint_changes_if_and_only_if_committed_content_does(study: Path):
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


def _rewrite_run(run: Path, **changes: object) -> None:
    fields = parse_document((run / "run.json").read_bytes(), "run")
    kept = {name: value for name, value in fields.items() if name not in ("format", "version", "crc32")}
    (run / "run.json").write_bytes(document_bytes("run", kept | changes))


def _other_probe_set(run: Path) -> None:
    splits = json.loads((run / "run.json").read_text())["splits"]
    splits["test"]["order_sha256"] = "0" * 64
    _rewrite_run(run, splits=splits)


def _other_dtype(run: Path) -> None:
    splits = json.loads((run / "run.json").read_text())["splits"]
    splits["train"]["dtype"] = "float32"
    _rewrite_run(run, splits=splits)


def _wrong_shape(run: Path) -> None:
    raw = (run / "train.npy").read_bytes()
    (run / "train.npy").write_bytes(header_bytes(np.dtype("<f2"), (3, 4, 6)) + raw[HEADER_BYTES:])


def _duplicate_key(run: Path) -> None:
    raw = (run / "run.json").read_bytes()
    raw = raw[:-12].replace(b'"n_classes": 3', b'"n_classes": 3, "n_classes": 3') + b"00000000" + raw[-4:]
    (run / "run.json").write_bytes(raw[:-12] + b"%08x" % zlib.crc32(raw) + raw[-4:])


def _link_data(run: Path) -> None:
    (run / "train.npy").rename(run.parent / ".elsewhere")
    (run / "train.npy").symlink_to(run.parent / ".elsewhere")


def _link_run(run: Path) -> None:
    run.rename(run.parent / ".elsewhere")
    run.symlink_to(run.parent / ".elsewhere")


def _fifo(run: Path) -> None:
    (run / "train.npy").unlink()
    os.mkfifo(run / "train.npy")


def _newer(run: Path) -> None:
    raw = (run / "run.json").read_bytes().replace(b'"version": 1', b'"version": 2')
    (run / "run.json").write_bytes(raw)


DAMAGE: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "run.json gone": (lambda run: (run / "run.json").unlink(), "run.json", "run.json is missing"),
    "run.json flipped": (lambda run: flip(run / "run.json", 90), "run.json", "damaged or was edited"),
    "run.json empty": (lambda run: (run / "run.json").write_bytes(b""), "run.json", "run.json is damaged"),
    "run.json huge": (lambda run: (run / "run.json").write_bytes(b" " * 1_000_001), "run.json", "at most 1000000"),
    "run.json newer": (_newer, "run.json", "format version 2; this program reads up to 1: update it"),
    "key twice": (_duplicate_key, "run.json", "a key occurs twice"),
    "renamed": (lambda run: _rewrite_run(run, run_id="other"), "run.json", "belongs to run 'other'"),
    "other classes": (lambda run: _rewrite_run(run, n_classes=4), "run.json", "has 4 classes, the study 3"),
    "other splits": (lambda run: _rewrite_run(run, splits={}), "run.json", "must have the study's splits"),
    "list as value": (lambda run: _rewrite_run(run, hyperparameters={"h": [1]}), "run.json", "'h' must be a finite"),
    "other probe set": (_other_probe_set, "run.json", "recorded on another probe set: its test labels"),
    "other dtype": (_other_dtype, "train.npy", r"<f2 \(3, 8, 3\); the run declares <f4 \('checkpoint', 8, 3\)"),
    "wrong shape": (_wrong_shape, "train.npy", r"<f2 \(3, 4, 6\); the run declares <f2 \('checkpoint', 8, 3\)"),
    "header flipped": (lambda run: flip(run / "test.npy", 3), "test.npy", "the header of test.npy .* is damaged"),
    "data gone": (lambda run: (run / "test.npy").unlink(), "test.npy", "test.npy is missing"),
    "data cut": (lambda run: os.truncate(run / "test.npy", 200), "test.npy", "holds 2.4 records of 30 bytes, but 3"),
    "data all gone": (lambda run: os.truncate(run / "test.npy", 5), "test.npy", "5 bytes, not even a header"),
    "data link": (_link_data, "train.npy", "train.npy is a symbolic link"),
    "run link": (_link_run, "", "it is a symbolic link"),
    "fifo": (_fifo, "train.npy", "train.npy is not a regular file"),
    "journal gone": (lambda run: (run / "journal.jsonl").unlink(), "journal.jsonl", "journal.jsonl is missing"),
    "journal flipped": (lambda run: flip(run / "journal.jsonl", 30), "journal.jsonl", r"line 1 \(checkpoint 0\)"),
    "journal cut": (lambda run: os.truncate(run / "journal.jsonl", 50), "journal.jsonl", "lines were lost"),
    "seal flipped": (lambda run: flip(run / "seal.json", 60), "seal.json", "seal.json is damaged"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_bad_run_is_named_with_its_reason_and_the_rest_works(study: Path, name: str):
    damage, file, reason = DAMAGE[name]
    damage(study / "runs" / "a")
    snapshot = open_study(study)
    assert list(snapshot.runs.index) == ["b", "c"]
    [problem] = snapshot.problems
    assert problem.run_id == "a"
    assert re.search(f"^Run a: .*{reason}", problem.reason)
    assert len(snapshot.predictions("train").models) == 6
    with pytest.raises(SelectionError, match="no usable run 'a': Run a: "):
        snapshot.predictions("train", ["a"])
    assert list_studies(study.parent)[0].n_problems == 1
    [finding] = [finding for finding in verify_study(study) if finding.is_error]
    assert finding.file == f"runs/a/{file}".rstrip("/")


def _commit_raw(run: Path, record: np.ndarray) -> None:
    """Commit a record that no recorder would write."""
    snapshot = open_study(run.parent.parent)
    count = int(snapshot.runs.loc[run.name, "n_checkpoints"])
    crcs = {}
    for split, labels in LABELS.items():
        raw = np.broadcast_to(record, (len(labels), 3)).astype("<f2").tobytes()
        data = (run / f"{split}.npy").read_bytes()[HEADER_BYTES:] + raw
        (run / f"{split}.npy").write_bytes(header_bytes(np.dtype("<f2"), (count + 1, len(labels), 3)) + data)
        crcs[split] = zlib.crc32(raw)
    with open(run / "journal.jsonl", "ab") as journal:
        journal.write(line_bytes(index=count, step=99, epoch=None, time=0.0, metrics={}, crcs=crcs))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ([np.nan, 0, 0], "record 2 holds values that are not finite"),
        ([0, -np.inf, -np.inf], "record 2 holds values that are not finite"),
        ([np.inf, 0, 0], "record 2 holds values that are not finite"),
        ([1.5, -0.5, 2], "record 2 holds rows whose probabilities do not sum to one"),
    ],
)
def test_committed_nonsense_is_found_when_it_is_read(study: Path, record: list[float], reason: str):
    _commit_raw(study / "runs" / "c", np.array(record))
    snapshot = open_study(study)
    with pytest.raises(RunFormatError, match=rf"Run c: train\.npy {reason}") as caught:
        snapshot.predictions("train")
    assert caught.value.file == "train.npy"
    assert len(snapshot.predictions("train", ["a", "b"]).models) == 7
    checked = snapshot.checked()
    assert list(checked.runs.index) == ["a", "b"]
    assert checked.fingerprint != snapshot.fingerprint
    assert checked.predictions("train").log_probabilities.shape == (7, 8, 3)


def test_flipped_record_is_named_when_it_is_read(study: Path):
    flip(study / "runs" / "b" / "train.npy", HEADER_BYTES + 2 * 48 + 5)
    with pytest.raises(RunFormatError, match=r"Run b: train\.npy record 2 is damaged: .* CRC"):
        open_study(study).predictions("train")
    assert [problem.run_id for problem in open_study(study).checked(["b"]).problems] == ["b"]
    assert open_study(study).checked(["a", "c"]).problems == ()


def test_metric_that_is_a_hyperparameter_elsewhere_is_a_named_problem(study: Path):
    with Recorder(study, hyperparameters={}, labels=LABELS, run_id="d") as recorder:
        record_step(recorder, 0, metrics={"depth": 3.0})
    [problem] = open_study(study).problems
    assert problem.reason == "Run d: its metric 'depth' is a hyperparameter of other runs of the study."


def test_user_metrics_become_columns(study: Path):
    with Recorder(study, hyperparameters={}, labels=LABELS, run_id="d") as recorder:
        record_step(recorder, 0, metrics={"norm": 3.0})
        record_step(recorder, 1, metrics={"norm": float("nan")})
    snapshot = open_study(study)
    assert snapshot.metrics[-1] == "norm"
    assert snapshot.checkpoints["norm"].notna().sum() == 1


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda study: flip(study / "study.json", 70), "study.json is damaged or was edited"),
        (lambda study: flip(study / "train_labels.npy", 130), "train_labels.npy"),
        (lambda study: flip(study / "test_labels.npy", 20), "the header of test_labels.npy"),
        (lambda study: (study / "test_labels.npy").unlink(), "test_labels.npy is missing"),
        (lambda study: os.truncate(study / "train_labels.npy", 150), "150 bytes and declares 8 labels"),
    ],
)
def test_damaged_study_is_refused_and_listed_with_its_error(study: Path, damage: Callable[[Path], object], reason: str):
    record_run(study.parent / "whole", "a", 1)
    damage(study)
    with pytest.raises(StudyFormatError, match=f"Study study: .*{reason}.* Restore the file"):
        open_study(study)
    damaged, whole = list_studies(study.parent)
    assert (damaged.study_id, damaged.n_runs, whole.n_runs, whole.error) == ("study", 0, 1, "")
    assert reason in damaged.error


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
