"""Recording callback for the Trainer of Hugging Face transformers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from engine import machine
from engine.recording.probes import Probe
from engine.recording.session import Schedule, Session, SessionCallback, beside

_SETTINGS = ("learning_rate", "per_device_train_batch_size", "weight_decay", "num_train_epochs", "warmup_ratio", "seed")


def trajectory_callback(
    study_path: str | os.PathLike[str],
    *,
    probes: Mapping[str, Any],
    schedule: Schedule,
    hyperparameters: Mapping[str, Any] | None = None,
    run_id: str | None = None,
    forward: Callable[[Any, Any], Any] | None = None,
    **options: Any,
) -> Any:
    """Return a callback for ``Trainer(callbacks=[...])``.

    The Trainer does not report exceptions to callbacks: a run that fails stays "running", and with the same `run_id`
    the next training continues after its last checkpoint. Of several processes each predicts a part
    and the first writes.

    Args:
        study_path: folder of the study.
        probes: by split (inputs, labels), or a loader in fixed order of mappings with ``labels``; see `Probe`. A
            DataLoader with shuffle=False and the trainer's collator is one.
        schedule: steps at which to record, from `engine.recording.schedules`, or a function of the step.
        hyperparameters: None takes learning rate, batch size, weight decay, epochs and seed of the arguments.
        run_id: folder name of a new run or of one to continue.
        forward: returns logits for (model, inputs); None calls the model with the mapping and takes its ``logits``.
        options: further arguments of `engine.Recorder`.

    Raises:
        MissingPackageError: transformers is not installed.
    """
    base = machine.load_optional("transformers", "Recording from the Hugging Face Trainer").TrainerCallback
    return beside(TrajectoryCallback, base)(probes, forward, hyperparameters, (study_path, schedule, run_id), options)


class TrajectoryCallback(SessionCallback):
    """Record predictions on fixed probe sets during training by the Trainer."""

    def __init__(
        self,
        probes: Mapping[str, Any],
        forward: Callable[[Any, Any], Any] | None,
        hyperparameters: Mapping[str, Any] | None,
        place: tuple[str | os.PathLike[str], Schedule, str | None],
        options: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self._sources, self._forward, self._hyperparameters = probes, forward, hyperparameters
        self._place, self._options = place, options

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._probes = {split: Probe(split, source) for split, source in self._sources.items()}
        settings = self._hyperparameters
        if settings is None:
            settings = {name: getattr(args, name) for name in _SETTINGS if hasattr(args, name)}
        labels = {split: probe.labels for split, probe in self._probes.items()}
        study_path, schedule, run_id = self._place
        is_writer = state.is_world_process_zero
        self.session = Session(study_path, labels, schedule, settings, run_id, is_writer=is_writer, **self._options)
        if args.world_size > 1:
            import torch

            told = [self.session.last_step]
            torch.distributed.broadcast_object_list(told, 0)
            self.session.last_step = told[0]
        self._record(state, kwargs["model"])

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._record(state, kwargs["model"])

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.session:
            self.session.close()

    def _record(self, state: Any, model: Any) -> None:
        step = int(state.global_step)
        if self.session and self.session.is_due(step):
            predict = {split: probe.predict for split, probe in self._probes.items()}
            epoch = float(state.epoch or 0)
            self.session.record(step, epoch, lambda: {s: ask(model, self._forward) for s, ask in predict.items()})
