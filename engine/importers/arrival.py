"""Carrying out a plan: every run is recorded out of sight and appears whole, or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine import files
from engine.document import document_bytes
from engine.errors import EngineError, ImportSourceError, RunError
from engine.importers.candidate import Refusal
from engine.importers.plan import Arrival, Plan, Report, add_to_digest, arrival_digest
from engine.manifest import RUNS_FOLDER, Manifest, join_study
from engine.recorder import Recorder
from engine.run_document import ORIGIN_FILE

_WORKSHOP = ".importing-"
_SPARE_BYTES = 1 << 24
"""Room for what lies beside the records."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import did.

    Attributes:
        imported: ids of the runs that came in.
        present: ids of the runs that were there already.
        refusals: what did not come in, and why.
    """

    imported: tuple[str, ...]
    present: tuple[str, ...]
    refusals: tuple[Refusal, ...]


def carry_out(plan: Plan, report: Report | None = None) -> Outcome:
    """Import the runs of a plan.

    A run is recorded by `engine.Recorder` into a hidden folder of the study, brought to the disk, and moved to its
    place in one step, so that a kill at any moment leaves the runs that were done and nothing of the one that was not.

    Args:
        plan: from `plan_import`.
        report: called with a run's id, checkpoints done, checkpoints to do.

    Raises:
        RunError: the disk has too little room (before anything is written), or refuses.
        StudyFormatError, RunMismatchError: the study is not what it was when the plan was made.
    """
    if not plan.arrivals:
        return Outcome((), plan.present, plan.refusals)
    _expect_room(plan)
    imported: list[str] = []
    refusals = list(plan.refusals)
    with _disk_errors_named(plan.study), _workshop(plan.study) as workshop:
        for arrival in plan.arrivals:
            try:
                _bring_in(arrival, plan, plan.manifest, workshop, report or (lambda *_: None))
            except RunError:
                raise
            except EngineError as error:
                refusals.append(Refusal(arrival.candidate.source, str(error)))
            else:
                imported.append(arrival.candidate.run_id)
    return Outcome(tuple(imported), plan.present, tuple(refusals))


def _bring_in(arrival: Arrival, plan: Plan, manifest: Manifest, workshop: Path, report: Report) -> None:
    candidate = arrival.candidate
    content = hashlib.sha256(candidate.digest.encode())
    # A whole study of its own, so that the recorder needs to know nothing of imports.
    study = workshop / candidate.run_id
    try:
        recorder = Recorder(
            study / plan.study.name,
            candidate.hyperparameters,
            {split: probe.labels for split, probe in manifest.splits.items()},
            candidate.run_id,
            title=manifest.title,
            class_names=manifest.class_names,
            dtype=plan.dtype,
        )
        with recorder:
            for done, checkpoint in enumerate(candidate.read()):
                predictions = dict(checkpoint.predictions)
                recorder.record(
                    step=checkpoint.step,
                    epoch=checkpoint.epoch,
                    kind=arrival.kind,
                    train=predictions.get("train"),
                    test=predictions.get("test"),
                )
                if not candidate.digest:
                    add_to_digest(content, checkpoint)
                report(candidate.run_id, done + 1, candidate.n_checkpoints)
        if arrival_digest(candidate, content, arrival.kind, plan.dtype) != arrival.digest:
            raise ImportSourceError("It changed while it was read: import it again once it is complete.")
        fields = {"source": candidate.source, "importer": plan.format, "sha256": arrival.digest}
        files.replace(recorder.path / ORIGIN_FILE, document_bytes("origin", fields), durable=True)
        _publish(recorder.path, plan.study, manifest)
    finally:
        shutil.rmtree(study, ignore_errors=True)


def _publish(run: Path, study: Path, manifest: Manifest) -> None:
    """Bring a recorded run to the disk and move it into the study."""
    for path in run.iterdir():
        with files.opened(path) as (descriptor, _):
            os.fsync(descriptor)
    files.sync_folder(run)
    join_study(study, manifest, durable=True)
    target = study / RUNS_FOLDER / run.name
    target.parent.mkdir(exist_ok=True)
    if not files.move_new(run, target):
        raise ImportSourceError(f"A run {run.name!r} was recorded meanwhile: import again to see which is which.")
    files.sync_folder(target.parent)


@contextmanager
def _workshop(study: Path) -> Iterator[Path]:
    """A hidden folder of the study, held by a lock; those of imports that were killed are cleared away."""
    study.mkdir(parents=True, exist_ok=True)
    for path in study.glob(f"{_WORKSHOP}*"):
        with _held(path) as is_ours:
            if is_ours:
                shutil.rmtree(path, ignore_errors=True)
    workshop = study / f"{_WORKSHOP}{secrets.token_hex(4)}"
    workshop.mkdir()
    try:
        with _held(workshop):
            yield workshop
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Hold a folder's lock if nobody else does; a killed process holds none."""
    descriptor = os.open(folder, files.DIRECTORY_FLAGS)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def _expect_room(plan: Plan) -> None:
    place = plan.study
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if plan.n_bytes + _SPARE_BYTES > free:
        raise RunError(
            f"The import needs {plan.n_bytes / 1e6:,.0f} MB and {plan.study} has {free / 1e6:,.0f} MB free: make room, "
            "or import into another place."
        )


@contextmanager
def _disk_errors_named(study: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, EngineError):
            raise
        raise RunError(
            f"The import into {study} stopped ({error.strerror}); the runs that were done are there. Make room or "
            "permit writing there, and import again: what is there is left alone."
        ) from error
