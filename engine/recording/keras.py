"""Recording callback for Keras 3, independent of its backend."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine import machine
from engine.errors import InvalidSpecError
from engine.recording.session import Schedule, Session, SessionCallback, beside


def trajectory_callback(
    study_path: str | os.PathLike[str],
    *,
    probes: Mapping[str, tuple[Any, Any]],
    schedule: Schedule,
    kind: str,
    hyperparameters: Mapping[str, Any],
    run_id: str | None = None,
    batch_size: int = 1024,
    **options: Any,
) -> Any:
    """Return a callback for ``model.fit(callbacks=[...])``.

    Keras does not report exceptions to callbacks: a run that fails stays "running", and with the same `run_id` the next
    fit continues after its last checkpoint. The step is the optimizer's own count, which saved models keep.

    Args:
        study_path: folder of the study.
        probes: by split (inputs, labels) arrays.
        schedule: steps at which to record, from `engine.recording.schedules`, or a function of the step.
        kind: output of the model: "probabilities" after a softmax, else "logits".
        hyperparameters: flat scalars by name.
        run_id: folder name of a new run or of one to continue.
        batch_size: samples per call of the model.
        options: further arguments of `engine.Recorder`.

    Raises:
        MissingPackageError: Keras is not installed.
        InvalidSpecError: a probe set is not a pair (inputs, labels).
    """
    base = machine.load_optional("keras", "Recording from Keras").callbacks.Callback
    for split, pair in probes.items():
        if not isinstance(pair, tuple | list) or len(pair) != 2 or len(pair[0]) != len(pair[1]):
            raise InvalidSpecError(f"The {split} probe set must be (inputs, labels), one label for each input.")

    return beside(TrajectoryCallback, base)(
        probes, kind, batch_size, (study_path, schedule, hyperparameters, run_id), options
    )


class TrajectoryCallback(SessionCallback):
    """Record predictions on fixed probe sets during training by Keras."""

    # Keras gives them.
    model: Any
    params: Mapping[str, Any]
    _epoch = 0

    def __init__(
        self,
        probes: Mapping[str, tuple[Any, Any]],
        kind: str,
        batch_size: int,
        place: tuple[str | os.PathLike[str], Schedule, Mapping[str, Any], str | None],
        options: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self._probes, self._kind, self._batch_size = probes, kind, batch_size
        self._place, self._options = place, options

    def on_train_begin(self, logs: Any = None) -> None:
        labels = {split: np.asarray(pair[1]) for split, pair in self._probes.items()}
        study_path, schedule, hyperparameters, run_id = self._place
        self.session = Session(study_path, labels, schedule, hyperparameters, run_id, **self._options)
        self._record(0.0)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        steps = self.params.get("steps")
        self._record(self._epoch + (batch + 1) / steps if steps else None)

    def on_train_end(self, logs: Any = None) -> None:
        if self.session:
            self.session.close()

    def _record(self, epoch: float | None) -> None:
        step = int(self.model.optimizer.iterations)
        if self.session and self.session.is_due(step):
            self.session.record(step, epoch, self._predictions, self._kind)

    def _predictions(self) -> dict[str, Any]:
        # Not model.predict, which builds a new data pipeline and callbacks on every call.
        return {split: self._outputs(pair[0]) for split, pair in self._probes.items()}

    def _outputs(self, inputs: Any) -> Any:
        """Return the model's outputs, computed in batches."""
        parts = [
            np.asarray(self.model.predict_on_batch(inputs[first : first + self._batch_size]))
            for first in range(0, len(inputs), self._batch_size)
        ]
        return np.concatenate(parts)
