"""Pulse of runs still being recorded, and stalls."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine import Recorder
from engine.explorer.catalogue import PATIENT_INTERVALS, SHORTEST_PATIENCE, Catalogue, pulse_of
from engine.store import run as run_folder
from engine.store.documents import document_bytes
from engine.store.study import open_study, reopen_study
from tests.recording import LABELS, logits, record_run

NOW = 1_800_000_000.0


def record_at(study: Path, run_id: str, times: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose journal says that its checkpoints were committed at these times."""
    recorder = Recorder(study, hyperparameters={}, labels=LABELS, run_id=run_id)
    for step, moment in enumerate(times):
        monkeypatch.setattr("engine.recording.writer.time.time", lambda moment=moment: moment)
        recorder.record(step=step, **{split: logits(run_id, step, split) for split in LABELS})
    monkeypatch.undo()
    recorder._writer.close()


def test_only_unfinished_runs_have_a_pulse(tmp_path):
    study = tmp_path / "demo"
    record_run(study, "done", 3)
    record_run(study, "going", 2, seal=False)
    snapshot = open_study(study)
    pulse = pulse_of(snapshot, NOW)
    assert (pulse.fingerprint, pulse.n_runs, pulse.n_checkpoints) == (snapshot.fingerprint, 2, 5)
    assert [(run.run_id, run.n_checkpoints) for run in pulse.unfinished] == [("going", 2)]


@pytest.mark.parametrize(
    ("times", "patience"),
    [
        ([NOW - 30], SHORTEST_PATIENCE),
        ([NOW - 32, NOW - 31, NOW - 30], SHORTEST_PATIENCE),
        ([NOW - 330, NOW - 230, NOW - 130, NOW - 30], PATIENT_INTERVALS * 100),
        # Each interval twice the one before: the next is expected after 800 s, and the median is 200.
        ([NOW - 730, NOW - 630, NOW - 430, NOW - 30], PATIENT_INTERVALS * 400),
        # A night between a crash and the resumption, forgotten with the second checkpoint after it.
        ([NOW - 40_150, NOW - 40_130, NOW - 70, NOW - 50, NOW - 30], PATIENT_INTERVALS * 20),
        # The clock was set back in between.
        ([NOW + 5000, NOW - 60, NOW - 30], PATIENT_INTERVALS * 30),
    ],
)
def test_patience_is_five_intervals_at_least_a_minute(tmp_path, monkeypatch, times, patience):
    record_at(tmp_path / "demo", "going", times, monkeypatch)
    study = open_study(tmp_path / "demo")
    (run,) = pulse_of(study, NOW).unfinished
    assert (run.silence, run.patience, run.is_stalled) == (pytest.approx(30), pytest.approx(patience), False)
    (late,) = pulse_of(study, NOW - 30 + patience + 0.1).unfinished
    assert late.is_stalled
    (in_time,) = pulse_of(study, NOW - 30 + patience - 0.1).unfinished
    assert not in_time.is_stalled


def test_a_commit_in_the_future_is_no_silence(tmp_path, monkeypatch):
    record_at(tmp_path / "demo", "going", [NOW + 3600], monkeypatch)
    (run,) = pulse_of(open_study(tmp_path / "demo"), NOW).unfinished
    assert (run.silence, run.is_stalled) == (0.0, False)


@pytest.mark.parametrize(
    ("created", "silence"),
    [
        ("2027-01-15T07:59:00+00:00", 60.0),
        ("2027-01-15T07:59:00", 60.0),
        ("last week", 0.0),
        (None, 0.0),
    ],
)
def test_a_run_without_checkpoint_is_silent_since_creation(tmp_path, created, silence):
    # NOW is 2027-01-15T08:00:00Z.
    path = record_run(tmp_path / "demo", "going", 0, seal=False)
    document = json.loads((path / "run.json").read_text(encoding="utf-8"))
    fields = {name: value for name, value in document.items() if name not in ("format", "version", "kind")}
    (path / "run.json").write_bytes(document_bytes("run", {**fields, "created": created}))
    (run,) = pulse_of(open_study(tmp_path / "demo"), NOW).unfinished
    assert (run.silence, run.n_checkpoints, run.patience) == (silence, 0, SHORTEST_PATIENCE)


def test_a_snapshot_reads_only_runs_that_changed(tmp_path, monkeypatch):
    study = tmp_path / "studies" / "demo"
    for name in ("a", "b"):
        record_run(study, name, 2)
    monkeypatch.setattr("engine.explorer.catalogue.CHECK_INTERVAL", 0.0)
    monkeypatch.setattr("engine.explorer.catalogue.CHECK_SHARE", float("inf"))
    catalogue = Catalogue(tmp_path / "studies")
    first = catalogue.study("demo")
    record_run(study, "c", 1, seal=False)
    read = []
    original = run_folder.read_run
    monkeypatch.setattr(
        "engine.store.study.read_run", lambda path, manifest: read.append(path.name) or original(path, manifest)
    )
    second = catalogue.study("demo")
    assert read == ["c"]
    assert second.run_folders["a"] is first.run_folders["a"]
    assert second.fingerprint == open_study(study).fingerprint != first.fingerprint
    shutil.rmtree(study / "runs" / "a")
    assert list(catalogue.study("demo").run_folders) == ["b", "c"]


def test_a_resumed_snapshot_equals_a_fresh_one(tmp_path):
    study = tmp_path / "demo"
    for name in ("a", "b"):
        record_run(study, name, 2, seal=False, seed=len(name))
    before = open_study(study)
    record_run(study, "c", 3, learning_rate=0.5)
    again, opened = reopen_study(before, {"a", "b"}), open_study(study)
    assert again.fingerprint == opened.fingerprint
    assert again.runs.equals(opened.runs)
    assert np.array_equal(again.predictions("train").log_probabilities, opened.predictions("train").log_probabilities)
