"""Repair of runs that are left out, and what it keeps."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine import Recorder, RunLockedError, open_study, verify_study
from engine.__main__ import main
from engine.errors import RunFormatError
from engine.store.documents import document_bytes
from engine.store.verification import repair_run
from tests.recording import flip, record_run, record_step
from tests.sound import assert_sound


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def stray_bytes(run: Path) -> None:
    with open(run / "journal.jsonl", "ab") as journal:
        journal.write(b"0123456 and so on")


def wrong_count(run: Path) -> None:
    (run / "seal.json").write_bytes(document_bytes("seal", {"status": "finished", "n_checkpoints": 6}))


def broken_seal(run: Path) -> None:
    (run / "seal.json").write_text("{")


def second_writer(run: Path) -> None:
    """Lines of another writer between those of the first: their records were overwritten."""
    lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    other = record_run(run.parent.parent.parent / "elsewhere", "other", 4)
    others = (other / "journal.jsonl").read_bytes().splitlines(keepends=True)
    mixed = [line for pair in zip(lines, others, strict=True) for line in pair]
    (run / "journal.jsonl").write_bytes(b"".join(mixed) + lines[0][:30])


def torn_line(run: Path) -> None:
    """A line in the middle that was written in part, and a new one behind it."""
    lines = (run / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (run / "journal.jsonl").write_bytes(b"".join([*lines[:2], lines[2][:20], b"\n", *lines[2:]]))


def stray_records(run: Path) -> None:
    with open(run / "train.npy", "ab") as records:
        records.write(bytes(100))


def broken_header(run: Path) -> None:
    flip(run / "test.npy", 3)


DAMAGES = [stray_bytes, wrong_count, broken_seal, second_writer, torn_line, stray_records, broken_header]


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_committed_checkpoint_comes_back(tmp_path: Path, damage: Callable[[Path], None]):
    study = tmp_path / "study"
    run = record_run(study, "run", 4)
    damage(run)
    assert [problem.run_id for problem in open_study(study).problems] == ["run"]
    before = contents(run)
    told = CliRunner().invoke(main, ["repair", str(run), "--dry-run"])
    assert "4 checkpoints would be readable" in told.output
    assert contents(run) == before
    repaired = repair_run(run)
    assert repaired.n_checkpoints == 4
    assert repaired.dropped
    assert_sound(study, "run", 4, 4)
    kept = contents(run)
    for name in ("journal.jsonl", "seal.json"):
        assert before[name] in (kept.get(name), kept.get(f"{name}.before-repair")), "nothing is thrown away"
    for name in ("train.npy", "test.npy"):
        assert kept[name][128:] == before[name][128:]
        header = before[name][:128]
        assert header in (kept[name][:128], kept.get(f"{name}.header.before-repair")), "nothing is thrown away"
    assert repair_run(run).dropped == ()
    if open_study(study).runs.loc["run", "status"] == "running":
        with Recorder.resume(run) as recorder:
            record_step(recorder, 4)
        assert_sound(study, "run", 5, 5)


@pytest.fixture
def old_seal(tmp_path: Path) -> Path:
    """A run that failed after two checkpoints, went on to five, and whose seal came back with a power cut."""
    run = record_run(tmp_path / "study", "run", 2, seal=False)
    Recorder.resume(run).close("failed")
    seal = (run / "seal.json").read_bytes()
    recorder = Recorder.resume(run)
    for step in (2, 3, 4):
        record_step(recorder, step)
    recorder._writer.close()
    (run / "seal.json").write_bytes(seal)
    return run


def test_an_old_seal_is_told_from_damage(tmp_path: Path, old_seal: Path):
    (problem,) = open_study(tmp_path / "study").problems
    assert "seal.json is older than journal.jsonl: the run failed with 2 checkpoints and was resumed" in problem.reason
    assert "All 5 lines of journal.jsonl are intact: resume the run" in problem.reason
    # As the package calls itself: engine in a checkout, inpca installed.
    assert f"python -m {repair_run.__module__.partition('.')[0]} repair" in problem.reason
    shutil.copytree(tmp_path / "study", tmp_path / "resumed")
    assert repair_run(old_seal).n_checkpoints == 5
    assert_sound(tmp_path / "study", "run", 5, 5)
    # An unfinished line behind them, as of a trainer that died with the machine, changes nothing.
    run = tmp_path / "resumed" / "runs" / "run"
    stray_bytes(run)
    with Recorder.resume(run) as recorder:
        record_step(recorder, 5)
    assert_sound(tmp_path / "resumed", "run", 6, 6)


@pytest.mark.parametrize("status", ["finished", "failed"])
def test_a_seal_of_other_lines_is_damage(tmp_path: Path, old_seal: Path, status: str):
    """Lines behind a finished run, or before which others were sealed, are a second writer's."""
    fields = {"status": status, "n_checkpoints": 2, "sha256": {"journal.jsonl": "0" * 64}}
    if status == "finished":
        lines = (old_seal / "journal.jsonl").read_bytes().splitlines(keepends=True)
        fields["sha256"] = {"journal.jsonl": hashlib.sha256(b"".join(lines[:2])).hexdigest()}
    (old_seal / "seal.json").write_bytes(document_bytes("seal", fields))
    (problem,) = open_study(tmp_path / "study").problems
    assert "lines were lost" in problem.reason
    with pytest.raises(RunFormatError, match="lines were lost"):
        Recorder.resume(old_seal)
    assert (old_seal / "seal.json").exists()
    assert repair_run(old_seal).n_checkpoints == 5


def test_a_failed_run_with_lost_lines_is_resumed(tmp_path: Path, old_seal: Path):
    """The power cut took the lines behind the seal and not the records."""
    lines = (old_seal / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (old_seal / "journal.jsonl").write_bytes(b"".join(lines[:2]))
    with Recorder.resume(old_seal) as recorder:
        assert recorder.last_step == 1
        record_step(recorder, 2)
    assert_sound(tmp_path / "study", "run", 3, 3)
    assert (old_seal / "train.npy.before-resume").exists()


def test_a_sound_run_is_left_alone(tmp_path: Path):
    for name, is_sealed in (("sealed", True), ("killed", False)):
        run = record_run(tmp_path / "study", name, 3, seal=is_sealed)
        before = contents(run)
        assert repair_run(run).dropped == ()
        assert contents(run) == before


def test_checkpoints_without_records_do_not_come_back(tmp_path: Path):
    run = record_run(tmp_path / "study", "run", 4)
    os.truncate(run / "train.npy", (run / "train.npy").stat().st_size - 1)
    assert repair_run(run).n_checkpoints == 3
    assert_sound(tmp_path / "study", "run", 3, 3)


def test_what_cannot_be_repaired_is_named(tmp_path: Path):
    run = record_run(tmp_path / "study", "run", 2)
    (run / "test.npy").unlink()
    with pytest.raises(RunFormatError, match=r"Run run cannot be repaired: test\.npy is missing"):
        repair_run(run)
    with pytest.raises(RunFormatError, match="cannot be opened"):
        repair_run(tmp_path / "study" / "runs" / "nothing")


def test_a_run_that_is_written_is_not_repaired(tmp_path: Path):
    run = record_run(tmp_path / "study", "run", 2, seal=False)
    with Recorder.resume(run), pytest.raises(RunLockedError):
        repair_run(run)


@pytest.mark.full
def test_no_damage_to_a_journal_invents_a_checkpoint(tmp_path: Path):
    """Of random damage, only checkpoints as recorded come back, and never fewer than can be read without repair."""
    rng = random.Random(0)
    whole = record_run(tmp_path / "whole", "run", 4)
    for number in range(60):
        study = tmp_path / f"study{number}"
        shutil.copytree(whole.parent.parent, study)
        run = study / "runs" / "run"
        for _ in range(rng.randint(1, 3)):
            path = run / rng.choice(["journal.jsonl", "seal.json", "train.npy"])
            flip(path, rng.randrange(path.stat().st_size), 1 << rng.randrange(8))
        repaired = repair_run(run)
        assert open_study(study).problems == ()
        assert_sound(study, "run", repaired.n_checkpoints, repaired.n_checkpoints, verify=False)
        assert [each for each in verify_study(study) if each.is_error] == []
