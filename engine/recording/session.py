"""Recording session of a framework: due steps, writing process, resumption."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal

from numpy.typing import NDArray

from engine.errors import InvalidSpecError
from engine.recording.recorder import Recorder
from engine.store.documents import drawable
from engine.store.hyperparameters import TAKEN

Schedule = Collection[int] | Callable[[int], bool]


class Session:
    """Record the due steps of a run from one of the training processes.

    Attributes:
        seconds: time spent on recording so far, predictions included.
        last_step: step of the last checkpoint, -1 if there is none. A process that does not write is given that of the
            writer, so that all compute the same due steps.

    Args:
        study_path, labels, hyperparameters, options: as for `engine.Recorder`.
        schedule: steps at which to record (see :mod:`.schedules`), or a predicate of the step.
        run_id: folder name. An unfinished run of this name is continued: its steps are not recorded again. None
            creates a new run.
        is_writer: whether this process writes; the others record nothing.
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
        self.last_step = self._recorder.last_step if self._recorder else -1
        self.seconds = 0.0

    def is_due(self, step: int) -> bool:
        """Return whether this step is due and not yet recorded."""
        schedule = self._schedule
        return step > self.last_step and (schedule(step) if callable(schedule) else step in schedule)

    def record(
        self, step: int, epoch: float | None, predict: Callable[[], Mapping[str, Any]], kind: str = "log_probabilities"
    ) -> None:
        """Compute the predictions of every split and commit them."""
        start = time.perf_counter()
        predictions = predict()
        if self._recorder:
            self._recorder.record(
                step=step, epoch=epoch, kind=kind, train=predictions.get("train"), test=predictions.get("test")
            )
        self.last_step = step
        self.seconds += time.perf_counter() - start

    def close(self, status: Literal["finished", "failed"] = "finished", error: str | None = None) -> None:
        """Seal the run; further calls have no effect."""
        if self._recorder:
            self._recorder.close(status, error)
            self._recorder = None


class SessionCallback:
    """Base of the callbacks; beside it each has the framework's own, which is known only where that is installed.

    Until training begins it can be pickled, for strategies that spawn the training processes; once it records, the
    recorder refuses.
    """

    session: Session | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        ours, theirs = type(self).__bases__
        # The session first: its recorder says why it has no copies, whatever else cannot be pickled.
        return _blank, (ours, theirs), {"session": self.session} | self.__dict__


@functools.cache
def beside(callback: Any, base: Any) -> Callable[..., Any]:
    """Return the class of a callback that is also the framework's."""
    return type(callback.__name__, (callback, base), {"__doc__": callback.__doc__, "__module__": callback.__module__})


def _blank(callback: type, base: type) -> Any:
    kind: Any = beside(callback, base)
    return kind.__new__(kind)


def usable_hyperparameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings usable as hyperparameters: flat scalars under names that are not taken, texts on one line."""
    return {
        str(name): drawable(value) if isinstance(value, str) else value
        for name, value in values.items()
        if (value is None or isinstance(value, str | bool | int | float)) and name not in TAKEN
    }
