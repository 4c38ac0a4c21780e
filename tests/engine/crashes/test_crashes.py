"""Interrupted recordings, and what was committed before."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import shutil
import time
from pathlib import Path

import pytest

from engine import Recorder, RunError, open_study, verify_study
from engine.store import files
from tests.recording import LABELS, record_forever, record_run, record_step
from tests.scale import amount
from tests.sound import assert_sound
from tests.waiting import wait_for

N_KILLS = amount(20, 3000)
KILLS_OF_A_RUN = 20


@pytest.mark.full
def test_a_killed_recorder_loses_nothing_committed_and_resumes(tmp_path: Path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.recording"])
    rng, n_committed, before = random.Random(0), 0, 0
    for kill in range(N_KILLS):
        # A run of its own for every so many, since each look at one reads all of it.
        study = tmp_path / f"study{kill // KILLS_OF_A_RUN}"
        first = kill % KILLS_OF_A_RUN
        before = before if first else 0
        acknowledged = context.Value("q", -1, lock=False)
        process = context.Process(target=record_forever, args=(str(study), "run", acknowledged))
        process.start()
        # The first kills fall anywhere, also while the study is being made; of the others every second among the
        # first commits after it was resumed, and the rest after some, however slow the machine.
        if first >= 3:
            wait_for(lambda: acknowledged.value >= before + 3 * (first % 2))  # noqa: B023
        time.sleep(rng.uniform(0, 0.03))
        process.kill()
        process.join()
        if (study / "runs" / "run").exists():
            least = max(before, acknowledged.value)
            at_most = max(least, acknowledged.value) + 1 if first >= 3 else 10**6
            before = assert_sound(study, "run", least, at_most)
        if first == KILLS_OF_A_RUN - 1 or kill == N_KILLS - 1:
            with Recorder(study, hyperparameters={}, labels=LABELS, run_id="run", resume=True) as recorder:
                record_step(recorder, recorder.last_step + 1)
            assert_sound(study, "run", before + 1, before + 1)
            n_committed += before
    assert n_committed > N_KILLS


@pytest.mark.full
def test_readers_of_a_live_run_see_committed_records(tmp_path: Path):
    context = multiprocessing.get_context("forkserver")
    study = tmp_path / "study"
    acknowledged = context.Value("q", -1, lock=False)
    process = context.Process(target=record_forever, args=(str(study), "run", acknowledged, 0.003))
    process.start()
    try:
        wait_for(lambda: acknowledged.value >= 1)
        seen = 0
        for _ in range(25):
            seen = assert_sound(study, "run", max(seen, acknowledged.value), 10**6)
    finally:
        process.kill()
        process.join()


class _FailingDisk:
    """Lets `budget` writes through; the next writes `part` bytes and the one after that fails, then all is well."""

    def __init__(self, budget: int, part: int, code: int) -> None:
        self.budget, self.part, self.code, self.failed = budget, part, code, False
        self._pwrite, self._write = os.pwrite, os.write

    def _room(self, size: int) -> int:
        self.budget -= 1
        if self.budget >= 0 or self.failed:
            return size
        if self.budget == -1 and self.part:
            return min(self.part, size)
        self.failed = True
        raise OSError(self.code, os.strerror(self.code))

    def pwrite(self, descriptor: int, data: memoryview, offset: int) -> int:
        return self._pwrite(descriptor, data[: self._room(len(data))], offset)

    def write(self, descriptor: int, data: memoryview) -> int:
        return self._write(descriptor, data[: self._room(len(data))])


@pytest.mark.parametrize("part", [0, 7], ids=["nothing written", "seven bytes written"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["disk full", "disk broken"])
def test_any_failing_write_leaves_a_sound_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int, code: int):
    n_steps, writes_per_commit = 3, 5
    n_named = 0
    for budget in range(n_steps * writes_per_commit):
        study = tmp_path / f"study{budget}"
        recorder = Recorder(study, hyperparameters={}, labels=LABELS, run_id="run")
        disk = _FailingDisk(budget, part, code)
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "pwrite", disk.pwrite)
            patch.setattr(files.os, "write", disk.write)
            step = 0
            while step < n_steps:
                try:
                    record_step(recorder, step)
                except RunError as error:
                    n_named += os.strerror(code) in str(error)
                else:
                    step += 1
                assert_sound(study, "run", step, step)
        assert disk.failed
        recorder.close()
        assert_sound(study, "run", n_steps, n_steps)
        assert verify_study(study) == ()
    # Three of the five writes are records and the journal line; a header that fails is written again later.
    assert n_named == 3 * n_steps


def test_every_prefix_of_writes_is_a_sound_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    study = tmp_path / "study"
    recorder = Recorder(study, hyperparameters={}, labels=LABELS, run_id="run")
    replayed = tmp_path / "replayed"
    shutil.copytree(study, replayed)
    folder = replayed / "runs" / "run"
    log: list[tuple[str, int | None, bytes]] = []

    really_pwrite, really_write = os.pwrite, os.write

    def pwrite(descriptor: int, data: memoryview, offset: int) -> int:
        log.append((Path(os.readlink(f"/proc/self/fd/{descriptor}")).name, offset, bytes(data)))
        return really_pwrite(descriptor, data, offset)

    def write(descriptor: int, data: memoryview) -> int:
        log.append((Path(os.readlink(f"/proc/self/fd/{descriptor}")).name, None, bytes(data)))
        return really_write(descriptor, data)

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "pwrite", pwrite)
        patch.setattr(files.os, "write", write)
        for step in range(4):
            record_step(recorder, step)
    recorder._writer.close()

    committed = 0
    for name, offset, data in log:
        path = folder / name
        before = path.read_bytes()
        start = len(before) if offset is None else offset
        # A header is 128 bytes of one page and is never torn; records and lines may be, anywhere.
        for cut in [] if offset == 0 else [1, len(data) // 2, len(data) - 1]:
            path.write_bytes(before[:start].ljust(start, b"\0") + data[:cut] + before[start + cut :])
            assert_sound(replayed, "run", committed, committed)
        path.write_bytes(before[:start].ljust(start, b"\0") + data + before[start + len(data) :])
        committed += name == "journal.jsonl"
        assert_sound(replayed, "run", committed, committed)
    assert committed == 4


@pytest.mark.parametrize("interrupted", ["write_at", "append"])
def test_interrupt_within_a_commit_leaves_a_sound_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupted: str
):
    study = tmp_path / "study"
    real = getattr(files, interrupted)

    def interrupting(*arguments: object) -> None:
        real(*arguments)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Recorder(study, hyperparameters={}, labels=LABELS, run_id="run") as recorder:
        record_step(recorder, 0)
        with monkeypatch.context() as patch:
            patch.setattr(files, interrupted, interrupting)
            record_step(recorder, 1)
    assert open_study(study).runs.loc["run", "status"] == "failed"
    assert_sound(study, "run", 1, 1)


def test_copied_unfinished_run_can_be_resumed_elsewhere(tmp_path: Path):
    record_run(tmp_path / "study", "run", 2, seal=False)
    shutil.copytree(tmp_path / "study", tmp_path / "copy")
    with Recorder.resume(tmp_path / "copy" / "runs" / "run") as recorder:
        record_step(recorder, 2)
    assert_sound(tmp_path / "copy", "run", 3, 3)


def test_what_a_killed_beginning_left_is_removed(tmp_path: Path):
    study = tmp_path / "study"
    study.mkdir()
    (study / "train_labels.npy").write_bytes(b"half")
    for name in (".study.json.0123abcd.tmp", ".train_labels.npy.0123abcd.tmp"):
        (study / name).write_bytes(b"ha")
    record_run(study, "run", 1)
    assert verify_study(study) == ()
