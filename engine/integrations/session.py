"""One run being recorded from a framework: which steps are due, who writes, and where a resumed run goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from numpy.typing import NDArray

from engine.errors import InvalidSpecError
from engine.recorder import Recorder

Schedule = Collection[int] | Callable[[int], bool]


class Session:
    """Records the steps that are due, from one process of however many train.

    Attributes:
        seconds: spent on recording so far, predictions included.
        n_checkpoints: recorded in this session.

    Args:
        study_path: folder of the study; made where there is none.
        labels: (sample,) true classes by split.
        schedule: steps at which to record (see `engine.schedules`), or a function that says whether a step is due.
        hyperparameters: flat scalars by name.
        run_id: a folder name. A run of this name that is not finished is gone on with: steps that it has are not
            recorded again. None makes a new run.
        is_writer: whether this process writes; all others record nothing.
        options: further arguments of `engine.Recorder`.
    """

    def __init__(
        self,
        study_path: str | os.PathLike[str],
        labels: Mapping[str, NDArray[Any]],
        schedule: Schedule,
        hyperparameters: Mapping[str, Any],
        run_id: str | None = None,
        *,
        is_writer: bool = True,
        **options: Any,
    ) -> None:
        if not callable(schedule) and not all(isinstance(step, int) and step >= 0 for step in schedule):
            raise InvalidSpecError("schedule must be steps (integers from 0 up) or a function of the step.")
        self._schedule = schedule if callable(schedule) else frozenset(schedule)
        self._recorder: Recorder | None = None
        if is_writer:
            self._recorder = Recorder(study_path, hyperparameters, labels, run_id, resume=run_id is not None, **options)
        self._last_step = self._recorder.last_step if self._recorder else -1
        self.seconds = 0.0
        self.n_checkpoints = 0

    @property
    def last_step(self) -> int:
        """Step of the last checkpoint; -1 where there is none."""
        return self._last_step

    @property
    def run_id(self) -> str | None:
        """Of the run; None in a process that does not write."""
        return self._recorder.run_id if self._recorder else None

    def follow(self, last_step: int) -> None:
        """Take over the writer's last step, so that all processes find the same steps due."""
        self._last_step = last_step

    def is_due(self, step: int) -> bool:
        """Whether this step is to be recorded and is not yet."""
        if step <= self._last_step:
            return False
        return self._schedule(step) if callable(self._schedule) else step in self._schedule

    def record(
        self, step: int, epoch: float | None, predict: Callable[[], Mapping[str, Any]], kind: str = "log_probabilities"
    ) -> None:
        """Ask for the predictions of every split and commit them."""
        start = time.perf_counter()
        predictions = predict()
        if self._recorder:
            self._recorder.record(
                step=step, epoch=epoch, kind=kind, train=predictions.get("train"), test=predictions.get("test")
            )
        self._last_step = step
        self.n_checkpoints += 1
        self.seconds += time.perf_counter() - start

    def close(self, status: Literal["finished", "failed"] = "finished", error: str | None = None) -> None:
        """Seal the run, once."""
        if self._recorder:
            self._recorder.close(status, error)
            self._recorder = None


def usable_hyperparameters(values: Mapping[str, Any], taken: Collection[str]) -> dict[str, Any]:
    """Of a framework's settings those that can be hyperparameters: flat scalars under names that are free."""
    return {
        str(name): value
        for name, value in values.items()
        if (value is None or isinstance(value, str | bool | int | float)) and name not in taken
    }
