"""Every shape in which a run meets a second writer, or loses its folder, many times over."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import Recorder, RunError, RunLockedError
from engine.store import files
from tests.changes import delete, move, once_after, replace
from tests.recording import LABELS, begin, in_a_fork, record_in_turn, record_step
from tests.scale import amount
from tests.sound import assert_sound
from tests.waiting import wait_for


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


def spawned(study: Path, rng: random.Random) -> int:
    """A spawned process that is given the recorder, or tries to go on with its run."""
    with begin(study) as recorder:
        context = multiprocessing.get_context("spawn")
        given = rng.choice([recorder, recorder.record, recorder._writer])
        with pytest.raises(RunError, match="after other processes are started"):
            context.Process(target=print, args=(given,)).start()
        if rng.random() < 0.1:
            answers = context.Queue()
            process = context.Process(target=_resume, args=(str(recorder.path), answers))
            process.start()
            assert answers.get(timeout=60) == "RunLockedError"
            process.join()
        record_step(recorder, 2)
    return 3


def _resume(run: str, answers: multiprocessing.Queue[str]) -> None:
    try:
        Recorder.resume(run)
        answers.put("")
    except RunError as error:
        answers.put(type(error).__name__)


MOMENTS = [("write_at", 1), ("write_at", 2), ("append", 1), ("write_at", 3), ("sha256_of", 2), ("replace", 1)]
"""Calls, each counted from one, of a record (the third write is a header: it is committed by then), or of the end."""


def lose(study: Path, rng: random.Random, change: Callable[[Path], None]) -> Recorder:
    """A recorder whose run changes within a call: that call says so unless it was done, and so does any later one."""
    recorder = begin(study)
    call, n_calls = rng.choice(MOMENTS)
    act = recorder.close if call in ("sha256_of", "replace") else lambda: record_step(recorder, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, call, once_after(getattr(files, call), lambda: change(recorder.path), n_calls))
        if (call, n_calls) == ("write_at", 3):
            act()
            assert recorder.n_checkpoints == 3
        else:
            with pytest.raises(RunError, match=r"was deleted|was moved or replaced") as refusal:
                act()
            assert "safe" not in str(refusal.value)
    for later in (lambda: record_step(recorder, recorder.n_checkpoints), recorder.close):
        with pytest.raises(RunError, match=r"was deleted|was moved or replaced") as refusal:
            later()
        assert "safe" not in str(refusal.value)
    return recorder


def deleted(study: Path, rng: random.Random) -> int:
    lose(study, rng, delete)._writer.close()
    assert not (study / "runs" / "run").exists()
    begin(study).close()
    return 2


def replaced(study: Path, rng: random.Random) -> int:
    """The copy in its place has what was committed when it was made, and is never written to."""
    recorder = lose(study, rng, replace)
    recorder._writer.close()
    return recorder.n_checkpoints


def moved(study: Path, rng: random.Random) -> int:
    """Back in its place it goes on."""
    recorder = lose(study, rng, move)
    (study / "runs" / "moved").rename(recorder.path)
    record_step(recorder, recorder.n_checkpoints)
    recorder.close()
    return recorder.n_checkpoints


SHAPES = [kill, fork, duplicate, race, second, spawned, deleted, replaced, moved]


@pytest.mark.full
def test_no_shape_of_two_writers_loses_a_checkpoint(tmp_path: Path):
    rng = random.Random(0)
    for number in range(amount(54, 1000)):
        study = tmp_path / f"study{number}"
        shape = SHAPES[number % len(SHAPES)]
        least = shape(study, rng)
        # A kill, or a copy, may fall between the commit and its acknowledgement.
        assert_sound(study, "run", least, least + (shape in (kill, replaced)))
        shutil.rmtree(study)
