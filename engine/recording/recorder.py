"""Recorder of a run during training: validated, append-only, safe to kill."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from engine.errors import InvalidPredictionsError, InvalidSpecError, RunError, RunFormatError, RunMismatchError
from engine.recording.processes import InTurn, NeverCopied
from engine.recording.writer import RunWriter, create_run, reopen_run
from engine.store import files
from engine.store.documents import read_document
from engine.store.encoding import DTYPES, as_array, log_probabilities, loss_and_error
from engine.store.hyperparameters import TAKEN, parse_hyperparameters, refuse_names
from engine.store.journal import LARGEST_STEP
from engine.store.manifest import NAME, RUNS_FOLDER, join_study, new_manifest, read_manifest
from engine.store.run import RUN_FILE, new_run_id, run_fields
from engine.values import SPLITS

Durability = Literal["process", "disk"]
OnError = Literal["raise", "warn"]


class Recorder(NeverCopied):
    """Write one run into a study during training.

    It belongs to the process that made it: a fork refuses to record, and there are no copies or pickles. Threads of
    that process may share it; they record in the order in which they call.

    The first run recorded into a new folder creates the study; later runs must have its labels and classes. As a
    context manager the recorder seals the run: "finished", or "failed" after an exception. Checkpoints recorded before
    a failure, or before ``kill -9``, are kept.

    Args:
        study_path: folder of the study; created if missing.
        hyperparameters: flat scalars (str, int, float, bool, None) by name; the study's filters are built from them.
        labels: true classes per split, {"train": (sample,), "test": (sample,)} integers; one split is enough.
        run_id: folder name; None generates one from the architecture, the time and a random part.
        title: title of the study, used if this run creates it; None takes the folder's name.
        class_names: (class,) names, used if this run creates the study; None takes "0", "1", ...
        n_classes: number of classes if this run creates the study; None takes class_names or the largest label.
        dtype: "float16" or "float32", of the stored log-probabilities.
        durability: "process" survives the death of the process, "disk" also a power cut (two fdatasync each).
        on_error: "raise" if the disk refuses a checkpoint, or "warn" and let training continue without it.
        resume: continue the run `run_id` if it exists, else begin it.

    Raises:
        InvalidSpecError: an argument breaks a rule.
        RunMismatchError: labels, classes or hyperparameters do not match the study or the run to resume.
        RunLockedError: the run to resume has a writer.
        RunFormatError: the run to resume is damaged.
        StudyFormatError: the study is damaged, or the folder holds other files.
        RunError: the folder cannot be written.
    """

    def __init__(
        self,
        study_path: str | os.PathLike[str],
        hyperparameters: Mapping[str, Any],
        labels: Mapping[str, Any],
        run_id: str | None = None,
        *,
        title: str | None = None,
        class_names: Sequence[str] | None = None,
        n_classes: int | None = None,
        dtype: str = "float16",
        durability: Durability = "process",
        resume: bool = False,
        on_error: OnError = "raise",
    ) -> None:
        self._turns = InTurn()
        study = Path(os.path.abspath(study_path))
        durable = _is_second("durability", durability, ("process", "disk"))
        self._is_patient = _is_second("on_error", on_error, ("raise", "warn"))
        if dtype not in DTYPES:
            raise InvalidSpecError(f"dtype must be one of {list(DTYPES)}, received {dtype!r}.")
        try:
            parsed = parse_hyperparameters(hyperparameters)
            declared = new_manifest(
                labels,
                title=study.name if title is None else title,
                class_names=None if class_names is None else tuple(map(str, class_names)),
                n_classes=n_classes,
            )
        except ValueError as error:
            raise InvalidSpecError(str(error)) from None
        if run_id is None:
            run_id = new_run_id(parsed)
        for name in (run_id, study.name):
            if not NAME.fullmatch(name):
                raise InvalidSpecError(f"A run or study is named by {NAME.pattern}, received {name!r}.")
        with _disk_errors_named(study):
            self._manifest = join_study(study, declared, durable=durable)
        if class_names is not None and self._manifest.class_names != declared.class_names:
            raise RunMismatchError(
                f"The run does not fit the study at {study}: its class names are {declared.class_names!r:.200}, the "
                f"study's {self._manifest.class_names!r:.200}. Pass the study's, or none."
            )
        if n_classes not in (None, self._manifest.n_classes):
            raise RunMismatchError(
                f"The run does not fit the study at {study}: it has {n_classes} classes, the study "
                f"{self._manifest.n_classes}. Record it into a study of its own."
            )
        path = study / RUNS_FOLDER / run_id
        if resume and path.exists():
            self._open(path, parsed, durable=durable)
            return
        fields = run_fields(run_id, parsed, self._manifest, dtype)
        with _disk_errors_named(study):
            self._writer: RunWriter = create_run(study, self._manifest, fields, DTYPES[dtype], durable=durable)

    @classmethod
    def resume(
        cls, run_path: str | os.PathLike[str], *, durability: Durability = "process", on_error: OnError = "raise"
    ) -> Self:
        """Return a recorder that continues a killed or failed run after its last committed checkpoint (`last_step`).

        Args:
            run_path: the run's folder, ``<study>/runs/<run_id>``.
            durability, on_error: as for a new recorder.

        Raises:
            RunLockedError: another recorder is writing it.
            RunMismatchError: the run is finished.
            RunFormatError: there is no run, or its committed part is damaged.
            RunError: a file to write to has other names (hard links), or the disk refuses.
        """
        path = Path(os.path.abspath(run_path))
        recorder = cls.__new__(cls)
        recorder._turns = InTurn()
        recorder._is_patient = _is_second("on_error", on_error, ("raise", "warn"))
        durable = _is_second("durability", durability, ("process", "disk"))
        recorder._manifest = read_manifest(path.parent.parent)
        recorder._open(path, None, durable=durable)
        return recorder

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self._writer.run.path

    @property
    def n_checkpoints(self) -> int:
        """Number of committed checkpoints."""
        return self._writer.position.n_checkpoints

    @property
    def last_step(self) -> int:
        """Step of the last committed checkpoint; -1 if there is none."""
        return self._writer.position.last_step

    def record(
        self,
        *,
        step: int,
        epoch: float | None = None,
        train: Any = None,
        test: Any = None,
        kind: str = "logits",
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Commit one checkpoint: predictions on every split of the study.

        ``train_loss``, ``train_error``, ``test_loss`` and ``test_error`` (mean cross-entropy in nats; fraction wrong)
        are computed from the labels.

        Args:
            step: optimiser steps so far; larger than at the last checkpoint.
            epoch: epochs so far, fractions allowed.
            train: (sample, class) predictions on the train probe set; array or tensor.
            test: (sample, class) predictions on the test probe set.
            kind: "logits", "log_probabilities" or "probabilities".
            metrics: further numbers by name; NaN allowed.

        Raises:
            InvalidPredictionsError: not finite, wrong shape, rows that do not sum to one. Nothing is recorded.
            InvalidSpecError: step, epoch, splits or metrics break a rule. Nothing is recorded.
            RunError: the disk refused, or the recorder is closed. Nothing is recorded; earlier checkpoints stay. With
                ``on_error="warn"`` this is a warning, and the next checkpoint is tried again.
        """
        self._writer.refuse_elsewhere()
        with self._turns:
            self._record(step, epoch, (train, test), kind, metrics or {})

    def _record(
        self, step: int, epoch: float | None, predictions: tuple[Any, Any], kind: str, metrics: Mapping[str, float]
    ) -> None:
        step, epoch = self._parse_position(step, epoch)
        given = {split: values for split, values in zip(SPLITS, predictions, strict=True) if values is not None}
        if given.keys() != self._manifest.splits.keys():
            raise InvalidPredictionsError(
                f"The study has the splits {list(self._manifest.splits)}, received predictions for {list(given)}: "
                "give every split at every checkpoint."
            )
        numbers = self._parse_metrics(metrics)
        records = {}
        for split, probe in self._manifest.splits.items():
            logs = log_probabilities(given[split], kind, self._writer.run.shapes[split], split)
            numbers[f"{split}_loss"], numbers[f"{split}_error"] = loss_and_error(logs, probe.labels)
            records[split] = logs
        try:
            self._writer.commit(records, step=step, epoch=epoch, metrics=numbers)
        except RunError as refusal:
            if not self._is_patient or not self._writer.is_open:
                raise
            warnings.warn(f"Step {step} is not recorded. {refusal} Training goes on.", RuntimeWarning, stacklevel=2)

    def close(self, status: Literal["finished", "failed"] = "finished", error: str | None = None) -> None:
        """Seal the run and release it. A run that is never closed stays "running" and can be resumed."""
        _is_second("status", status, ("finished", "failed"))
        self._writer.refuse_elsewhere()
        with self._turns:
            self._writer.seal(status, error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # In a forked child, which left the block as well, the run is the parent's to seal.
        if not self._writer.is_open or not self._writer.is_here:
            return
        if error is None:
            self.close()
            return
        try:
            self.close("failed", f"{type(error).__name__}: {error}"[:500])
        except RunError as reason:
            error.add_note(str(reason))

    def _open(self, path: Path, hyperparameters: Mapping[str, Any] | None, *, durable: bool) -> None:
        try:
            fields = read_document(path / RUN_FILE, "run")
        except (OSError, ValueError) as error:
            raise RunFormatError(f"Run {path.name}: {error}. Record it anew under another run_id.") from None
        stored = fields.get("hyperparameters")
        if hyperparameters is not None and stored != hyperparameters:
            raise RunMismatchError(
                f"Run {path.name} was begun with other hyperparameters: {stored!r:.300}, received "
                f"{dict(hyperparameters)!r:.300}. Pass the same, or another run_id."
            )
        with _disk_errors_named(path):
            self._writer = reopen_run(path, self._manifest, durable=durable)

    def _parse_position(self, step: Any, epoch: Any) -> tuple[int, float | None]:
        if isinstance(step, bool | float) or not hasattr(step, "__index__"):
            raise InvalidSpecError(f"step must be an integer, received {step!r}.")
        if not self.last_step < int(step) <= LARGEST_STEP:
            raise InvalidSpecError(
                f"Steps must rise: received {int(step)} after {self.last_step}. After a resume, go on recording only "
                "behind recorder.last_step."
            )
        if epoch is not None and not math.isfinite(epoch):
            raise InvalidSpecError(f"epoch must be a finite number or None, received {epoch!r}.")
        return int(step), None if epoch is None else float(epoch)

    def _parse_metrics(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        try:
            refuse_names(metrics, TAKEN | self._writer.run.hyperparameters.keys(), "metric")
            return {name: float(as_array(value)) for name, value in metrics.items()}
        except (TypeError, ValueError) as error:
            raise InvalidSpecError(f"metrics must be numbers by name: {error}") from None


def _disk_errors_named(path: Path) -> AbstractContextManager[None]:
    return files.disk_errors_named(f"Nothing can be recorded at {path}", ": make room or permit writing there.")


def _is_second(name: str, value: str, choices: tuple[str, str]) -> bool:
    """Return whether an argument is the second of its two values."""
    if value not in choices:
        raise InvalidSpecError(f"{name} must be {choices[0]!r} or {choices[1]!r}, received {value!r}.")
    return value == choices[1]
