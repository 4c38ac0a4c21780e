"""State machine of the store against a dict."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from engine import Recorder, RunError, RunLockedError, RunMismatchError, SelectionError, open_study, verify_study
from engine.errors import InvalidSpecError
from engine.store.study import Study
from tests.recording import LABELS, record_step
from tests.scale import amount
from tests.sound import expected


@dataclass
class ModelRun:
    """What the dict knows of a run."""

    steps: list[int] = field(default_factory=list)
    status: str = "running"


class StoreMachine(RuleBasedStateMachine):
    """Recorders come and go, die and resume; readers look on."""

    recorders = Bundle("recorders")
    snapshots = Bundle("snapshots")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="store-machine-"))
        self.study = self.folder / "study"
        self.runs: dict[str, ModelRun] = {}
        self.open: dict[str, Recorder] = {}

    def teardown(self) -> None:
        for recorder in self.open.values():
            recorder._writer.close()
        shutil.rmtree(self.folder)

    @initialize()
    def make(self) -> None:
        with Recorder(self.study, hyperparameters={}, labels=LABELS, run_id="first") as recorder:
            record_step(recorder, 0)
        self.runs["first"] = ModelRun([0], "finished")

    @rule(target=recorders, name=st.sampled_from("abcd"), resume=st.booleans())
    def begin(self, name: str, resume: bool) -> str:
        def start() -> Recorder:
            return Recorder(self.study, hyperparameters={}, labels=LABELS, run_id=name, resume=resume)

        run = self.runs.get(name)
        if run is None:
            self.runs[name], self.open[name] = ModelRun(), start()
        elif not resume or (name not in self.open and run.status == "finished"):
            with pytest.raises(RunMismatchError):
                start()
        elif name in self.open:
            with pytest.raises(RunLockedError):
                start()
        else:
            self.open[name] = start()
            run.status = "running"
            assert self.open[name].n_checkpoints == len(run.steps)
        return name

    @rule(name=recorders, gap=st.integers(0, 3))
    def append(self, name: str, gap: int) -> None:
        if name not in self.open:
            return
        steps, recorder = self.runs[name].steps, self.open[name]
        # Behind the last one, or (gap 0) once more what is there.
        step = recorder.last_step + gap
        if step < 0:
            return
        if gap == 0:
            with pytest.raises(InvalidSpecError):
                record_step(recorder, step)
        else:
            record_step(recorder, step)
            steps.append(step)

    @rule(name=recorders, status=st.sampled_from(["finished", "failed"]))
    def seal(self, name: str, status: Any) -> None:
        if name in self.open:
            recorder = self.open.pop(name)
            recorder.close(status)
            self.runs[name].status = status
            with pytest.raises(RunError):
                record_step(recorder, 10**6)

    @rule(name=recorders, tail=st.binary(max_size=40).filter(lambda tail: b"\n" not in tail))
    def die(self, name: str, tail: bytes) -> None:
        """The process ends in the middle of a commit: part of a record and of a line are there."""
        if name in self.open:
            self.open.pop(name)._writer.close()
            for file in ("train.npy", "test.npy"):
                with open(self.study / "runs" / name / file, "ab") as data:
                    data.write(tail)
            with open(self.study / "runs" / name / "journal.jsonl", "ab") as journal:
                journal.write(tail[:20])

    @rule(name=consumes(recorders))
    def delete(self, name: str) -> None:
        if name in self.open:
            self.open.pop(name)._writer.close()
        if self.runs.pop(name, None) is not None:
            shutil.rmtree(self.study / "runs" / name)

    @rule(target=snapshots)
    def look(self) -> tuple[Study, dict[str, list[int]]]:
        return open_study(self.study), {name: list(run.steps) for name, run in self.runs.items()}

    @rule(snapshot=snapshots)
    def look_back(self, snapshot: tuple[Study, dict[str, list[int]]]) -> None:
        """A snapshot shows what was there when it was made, as long as the runs are."""
        study, steps = snapshot
        for name, run in self.runs.items():
            if name in steps and steps[name] and run.steps[: len(steps[name])] == steps[name]:
                self.compare(study, name, steps[name])

    def compare(self, study: Study, name: str, steps: list[int]) -> None:
        for split in LABELS:
            stored = study.predictions(split, [name]).log_probabilities
            right = np.array([expected(name, step, split) for step in steps]).reshape(stored.shape)
            np.testing.assert_allclose(stored, right, atol=0.02)

    @invariant()
    def the_study_holds_what_the_dict_holds(self) -> None:
        if not self.runs:
            return
        study = open_study(self.study)
        assert study.problems == ()
        assert list(study.runs.index) == sorted(self.runs)
        for name, run in self.runs.items():
            assert study.runs.loc[name, "n_checkpoints"] == len(run.steps)
            assert study.runs.loc[name, "status"] == run.status
            own = study.checkpoints[study.checkpoints["run_id"] == name]
            assert own["step"].tolist() == run.steps

    @precondition(lambda self: self.runs)
    @rule()
    def verify(self) -> None:
        assert [finding for finding in verify_study(self.study) if finding.is_error] == []
        study = open_study(self.study)
        for name, run in self.runs.items():
            self.compare(study, name, run.steps)
        with pytest.raises(SelectionError):
            study.predictions("train", ["absent"])


TestStore = pytest.mark.full(StoreMachine.TestCase)
TestStore.settings = settings(
    max_examples=amount(40, 2000),
    stateful_step_count=amount(25, 50),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
