"""Power cuts at any moment of a recording, a resume, an import and a repair.

Of what was not synced, any part may be missing, torn or out of order; what was acknowledged with durability "disk"
must be there.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from engine import Recorder, RunError, StudyNotFoundError, open_study, verify_study
from engine.errors import EngineError
from engine.formats.importing import carry_out
from engine.store import files
from engine.store.verification import repair_run
from tests import foreign
from tests.importing import plan_arrays
from tests.power_cuts import Disk, Log, power_cuts, put
from tests.recording import LABELS, record_step
from tests.scale import amount
from tests.sound import assert_sound

pytestmark = pytest.mark.full

N_STEPS = amount(3, 8)
N_POSITIONS = amount(15, 1000)
"""Most moments of a story at which the power is cut, taken at random."""

N_STATES = amount(30, 2500)
"""Most of the states that it may leave there and that are tried, taken at random."""

Check = Callable[[Path, int], None]
"""Asserts what must be true after a power cut, given the folder and what was acknowledged; -1: nothing is promised."""

STUDY = Path("new", "study")
RUN = STUDY / "runs" / "run"


def begin(root: Path, durability: Any, run_id: str = "run", **options: Any) -> Recorder:
    return Recorder(root / STUDY, hyperparameters={}, labels=LABELS, run_id=run_id, durability=durability, **options)


def record(recorder: Recorder, n_checkpoints: int, log: Log | None = None) -> None:
    """Record up to so many checkpoints; each that returns is acknowledged."""
    while recorder.n_checkpoints < n_checkpoints:
        record_step(recorder, recorder.n_checkpoints)
        if log:
            log.acknowledged = recorder.n_checkpoints


def survives(root: Path, acknowledged: int) -> None:
    """The study opens with what was acknowledged, or with one checkpoint more; and recording goes on behind it."""
    study, count = root / STUDY, 0
    if acknowledged < 0:
        with suppress(EngineError):
            open_study(study)
            verify_study(study)
        return
    if (root / RUN).exists():
        count = assert_sound(study, "run", acknowledged, acknowledged + 1)
        if open_study(study).runs.loc["run", "status"] == "finished":
            return
    else:
        assert acknowledged == 0
        with suppress(StudyNotFoundError):
            assert open_study(study).problems == ()
    with begin(root, "process", resume=True) as recorder:
        assert recorder.n_checkpoints == count
        record(recorder, count + 1)
    assert_sound(study, "run", count + 1, count + 1)


def resume(log: Log) -> None:
    """Continue a run of which nothing is promised until that returns."""
    log.acknowledged = -1
    recorder = Recorder.resume(log.root / RUN, durability="disk")
    log.acknowledged = recorder.n_checkpoints
    record(recorder, N_STEPS, log)
    recorder.close()


def a_first_run(log: Log, _: Path) -> Check:
    """In folders that are not there yet."""
    recorder = begin(log.root, "disk")
    record(recorder, N_STEPS, log)
    recorder.close()
    return survives


def a_failed_run(log: Log, _: Path) -> Check:
    """Continued after two checkpoints: its seal has to go for good."""
    recorder = begin(log.root, "process")
    record(recorder, 2)
    recorder.close("failed")
    log.begin()
    resume(log)
    return survives


def a_killed_run(log: Log, _: Path) -> Check:
    """Recorded without waiting for the disk, continued with it: its study and the folders above are promised, too."""
    recorder = begin(log.root, "process")
    record(recorder, 2)
    recorder._writer.close()
    log.begin()
    resume(log)
    return survives


def a_second_run(log: Log, _: Path) -> Check:
    """In a study whose first run was recorded without waiting for the disk."""
    with begin(log.root, "process", "other") as recorder:
        record_step(recorder, 0)
    log.begin(log.root / STUDY / "runs" / "other")
    log.acknowledged = -1
    recorder = begin(log.root, "disk")
    log.acknowledged = 0
    record(recorder, N_STEPS, log)
    recorder.close()
    return survives


def a_seal_that_fails(log: Log, _: Path) -> Check:
    """Before its renaming and behind it; recording goes on, and a later end succeeds."""

    def broken(*arguments: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    recorder = begin(log.root, "disk")
    for n_checkpoints, (module, call) in enumerate([(os, "replace"), (files, "sync_folder")], 1):
        record(recorder, n_checkpoints, log)
        with pytest.MonkeyPatch.context() as patch, pytest.raises(RunError, match="could not be sealed"):
            patch.setattr(module, call, broken)
            recorder.close()
    record(recorder, N_STEPS, log)
    recorder.close()
    return survives


def an_import(log: Log, source: Path) -> Check:
    """Of one run, and of another beside it."""

    def is_imported(root: Path, acknowledged: int) -> None:
        for run_id in ("alpha", "beta")[:acknowledged]:
            assert_sound(root / STUDY, run_id, foreign.N_CHECKPOINTS, foreign.N_CHECKPOINTS)
        assert carry_out(plan_arrays(source, root / STUDY)).refusals == ()
        for run_id in ("alpha", "beta"):
            assert_sound(root / STUDY, run_id, foreign.N_CHECKPOINTS, foreign.N_CHECKPOINTS)

    foreign.write_arrays(source, ".npz")
    later = (source / "beta.npz").rename(source.with_name("beta.npz"))
    carry_out(plan_arrays(source, log.root / STUDY))
    log.acknowledged = 1
    later.rename(source / "beta.npz")
    carry_out(plan_arrays(source, log.root / STUDY))
    log.acknowledged = 2
    return is_imported


def a_repair(log: Log, _: Path) -> Check:
    """Of a run with a damaged header and seal and a stray line in its journal."""

    def is_repaired(root: Path, acknowledged: int) -> None:
        if not acknowledged:
            assert repair_run(root / RUN).n_checkpoints == 4
        assert_sound(root / STUDY, "run", 4, 4)
        for name in damaged:
            assert any(b"stray" in path.read_bytes() for path in (root / RUN).glob(f"{name}*")), "kept"

    damaged = {"test.npy": 3, "seal.json": 5, "journal.jsonl": 0}
    recorder = begin(log.root, "process")
    record(recorder, 4)
    recorder.close()
    for name, offset in damaged.items():
        descriptor = os.open(log.root / RUN / name, os.O_RDWR)
        os.pwrite(descriptor, b"stray\n", offset or os.fstat(descriptor).st_size)
        os.close(descriptor)
    log.begin(log.root)
    repair_run(log.root / RUN)
    log.acknowledged = 1
    return is_repaired


def lines_that_are_lost(log: Log, _: Path) -> Check:
    """Of three records, which resuming copies before it cuts them."""

    def keeps_records(root: Path, acknowledged: int) -> None:
        assert any(behind in path.read_bytes() for path in (root / RUN).glob("train.npy*"))
        survives(root, acknowledged)

    recorder = begin(log.root, "process")
    record(recorder, 5)
    recorder._writer.close()
    size = (os.stat(log.root / RUN / "train.npy").st_size - 128) // 5
    behind = (log.root / RUN / "train.npy").read_bytes()[128 + 2 * size :]
    journal = os.open(log.root / RUN / "journal.jsonl", os.O_RDWR)
    os.ftruncate(journal, sum(map(len, os.pread(journal, 10**6, 0).splitlines(keepends=True)[:2])))
    os.close(journal)
    log.begin(log.root)
    resume(log)
    return keeps_records


STORIES = {
    a_first_run: 700, a_failed_run: 1800, a_killed_run: 1200, a_second_run: 800, a_seal_that_fails: 600,
    an_import: 2000, a_repair: 30, lines_that_are_lost: 500,
}  # fmt: skip
"""What happens before the power is cut, and the least number of different states that the nightly form tries."""

assert sum(STORIES.values()) > 5000


@pytest.mark.parametrize("story", STORIES)
def test_nothing_acknowledged_is_lost(tmp_path: Path, story: Callable[[Log, Path], Check]) -> None:
    log, rng = Log(tmp_path / "recorded"), random.Random(0)
    with log.kept():
        check = story(log, tmp_path / "source")
    told = [*(change.acknowledged for change in log.changes), log.acknowledged]
    positions = range(log.n_before, len(told))
    states = {}
    for position in sorted(rng.sample(positions, min(N_POSITIONS, len(positions)))):
        for left in power_cuts(log.changes[:position], rng, amount(2, 10)):
            content = Disk(left, log.folders).content()
            states.setdefault((told[position], *content.items()), position)
    tried = rng.sample([*states.items()], min(N_STATES, len(states)))
    print(f"{story.__name__}: {len(tried)} of {len(states)} states")
    assert len(tried) >= amount(15, STORIES[story])
    for (acknowledged, *content), position in tried:
        put(dict(content), tmp_path / "state")
        try:
            check(tmp_path / "state", acknowledged)
        except BaseException as error:
            error.add_note(f"{story.__name__}: {acknowledged} acknowledged, cut after {log.changes[position - 1]}")
            raise
