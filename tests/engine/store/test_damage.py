"""Damaged runs, each named with its reason, beside sound ones."""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine import (
    Recorder,
    RunFormatError,
    SelectionError,
    StudyFormatError,
    list_studies,
    open_study,
    verify_study,
)
from engine.store.documents import document_bytes, parse_document
from engine.store.encoding import HEADER_BYTES, header_bytes
from engine.store.journal import line_bytes
from tests.recording import LABELS, flip, record_run, record_step


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
def test_a_bad_run_is_named_the_rest_works(study: Path, name: str):
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


def test_metrics_named_like_hyperparameters_are_a_problem(study: Path):
    with Recorder(study, hyperparameters={}, labels=LABELS, run_id="d") as recorder:
        record_step(recorder, 0, metrics={"depth": 3.0})
    [problem] = open_study(study).problems
    assert problem.reason == "Run d: its metric 'depth' is a hyperparameter of other runs of the study."


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
def test_a_damaged_study_is_refused_and_listed(study: Path, damage: Callable[[Path], object], reason: str):
    record_run(study.parent / "whole", "a", 1)
    damage(study)
    with pytest.raises(StudyFormatError, match=f"Study study: .*{reason}.* Restore the file"):
        open_study(study)
    damaged, whole = list_studies(study.parent)
    assert (damaged.study_id, damaged.n_runs, whole.n_runs, whole.error) == ("study", 0, 1, "")
    assert reason in damaged.error
