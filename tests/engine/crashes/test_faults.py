"""Injected faults: every system call fails once, in every way."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine import Recorder, verify_study
from engine.errors import EngineError
from tests.recording import LABELS, record_step
from tests.scale import amount
from tests.sound import assert_sound

N_STEPS = amount(3, 20)
CALLS = (
    "open", "close", "write", "pwrite", "fsync", "fdatasync", "replace", "rename", "ftruncate", "mkdir", "unlink",
    "preadv", "pread", "fstat",
)  # fmt: skip
FAULTS = {"disk full": errno.ENOSPC, "disk broken": errno.EIO, "interrupted": errno.EINTR, "over quota": errno.EDQUOT}
SHORT = "short writes"


class FaultySystem:
    """Counts the calls of this process to the system, and lets the n-th fail once.

    Args:
        nth: the call that fails, counted from one; 0 lets all succeed.
        fault: key of ``FAULTS``, or ``SHORT``: from the n-th on, three writes take a few bytes only.
    """

    def __init__(self, nth: int, fault: str) -> None:
        self.n_calls, self.nth, self.fault = 0, nth, fault
        self.failed = ""
        self._real = {name: getattr(os, name) for name in CALLS} | {"flock": fcntl.flock}

    def _is_due(self) -> bool:
        self.n_calls += 1
        return self.nth > 0 and self.n_calls == self.nth

    def wrapped(self, name: str) -> Callable[..., Any]:
        real = self._real[name]

        def call(*arguments: Any, **options: Any) -> Any:
            is_due = self._is_due()
            if self.fault == SHORT:
                if name in ("write", "pwrite") and 0 <= self.n_calls - self.nth < 3 and len(arguments[1]) > 1:
                    self.failed = name
                    return real(arguments[0], arguments[1][: max(1, len(arguments[1]) // 3)], *arguments[2:])
            elif is_due:
                self.failed = name
                if name == "close":
                    # Linux lets go of the descriptor all the same, whatever close() answers.
                    real(*arguments)
                code = FAULTS[self.fault]
                raise OSError(code, os.strerror(code))
            return real(*arguments, **options)

        return call

    @contextmanager
    def installed(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name in CALLS:
                patch.setattr(os, name, self.wrapped(name))
            patch.setattr(fcntl, "flock", self.wrapped("flock"))
            yield


def record(study: Path, system: FaultySystem) -> tuple[int, list[EngineError]]:
    """Record a whole run as a patient user would, who tries again what failed; tries and errors of the recorder."""
    errors: list[EngineError] = []
    committed = 0

    def patiently(action: Callable[[], Any]) -> Any:
        for _ in range(3):
            try:
                with system.installed():
                    return action()
            except EngineError as error:
                errors.append(error)
                if (study / "runs" / "run").exists():
                    assert_sound(study, "run", committed, committed)
        raise AssertionError("It fails on and on, although the system failed once.") from errors[-1]

    def begin() -> Recorder:
        return Recorder(study, hyperparameters={}, labels=LABELS, run_id="run", resume=True, durability="disk")

    recorder = patiently(begin)
    for step in range(N_STEPS):
        if not recorder._writer.is_open:
            # What could not even be taken back is closed; resuming cuts it off.
            recorder = patiently(begin)
        patiently(lambda: record_step(recorder, step))  # noqa: B023
        committed += 1

    def finish() -> None:
        if recorder._writer.is_open:
            recorder.close()
        elif not (study / "runs" / "run" / "seal.json").exists():
            begin().close()

    patiently(finish)
    return committed, errors


def calls_of_a_recording(folder: Path) -> int:
    system = FaultySystem(0, "disk full")
    record(folder / "undisturbed", system)
    return system.n_calls


@pytest.mark.full
@pytest.mark.parametrize("fault", [*FAULTS, SHORT])
def test_any_call_to_the_system_may_fail(tmp_path: Path, fault: str) -> None:
    n_calls = calls_of_a_recording(tmp_path)
    assert n_calls > 12 * N_STEPS
    failed = set()
    offset = [*FAULTS, SHORT].index(fault)
    for nth in range(1 + offset % amount(4, 1), n_calls + 1, amount(4, 1)):
        study = tmp_path / f"{nth}"
        system = FaultySystem(nth, fault)
        committed, errors = record(study, system)
        failed.add(system.failed)
        assert all(len(str(error)) > 30 for error in errors)
        assert_sound(study, "run", committed, committed)
        assert [finding for finding in verify_study(study) if finding.is_error] == []
        shutil.rmtree(study)
    if fault == SHORT:
        assert "pwrite" in failed
    else:
        assert "" not in failed
        assert len(failed) > 5
