"""One recorder in several processes and threads, and runs that change under it."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import InvalidSpecError, Recorder, RunError, open_study, verify_study
from engine.recording import writer
from engine.recording.processes import unforked
from tests.recording import begin, in_a_fork, record_in_turn, record_step
from tests.sound import assert_sound


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return tmp_path / "study"


@pytest.fixture
def recorder(study: Path) -> Iterator[Recorder]:
    recorder = begin(study)
    yield recorder
    recorder._writer.close()


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps], ids=["copy", "deepcopy", "pickle"])
def test_a_recorder_has_no_copies(recorder: Recorder, duplicate: Callable[[object], object]):
    for each in (recorder, recorder._writer):
        with pytest.raises(RunError, match="cannot be copied or pickled: two would write into one run"):
            duplicate(each)
    record_step(recorder, 2)


def test_a_spawned_child_is_not_given_a_recorder(recorder: Recorder):
    process = multiprocessing.get_context("spawn").Process(target=record_step, args=(recorder, 2))
    with pytest.raises(RunError, match="after other processes are started"):
        process.start()


def test_a_fork_neither_records_nor_seals(study: Path, recorder: Recorder, tmp_path: Path):
    def try_everything() -> None:
        # The lowest free descriptors are those that the recorder had.
        foreign = [os.open(tmp_path / f"foreign{number}", os.O_RDWR | os.O_CREAT) for number in range(8)]
        for descriptor in foreign:
            os.write(descriptor, b"mine")
        for step in (2, 3, 4):
            with pytest.raises(RunError, match=rf"by process {parent}, and this is process {os.getpid()}"):
                record_step(recorder, step)
        with pytest.raises(RunError, match="a fork cannot go on with it"):
            recorder.close()
        with recorder:
            pass
        assert [os.pread(descriptor, 100, 0) for descriptor in foreign] == [b"mine"] * 8

    parent = os.getpid()
    assert in_a_fork(try_everything) == 0
    record_step(recorder, 2)
    recorder.close()
    assert_sound(study, "run", 3, 3)
    assert open_study(study).runs.loc["run", "status"] == "finished"


def _train_and_fork(study: str, told: multiprocessing.connection.Connection) -> None:
    recorder = begin(Path(study), 3)
    if os.fork() == 0:
        told.send(os.getpid())
        time.sleep(60)
        os._exit(0)
    time.sleep(60)
    recorder.close()


def test_an_orphaned_child_holds_no_lock(study: Path):
    here, there = multiprocessing.Pipe()
    trainer = multiprocessing.get_context("spawn").Process(target=_train_and_fork, args=(str(study), there))
    trainer.start()
    child = here.recv()
    trainer.kill()
    trainer.join()
    try:
        with begin(study, 0, resume=True) as recorder:
            assert recorder.last_step == 2
            record_step(recorder, 3)
    finally:
        os.kill(child, signal.SIGKILL)
    assert_sound(study, "run", 4, 4)


@pytest.mark.parametrize("is_resumed", [False, True], ids=["new", "resumed"])
def test_a_fork_cannot_keep_a_fresh_lock(study: Path, monkeypatch: pytest.MonkeyPatch, is_resumed: bool):
    """Another thread forks after the journal is locked and before its writer is there."""
    if is_resumed:
        begin(study)._writer.close()
    locked, recorders = threading.Event(), []
    read_run = writer.read_run

    def read_slowly(*arguments: Any, **options: Any) -> Any:
        locked.set()
        time.sleep(0.1)
        return read_run(*arguments, **options)

    def has_no_journal() -> None:
        held = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        assert not any(name.startswith(f"{study}/") for name in held)

    monkeypatch.setattr(writer, "read_run", read_slowly)
    thread = threading.Thread(target=lambda: recorders.append(begin(study, 0, resume=is_resumed)))
    thread.start()
    locked.wait()
    assert in_a_fork(has_no_journal) == 0
    thread.join()
    record_step(recorders[0], 2)
    recorders[0].close()


def test_a_thread_may_fork_while_it_opens():
    with unforked():
        assert in_a_fork(lambda: unforked().__enter__()) == 0
    with unforked():
        pass


def test_threads_record_in_order_of_arrival(study: Path, recorder: Recorder):
    n_threads = 12
    record_in_turn(recorder, range(2, 2 + n_threads))
    assert recorder.n_checkpoints == 2 + n_threads
    recorder.close()
    assert_sound(study, "run", 2 + n_threads, 2 + n_threads)


def test_threads_that_race_lose_nothing(study: Path, recorder: Recorder):
    refused: list[int] = []

    def race(first: int) -> None:
        for step in range(first, 82, 4):
            try:
                record_step(recorder, step)
            except InvalidSpecError:
                refused.append(step)

    threads = [threading.Thread(target=race, args=(first,)) for first in (2, 3, 4, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    n_checkpoints = 2 + 80 - len(refused)
    assert recorder.n_checkpoints == n_checkpoints >= 22
    recorder.close()
    assert verify_study(study) == ()
    assert open_study(study).runs.loc["run", "n_checkpoints"] == n_checkpoints


def test_a_handler_cannot_record_into_a_record(recorder: Recorder):
    with recorder._turns, pytest.raises(RunError, match="signal handler"):
        record_step(recorder, 2)
    record_step(recorder, 2)
