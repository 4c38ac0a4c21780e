"""Runs that are deleted, moved, replaced, cut or linked while they are recorded."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine import Recorder, RunError
from engine.store import files
from engine.store.verification import repair_run
from tests.changes import cut, delete, move, once_after, replace, scribble
from tests.recording import begin, flip, record_run, record_step
from tests.sound import assert_sound


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return tmp_path / "study"


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (delete, "was deleted, with all its checkpoints"),
        (move, "was moved or replaced"),
        (replace, "was deleted, with all its checkpoints"),
        (cut, "another program has written to it or cut it"),
        (scribble, "not how the recorder left it"),
    ],
)
def test_a_run_that_changes_is_named_at_once(study: Path, change: Callable[[Path], None], reason: str):
    recorder = begin(study, on_error="warn")
    change(recorder.path)
    before = contents(study)
    with pytest.warns(RuntimeWarning, match=reason):
        record_step(recorder, 2)
    with pytest.raises(RunError, match=reason) as refusal:
        recorder.close()
    assert "safe" not in str(refusal.value)
    assert contents(study) == before
    recorder._writer.close()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (delete, "was deleted, with all"),
        (move, "moved or replaced"),
        (replace, "was deleted"),
        (scribble, "another prog"),
    ],
)
@pytest.mark.parametrize("place", ["write_at", "append"])
def test_a_change_within_a_record_is_named(
    study: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], reason: str, place: str
):
    recorder = begin(study)
    with monkeypatch.context() as patch:
        patch.setattr(files, place, once_after(getattr(files, place), lambda: change(recorder.path)))
        with pytest.raises(RunError, match=reason) as refusal:
            record_step(recorder, 2)
    assert "safe" not in str(refusal.value)
    assert recorder.n_checkpoints == 2
    before = contents(study)
    with pytest.raises(RunError, match=reason):
        record_step(recorder, 2)
    assert contents(study) == before
    recorder._writer.close()


def test_a_run_moved_there_and_back_goes_on(study: Path, monkeypatch: pytest.MonkeyPatch):
    recorder = begin(study)
    with monkeypatch.context() as patch:
        patch.setattr(files, "append", once_after(files.append, lambda: move(recorder.path)))
        with pytest.raises(RunError, match="moved or replaced"):
            record_step(recorder, 2)
    (study / "runs" / "moved").rename(recorder.path)
    record_step(recorder, 2)
    recorder.close()
    assert_sound(study, "run", 3, 3)


@pytest.mark.parametrize("change", [delete, move, replace])
@pytest.mark.parametrize("place", ["sha256_of", "replace"])
def test_a_seal_without_its_run_is_not_safe(
    study: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], place: str
):
    recorder = begin(study)
    with monkeypatch.context() as patch:
        patch.setattr(files, place, once_after(getattr(files, place), lambda: change(recorder.path)))
        with pytest.raises(RunError, match=r"was deleted|moved or replaced") as refusal:
            recorder.close()
    assert "safe" not in str(refusal.value)
    recorder._writer.close()


@pytest.mark.parametrize("action", [lambda recorder: record_step(recorder, 2), Recorder.close], ids=["record", "close"])
def test_a_stale_handle_is_not_called_safe(
    study: Path, monkeypatch: pytest.MonkeyPatch, action: Callable[[Recorder], None]
):
    def stale(descriptor: int) -> None:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    recorder = begin(study)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", stale)
        with pytest.raises(RunError, match=r"2 checkpoints before are still at .* could not be seen") as refusal:
            action(recorder)
    assert "safe" not in str(refusal.value)
    record_step(recorder, 2)
    recorder.close()
    assert_sound(study, "run", 3, 3)


def test_a_sound_run_whose_seal_fails_is_safe(study: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    recorder = begin(study)
    with monkeypatch.context() as patch:
        patch.setattr(files, "replace", full)
        with pytest.raises(RunError, match=r"not be sealed \(No space left on device\)\. 2 checkpoints are safe;"):
            recorder.close()
    recorder.close()
    assert_sound(study, "run", 2, 2)


def linked(run: Path, name: str, backup: Path) -> dict[Path, bytes]:
    """Contents of a folder with a second name of a file, as ``cp -al`` makes."""
    backup.mkdir()
    os.link(run / name, backup / name)
    return contents(backup)


@pytest.mark.parametrize("name", ["journal.jsonl", "train.npy"])
def test_a_backup_by_hard_links_never_changes(study: Path, tmp_path: Path, name: str):
    recorder = begin(study)
    before = linked(recorder.path, name, tmp_path / "backup")
    for action in (lambda: record_step(recorder, 2), recorder.close):
        with pytest.raises(RunError, match=rf"{name} has 2 names \(hard links"):
            action()
    recorder._writer.close()
    with pytest.raises(RunError, match="put a copy of the run's folder"):
        Recorder.resume(recorder.path)
    assert contents(tmp_path / "backup") == before
    shutil.rmtree(tmp_path / "backup")
    with Recorder.resume(recorder.path) as resumed:
        record_step(resumed, 2)
    assert_sound(study, "run", 3, 3)


def test_a_linked_failed_run_keeps_its_seal(study: Path, tmp_path: Path):
    recorder = begin(study)
    recorder.close("failed")
    linked(recorder.path, "test.npy", tmp_path / "backup")
    before = contents(study)
    with pytest.raises(RunError, match=r"test\.npy has 2 names"):
        Recorder.resume(recorder.path)
    assert contents(study) == before


def test_a_repair_leaves_a_linked_backup_alone(study: Path, tmp_path: Path):
    run = record_run(study, "run", 3)
    flip(run / "test.npy", 3)
    before = linked(run, "test.npy", tmp_path / "backup")
    with pytest.raises(RunError, match=r"cannot be repaired: test\.npy has 2 names"):
        repair_run(run)
    assert contents(tmp_path / "backup") == before


@pytest.mark.parametrize(("n_lost", "is_repaired", "n_kept"), [(1, False, 0), (2, False, 2), (1, True, 1)])
def test_records_without_lines_survive_a_resume(study: Path, n_lost: int, is_repaired: bool, n_kept: int):
    """A killed commit leaves a record without its line; a power cut or damage several."""
    run = record_run(study, "run", 5, seal=False)
    stored = np.load(run / "train.npy")
    lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    if is_repaired:
        flip(run / "journal.jsonl", sum(map(len, lines)) - 20)
        assert repair_run(run).n_checkpoints == 5 - n_lost
    else:
        (run / "journal.jsonl").write_bytes(b"".join(lines[:-n_lost]))
    with Recorder.resume(run) as recorder:
        assert recorder.last_step == 4 - n_lost
        record_step(recorder, recorder.last_step + 1)
    kept = sorted(path.name for path in run.glob("*.before-resume"))
    assert kept == (["test.npy.before-resume", "train.npy.before-resume"] if n_kept else [])
    if n_kept:
        np.testing.assert_array_equal(np.load(run / "train.npy.before-resume"), stored[-n_kept:])
    assert_sound(study, "run", 6 - n_lost, 6 - n_lost)
