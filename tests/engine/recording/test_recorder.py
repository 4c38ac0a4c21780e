"""Recorder: records written and read back, and refused input."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest
import torch

import engine
from engine import (
    InvalidPredictionsError,
    InvalidSpecError,
    Recorder,
    RunError,
    RunFormatError,
    RunLockedError,
    RunMismatchError,
    StudyFormatError,
    open_study,
)
from engine.store import files
from engine.store.manifest import NAME
from tests.recording import LABELS, N_CLASSES, log_softmax, logits, record_one, record_run, record_step


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return tmp_path / "study"


@pytest.fixture
def recorder(study: Path) -> Recorder:
    return Recorder(study, hyperparameters={"lr": 0.1}, labels=LABELS, run_id="run")


def _predictions(step: int = 0) -> dict[str, np.ndarray]:
    return {split: logits("run", step, split) for split in LABELS}


def test_recorded_predictions_come_back_normalised(study: Path):
    record_run(study, "a", 3)
    predictions = open_study(study).predictions("train")
    expected = np.stack([log_softmax(logits("a", step, "train")) for step in range(3)])
    assert predictions.log_probabilities.dtype == np.float32
    np.testing.assert_allclose(predictions.log_probabilities, expected, rtol=2**-10, atol=2**-10)
    np.testing.assert_allclose(np.exp(predictions.log_probabilities).sum(axis=2), 1, atol=1e-6)
    np.testing.assert_array_equal(predictions.labels, LABELS["train"])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_tensors_of_any_float_type_are_taken(recorder: Recorder, dtype: torch.dtype):
    tensors = {split: torch.tensor(values, dtype=dtype, requires_grad=True) for split, values in _predictions().items()}
    recorder.record(step=0, **tensors)
    assert recorder.n_checkpoints == 1


def test_metrics_are_cross_entropy_and_fraction_wrong(study: Path):
    record_run(study, "a", 1)
    row = open_study(study).checkpoints.iloc[0]
    for split, labels in LABELS.items():
        logs = log_softmax(logits("a", 0, split))
        loss = -np.mean([logs[sample, label] for sample, label in enumerate(labels)])
        wrong = np.mean([logs[sample].argmax() != label for sample, label in enumerate(labels)])
        assert row[f"{split}_loss"] == pytest.approx(loss, abs=1e-6)
        assert row[f"{split}_error"] == pytest.approx(wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": np.zeros((8, 4), np.float32)}, r"\(sample, class\) = \(8, 3\).*received \(8, 4\)"),
        ({"train": np.zeros((8, 3), np.int64)}, "floating-point logits, received dtype int64"),
        ({"train": np.full((8, 3), np.nan)}, r"must be finite, received nan at sample 0, class 0 \(24 such entries\)"),
        ({"train": np.full((8, 3), np.inf)}, "must be finite, received inf"),
        ({"train": None}, r"splits \['train', 'test'\], received predictions for \['test'\]"),
        ({"kind": "votes"}, "kind must be one of .* received 'votes'"),
        ({"kind": "probabilities", "train": np.full((8, 3), 0.3)}, r"sum to one within 0\.002, received 0\.9 "),
        ({"kind": "log_probabilities"}, "sum to one .* Pass kind='logits'"),
        ({"kind": "probabilities", "train": np.tile([1.5, -0.5, 0.0], (8, 1))}, "must not be negative, received -0.5"),
    ],
)
def test_invalid_predictions_are_refused_and_leave_no_trace(recorder: Recorder, change: dict, message: str):
    with pytest.raises(InvalidPredictionsError, match=message):
        recorder.record(step=0, **(_predictions() | change))
    assert recorder.n_checkpoints == 0
    recorder.record(step=0, **_predictions())
    recorder.close()
    assert open_study(recorder.path.parent.parent).problems == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": 3}, "Steps must rise: received 3 after 3"),
        ({"step": 4.0}, r"step must be an integer, received 4\.0"),
        ({"step": True}, "step must be an integer"),
        ({"epoch": np.inf}, "epoch must be a finite number or None, received inf"),
        ({"metrics": {"train_loss": 1.0}}, "'train_loss' is taken"),
        ({"metrics": {"lr": 1.0}}, "'lr' is taken"),
        ({"metrics": {"m": "low"}}, "metrics must be numbers by name"),
        ({"metrics": {"": 1.0}}, "1 to 64 printable characters"),
    ],
)
def test_invalid_positions_and_metrics_are_refused(recorder: Recorder, change: dict, message: str):
    recorder.record(step=3, **_predictions())
    with pytest.raises(InvalidSpecError, match=message):
        recorder.record(**({"step": 4, **_predictions()} | change))
    assert recorder.n_checkpoints == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hyperparameters": {"lr": float("nan")}}, "'lr' must be a finite number.*received nan"),
        ({"hyperparameters": {"sizes": [1, 2]}}, r"'sizes' must be .* received \[1, 2\]"),
        ({"hyperparameters": {"step": 1}}, "'step' is taken"),
        ({"hyperparameters": {"test_error": 1}}, "'test_error' is taken"),
        ({"hyperparameters": {"a\nb": 1}}, "printable"),
        ({"hyperparameters": {"seed": 2**64}}, "fit into 64 bits"),
        ({"labels": {}}, r"one or both of \('train', 'test'\), received \[\]"),
        ({"labels": {"validation": [0, 1]}}, r"received \['validation'\]"),
        ({"labels": {"train": [0, -1]}}, "integers 0..n_classes-1"),
        ({"labels": {"train": [0.5, 1.0]}}, "dtype float64"),
        ({"labels": {"train": []}}, "non-empty"),
        ({"class_names": ["one", "two"]}, "The labels reach class 2, but there are 2 classes"),
        ({"dtype": "int8"}, "dtype must be one of .* received 'int8'"),
        ({"durability": "paper"}, "durability must be 'process' or 'disk', received 'paper'"),
        ({"run_id": "../elsewhere"}, "named by .* received '../elsewhere'"),
        ({"run_id": ".hidden"}, "received '.hidden'"),
        ({"run_id": "a/b"}, "received 'a/b'"),
        ({"run_id": ""}, "received ''"),
    ],
)
def test_invalid_arguments_are_refused_before_anything_is_written(study: Path, change: dict, message: str):
    with pytest.raises(InvalidSpecError, match=message):
        Recorder(study, **({"hyperparameters": {}, "labels": LABELS} | change))
    assert not study.exists()


def test_scalars_of_numpy_and_torch_become_plain_hyperparameters(study: Path):
    values = {"seed": np.int64(3), "lr": np.float32(0.5), "momentum": torch.tensor(0.25), "nesterov": np.bool_(True)}
    with Recorder(study, hyperparameters=values, labels=LABELS) as recorder:
        pass
    stored = json.loads((recorder.path / "run.json").read_text())["hyperparameters"]
    assert stored == {"seed": 3, "lr": 0.5, "momentum": 0.25, "nesterov": True}
    assert type(stored["nesterov"]) is bool


def test_generated_run_ids_are_readable_and_distinct(study: Path):
    ids = set()
    for _ in range(20):
        with Recorder(study, hyperparameters={"architecture": "ViT / tiny"}, labels=LABELS) as recorder:
            ids.add(recorder.run_id)
    assert len(ids) == 20
    assert all(name.startswith("ViT-tiny-") and NAME.fullmatch(name) for name in ids)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": {"train": LABELS["train"]}}, r"splits \['train', 'test'\], the run \['train'\]"),
        ({"labels": {**LABELS, "test": LABELS["test"][::-1]}}, "the test labels differ from the study's"),
        ({"labels": {**LABELS, "train": np.arange(9) % 3}}, r"\(9 samples, the study has 8\)"),
        ({"labels": {**LABELS, "train": np.arange(8)}}, "the study has 3 classes, the run 8"),
        ({"class_names": ["x", "y", "z"]}, "class names"),
        ({"n_classes": 4}, "the study has 3 classes, the run 4"),
    ],
)
def test_a_run_that_misfits_the_study_is_refused(study: Path, change: dict, message: str):
    record_run(study, "first", 1)
    with pytest.raises(RunMismatchError, match=message):
        Recorder(study, **({"hyperparameters": {}, "labels": LABELS} | change))
    assert list(open_study(study).runs.index) == ["first"]


def test_study_with_one_split_works(study: Path):
    with Recorder(study, hyperparameters={}, labels={"test": LABELS["test"]}, title="One split") as recorder:
        recorder.record(step=0, test=logits("run", 0, "test"))
    snapshot = open_study(study)
    assert list(snapshot.splits) == ["test"]
    assert snapshot.title == "One split"
    assert snapshot.metrics == ("test_loss", "test_error")


def test_study_is_not_made_among_foreign_files(tmp_path: Path):
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(StudyFormatError, match=r"holds no study.json but other files \(holiday.jpg\)"):
        Recorder(tmp_path, hyperparameters={}, labels=LABELS)


def test_place_that_takes_no_folder_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "study"):
        with pytest.raises(RunError, match=r"Nothing can be recorded at .*/file.* make room or permit writing there"):
            Recorder(path, hyperparameters={}, labels=LABELS)


def test_exception_marks_the_run_failed_and_passes_through(study: Path):
    with (
        pytest.raises(ZeroDivisionError),
        Recorder(study, hyperparameters={}, labels=LABELS, run_id="broken") as recorder,
    ):
        record_step(recorder, 0)
        _ = 1 / 0
    row = open_study(study).runs.loc["broken"]
    assert (row["status"], row["n_checkpoints"]) == ("failed", 1)
    assert "ZeroDivisionError" in json.loads((recorder.path / "seal.json").read_text())["error"]
    assert engine.verify_study(study) == ()


def test_closed_recorder_takes_nothing_more(recorder: Recorder):
    recorder.close()
    with pytest.raises(RunError, match="Run run is closed and takes nothing more"):
        recorder.record(step=0, **_predictions())
    with pytest.raises(RunError, match="is closed"):
        recorder.close()


def test_closing_inside_the_with_block_is_allowed(study: Path):
    with Recorder(study, hyperparameters={}, labels=LABELS, run_id="early") as recorder:
        recorder.close("failed", "stopped by hand")
    assert open_study(study).runs.loc["early", "status"] == "failed"


def test_second_writer_is_refused(recorder: Recorder):
    record_step(recorder, 0)
    for _ in range(20):
        with pytest.raises(RunLockedError, match="Run run is being written by another recorder"):
            Recorder.resume(recorder.path)
    record_step(recorder, 1)
    assert recorder.n_checkpoints == 2


def test_second_run_of_the_same_name_is_refused(recorder: Recorder):
    study = recorder.path.parent.parent
    with pytest.raises(RunMismatchError, match="already has a run 'run': pass resume=True"):
        Recorder(study, hyperparameters={}, labels=LABELS, run_id="run")
    assert [path.name for path in recorder.path.parent.iterdir()] == ["run"]


def test_resumed_run_equals_one_that_was_never_interrupted(study: Path):
    record_run(study, "whole", 5)
    path = record_run(study, "cut", 3, seal=False)
    with open(path / "journal.jsonl", "ab") as journal:
        journal.write(b"0123abcd {half a li")
    with open(path / "train.npy", "ab") as data:
        data.write(b"half a record")
    with Recorder.resume(path) as recorder:
        assert recorder.last_step == 2
        for step in (3, 4):
            record_step(recorder, step)
    snapshot = open_study(study)
    assert snapshot.runs["status"].tolist() == ["finished", "finished"]
    expected = np.stack([log_softmax(logits("cut", step, "test")) for step in range(5)])
    np.testing.assert_allclose(snapshot.predictions("test", ["cut"]).log_probabilities, expected, atol=0.01)
    assert engine.verify_study(study) == ()


def test_a_failed_run_resumes_a_finished_one_cannot(study: Path):
    with pytest.raises(KeyboardInterrupt), Recorder(study, hyperparameters={}, labels=LABELS, run_id="run") as recorder:
        record_step(recorder, 0)
        raise KeyboardInterrupt
    with Recorder(study, hyperparameters={}, labels=LABELS, run_id="run", resume=True) as recorder:
        record_step(recorder, 1)
    with pytest.raises(RunMismatchError, match="Run run is finished and sealed with 2 checkpoints"):
        Recorder.resume(recorder.path)
    with pytest.raises(RunMismatchError, match="begun with other hyperparameters"):
        Recorder(study, hyperparameters={"lr": 1.0}, labels=LABELS, run_id="run", resume=True)
    assert open_study(study).runs.loc["run", "n_checkpoints"] == 2


def test_resuming_what_is_no_run_is_refused(study: Path):
    record_run(study, "a")
    with pytest.raises(RunFormatError, match=r"Run nothing: run\.json is missing"):
        Recorder.resume(study / "runs" / "nothing")


def test_two_recorders_starting_together_make_one_study(tmp_path: Path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.recording"])
    for attempt in range(3):
        study = tmp_path / f"study{attempt}"
        gate, answers = context.Barrier(4), context.SimpleQueue()
        names = [f"run{index}" for index in range(4)]
        processes = [context.Process(target=record_one, args=(str(study), name, gate, answers)) for name in names]
        for process in processes:
            process.start()
        assert [answers.get() for _ in processes] == [""] * 4
        for process in processes:
            process.join()
        assert list(open_study(study).runs.index) == names
        assert engine.verify_study(study) == ()


def test_durability_on_disk_syncs_data_before_the_journal(study: Path, monkeypatch: pytest.MonkeyPatch):
    synced = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (synced.append(os.readlink(f"/proc/self/fd/{fd}")), real(fd)))
    with Recorder(study, hyperparameters={}, labels=LABELS, durability="disk") as recorder:
        record_step(recorder, 0)
    # Once for the commit and once for the seal, whose digests must not outlive what they are of.
    assert [Path(path).name for path in synced] == ["train.npy", "test.npy", "journal.jsonl"] * 2


def test_numpy_alone_opens_a_run_being_written(recorder: Recorder):
    for step in range(12):
        record_step(recorder, step)
        assert np.load(recorder.path / "train.npy", allow_pickle=False).shape == (step + 1, 8, N_CLASSES)


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_only_warns_where_training_continues(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path / "study", hyperparameters={}, labels=LABELS, run_id="run", on_error="warn")
    record_step(recorder, 1)
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_at", full)
        for step in (2, 3):
            with pytest.warns(RuntimeWarning, match=f"Step {step} is not recorded.*No space left.*Training goes on"):
                record_step(recorder, step)
    record_step(recorder, 4)
    recorder.close()
    run = open_study(tmp_path / "study").checkpoints
    assert run["step"].tolist() == [1, 4]


def test_by_default_a_full_disk_stops_the_training(tmp_path, monkeypatch):
    recorder = Recorder(tmp_path / "study", hyperparameters={}, labels=LABELS, run_id="run")
    monkeypatch.setattr(files, "write_at", full)
    with pytest.raises(RunError, match="No space left"):
        record_step(recorder, 1)


def test_a_closed_recorder_is_no_disk_trouble(tmp_path):
    recorder = Recorder(tmp_path / "study", hyperparameters={}, labels=LABELS, run_id="run", on_error="warn")
    recorder.close()
    with pytest.raises(RunError):
        record_step(recorder, 1)


def test_on_error_is_one_of_two(tmp_path):
    with pytest.raises(InvalidSpecError, match="on_error must be"):
        Recorder(tmp_path / "study", hyperparameters={}, labels=LABELS, on_error="ignore")
