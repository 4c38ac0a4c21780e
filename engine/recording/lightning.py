"""Recording callback for Lightning (``pytorch_lightning`` or ``lightning``)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from engine import machine
from engine.recording.probes import Probe
from engine.recording.session import Schedule, Session, SessionCallback, beside, usable_hyperparameters


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

    The step is the trainer's ``global_step``; step 0 is the untrained network. Of several processes each predicts a
    part of the probe sets and the first writes. An exception seals the run as failed; with the same `run_id` the next
    fit continues after its last checkpoint.

    Args:
        study_path: folder of the study.
        probes: by split (inputs, labels) or a loader in fixed order; see `Probe`.
        schedule: steps at which to record, from `engine.recording.schedules`, or a function of the step.
        hyperparameters: None takes the flat scalars of the module's ``hparams``.
        run_id: folder name of a new run or of one to continue.
        forward: returns logits for (module, inputs); None calls the module.
        options: further arguments of `engine.Recorder`.

    Raises:
        MissingPackageError: Lightning is not installed.
    """
    return beside(TrajectoryCallback, _framework().Callback)(
        probes, forward, hyperparameters, (study_path, schedule, run_id), options
    )


class TrajectoryCallback(SessionCallback):
    """Record predictions on fixed probe sets during training by Lightning."""

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

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        self._probes = {split: Probe(split, source) for split, source in self._sources.items()}
        settings = self._hyperparameters
        if settings is None:
            settings = usable_hyperparameters(pl_module.hparams)
        labels = {split: probe.labels for split, probe in self._probes.items()}
        study_path, schedule, run_id = self._place
        self.session = Session(
            study_path, labels, schedule, settings, run_id, is_writer=trainer.is_global_zero, **self._options
        )
        if trainer.world_size > 1:
            self.session.last_step = trainer.strategy.broadcast(self.session.last_step)
        self._record(trainer, pl_module, float(trainer.current_epoch))

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self._record(trainer, pl_module, trainer.current_epoch + (batch_idx + 1) / trainer.num_training_batches)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        if self.session:
            self.session.close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        if self.session:
            self.session.close("failed", f"{type(exception).__name__}: {exception}"[:500])

    def _record(self, trainer: Any, module: Any, epoch: float) -> None:
        step = int(trainer.global_step)
        if self.session and self.session.is_due(step):
            predict = {split: probe.predict for split, probe in self._probes.items()}
            self.session.record(step, epoch, lambda: {s: ask(module, self._forward) for s, ask in predict.items()})


def _framework() -> Any:
    # Both packages define the same classes; a trainer accepts only those of its own package.
    for name in ("lightning.pytorch", "pytorch_lightning"):
        if name in sys.modules:
            return sys.modules[name]
    return machine.load_optional("pytorch_lightning", "Recording from Lightning", "pytorch-lightning")
