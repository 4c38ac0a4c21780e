"""One recorder in several processes and threads, and runs that change under it."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine import InvalidSpecError, Recorder, RunError, RunLockedError, open_study, verify_study
from engine.recording import writer
from engine.recording.processes import unforked
from tests.recording import LABELS, begin, record_step
from tests.scale import amount
from tests.sound import assert_sound
from tests.waiting import wait_for


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return tmp_path / "study"


@pytest.fixture
def recorder(study: Path) -> Iterator[Recorder]:
    recorder = begin(study)
    yield recorder
    recorder._writer.close()


def in_a_fork(work: Callable[[], None]) -> int:
    """Return the exit code of a forked child that does the work: 0 if it returns, 1 if it raises."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def record_in_turn(recorder: Recorder, steps: range) -> None:
    """Record each step in a thread of its own; all wait, in order, before the first may begin."""
    threads = [threading.Thread(target=record_step, args=(recorder, step)) for step in steps]
    with recorder._turns:
        for number, thread in enumerate(threads):
            thread.start()
            wait_for(lambda: len(recorder._turns._waiting) == number + 1)  # noqa: B023
    for thread in threads:
        thread.join()


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
        assert not any(name.endswith("journal.jsonl") for name in held)

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


def kill(study: Path, rng: random.Random) -> int:
    """A trainer that is killed while it records, with children of its own."""
    told, context = multiprocessing.Value("q", -1, lock=False), multiprocessing.get_context("fork")
    process = context.Process(target=_record_with_forks, args=(str(study), told))
    process.start()
    wait_for(lambda: told.value >= 1)
    time.sleep(rng.uniform(0, 0.02))
    process.kill()
    process.join()
    return int(told.value) + 1


def _record_with_forks(study: str, told: multiprocessing.sharedctypes.Synchronized[int]) -> None:
    recorder = Recorder(study, hyperparameters={}, labels=LABELS, run_id="run")
    for step in range(10**6):
        if step % 5 == 2 and os.fork() == 0:
            try:
                record_step(recorder, step)
            except RunError:
                time.sleep(0.05)
            os._exit(0)
        record_step(recorder, step)
        told.value = step


def fork(study: Path, rng: random.Random) -> int:
    """Parent and child that both record, in either order, and both end."""
    recorder = begin(study)

    def record_and_end() -> None:
        with pytest.raises(RunError):
            record_step(recorder, 2)
        with recorder:
            pass

    if rng.random() < 0.5:
        record_step(recorder, 2)
    assert in_a_fork(record_and_end) == 0
    record_step(recorder, recorder.n_checkpoints)
    n_checkpoints = recorder.n_checkpoints
    recorder.close(rng.choice(["finished", "failed"]))
    return n_checkpoints


def duplicate(study: Path, rng: random.Random) -> int:
    with begin(study) as recorder:
        with pytest.raises(RunError):
            rng.choice([copy.copy, copy.deepcopy, pickle.dumps])(recorder)
        record_step(recorder, 2)
    return 3


def race(study: Path, rng: random.Random) -> int:
    with begin(study) as recorder:
        record_in_turn(recorder, range(2, 6))
    return 6


def second(study: Path, rng: random.Random) -> int:
    with begin(study) as recorder:
        with pytest.raises(RunLockedError):
            Recorder.resume(recorder.path)
        record_step(recorder, 2)
    return 3


@pytest.mark.full
def test_no_shape_of_two_writers_loses_a_checkpoint(tmp_path: Path):
    rng = random.Random(0)
    shapes = [kill, fork, duplicate, race, second]
    for number in range(amount(60, 1000)):
        study = tmp_path / f"study{number}"
        least = shapes[number % len(shapes)](study, rng)
        # A kill may fall between the commit and its acknowledgement.
        assert_sound(study, "run", least, least + (number % len(shapes) == 0))
        shutil.rmtree(study)
