"""Verification of every byte of a study."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine import StudyNotFoundError, verify_study
from engine.__main__ import main
from engine.store.encoding import HEADER_BYTES
from tests.recording import LABELS, flip, record_run
from tests.scale import amount

N_FLIPS = amount(96, 1200)
RECORD_BYTES = {split: len(labels) * 3 * 2 for split, labels in LABELS.items()}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    record_run(folder, "sealed", 3, lr=0.1)
    record_run(folder, "open", 3, seal=False, lr=0.2)
    return folder


def test_sound_study_has_no_finding(study: Path):
    assert verify_study(study) == ()


def test_every_flipped_byte_is_reported_with_its_place(study: Path):
    rng = random.Random(0)
    files = sorted(str(path.relative_to(study)) for path in study.rglob("*") if path.is_file())
    assert len(files) == 12
    for number in range(N_FLIPS):
        file = files[number % len(files)]
        path = study / file
        original = path.read_bytes()
        # Every other flip of an array falls into its header.
        end = HEADER_BYTES if path.suffix == ".npy" and number // len(files) % 2 else len(original)
        position, mask = rng.randrange(end), 1 << rng.randrange(8)
        flip(path, position, mask)
        findings = verify_study(study)
        assert file in {finding.file for finding in findings}, f"bit {mask:#x} of byte {position} of {file}"
        if path.stem in RECORD_BYTES and position >= HEADER_BYTES:
            record = (position - HEADER_BYTES) // RECORD_BYTES[path.stem]
            assert [finding.record for finding in findings] == [record]
        path.write_bytes(original)
    assert verify_study(study) == ()


def test_every_byte_of_a_header_counts(study: Path):
    path = study / "runs" / "open" / "train.npy"
    for position in range(HEADER_BYTES):
        flip(path, position, 0x10)
        assert "runs/open/train.npy" in {finding.file for finding in verify_study(study)}, position
        flip(path, position, 0x10)


def test_rewritten_history_is_noticed_by_the_sealed_digests(study: Path, tmp_path: Path):
    other = record_run(tmp_path / "other", "sealed", 3, lr=0.1)
    for name in ("train.npy", "test.npy", "journal.jsonl"):
        shutil.copy(other / name, study / "runs" / "sealed" / name)
    [finding] = verify_study(study)
    assert (finding.file, finding.record) == ("runs/sealed/journal.jsonl", None)
    assert "SHA-256" in finding.reason


def test_uncommitted_bytes_and_leftovers_are_notes(study: Path):
    with open(study / "runs" / "open" / "journal.jsonl", "ab") as journal:
        journal.write(b"0123")
    (study / "runs" / ".new-run-1234").mkdir()
    findings = verify_study(study)
    assert [(finding.file, finding.is_error) for finding in findings] == [
        ("runs/open/journal.jsonl", False),
        ("runs/.new-run-1234", False),
    ]


def test_no_study_is_refused(tmp_path: Path):
    with pytest.raises(StudyNotFoundError):
        verify_study(tmp_path)


def test_command_exits_with_zero_for_a_sound_study(study: Path):
    result = CliRunner().invoke(main, ["verify", str(study)])
    assert result.exit_code == 0
    assert result.output == "study: 2 runs, 6 checkpoints, every byte as committed.\n"


def test_the_command_names_file_and_record_and_fails(study: Path):
    flip(study / "runs" / "open" / "test.npy", HEADER_BYTES + RECORD_BYTES["test"])
    result = CliRunner().invoke(main, ["verify", str(study)])
    assert result.exit_code == 1
    head, line, summary = result.output.splitlines()
    assert head.split()[:2] == ["FILE", "RECORD"]
    assert line.split()[:3] == ["error", "runs/open/test.npy", "1"]
    assert "do not have the CRC-32 that the journal gives; restore it from a copy" in line
    assert summary == "1 error in 1 file."


def test_command_with_notes_only_exits_with_zero(study: Path):
    with open(study / "runs" / "open" / "journal.jsonl", "ab") as journal:
        journal.write(b"0123")
    result = CliRunner().invoke(main, ["verify", str(study)])
    assert result.exit_code == 0
    assert "note" in result.output
