"""Execution of an import plan; each run is published atomically."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from engine.errors import EngineError, ImportSourceError, RunError
from engine.formats.candidates import Checkpoint, Refusal, Report
from engine.formats.import_plan import Arrival, Plan, arrival_digest, digested
from engine.formats.records import whole
from engine.recording.recorder import Recorder
from engine.store import files
from engine.store.documents import document_bytes
from engine.store.manifest import RUNS_FOLDER, Manifest, join_study
from engine.store.run import ORIGIN_FILE

_WORKSHOP = ".importing-"
_SPARE_BYTES = 1 << 24
"""Bytes reserved for files other than records."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of an import: ids of the runs that came in and of those already there, and what was refused."""

    imported: tuple[str, ...]
    present: tuple[str, ...]
    refusals: tuple[Refusal, ...]


def carry_out(plan: Plan, report: Report | None = None) -> Outcome:
    """Import the runs of a plan.

    Each run is recorded by `engine.Recorder` into a hidden folder of the study, flushed to disk, and moved to its place
    in one step: a kill at any moment leaves the completed runs and no part of the current one.

    Args:
        plan: from `plan_import`.
        report: called with a run's id, number of checkpoints done and number of checkpoints.

    Raises:
        RunError: the disk has too little space (before anything is written), or writing failed.
        StudyFormatError, RunMismatchError: the study has changed since the plan was made.
    """
    if not plan.arrivals:
        return Outcome((), plan.present, plan.refusals)
    _expect_room(plan)
    imported: list[str] = []
    refusals = list(plan.refusals)
    remedy = (
        "; the runs that were done are there. Make room or permit writing there, and import again: what is there is "
        "left alone."
    )
    stopped = files.disk_errors_named(f"The import into {plan.study} stopped", remedy)
    with stopped, _workshop(plan.study) as workshop:
        for arrival in plan.arrivals:
            try:
                _bring_in(arrival, plan, workshop, report or (lambda *_: None))
            except RunError:
                raise
            except EngineError as error:
                refusals.append(Refusal(arrival.candidate.source, str(error)))
            else:
                imported.append(arrival.candidate.run_id)
    return Outcome(tuple(imported), plan.present, tuple(refusals))


def _bring_in(arrival: Arrival, plan: Plan, workshop: Path, report: Report) -> None:
    candidate, manifest = arrival.candidate, plan.manifest
    content = hashlib.sha256(candidate.digest.encode())
    # Recorded into a separate study, so that the recorder needs no special case for imports.
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
                predictions = {split: whole(values) for split, values in checkpoint.predictions.items()}
                recorder.record(
                    step=checkpoint.step,
                    epoch=checkpoint.epoch,
                    kind=arrival.kind,
                    train=predictions.get("train"),
                    test=predictions.get("test"),
                )
                if not candidate.digest:
                    for _ in digested(content, Checkpoint(checkpoint.step, checkpoint.epoch, predictions)):
                        pass
                report(candidate.run_id, done + 1, candidate.n_checkpoints)
        if arrival_digest(candidate, content, arrival.kind, plan.dtype) != arrival.digest:
            raise ImportSourceError("It changed while it was read: import it again once it is complete.")
        fields = {"source": candidate.source, "importer": plan.format, "sha256": arrival.digest}
        files.replace(recorder.path / ORIGIN_FILE, document_bytes("origin", fields), durable=True)
        _publish(recorder.path, plan.study, manifest)
    finally:
        shutil.rmtree(study, ignore_errors=True)


def _publish(run: Path, study: Path, manifest: Manifest) -> None:
    """Flush a recorded run to disk and move it into the study."""
    files.sync_content(run)
    join_study(study, manifest, durable=True)
    target = study / RUNS_FOLDER / run.name
    files.make_folders(target.parent, durable=True)
    if not files.move_new(run, target):
        raise ImportSourceError(f"A run {run.name!r} was recorded meanwhile: import again to see which is which.")
    files.sync_folder(target.parent)


def _workshop(study: Path) -> AbstractContextManager[Path]:
    """Return a locked hidden folder in the study, which is made where it is missing."""
    files.make_folders(study, durable=True)
    return files.temporary_folder(study, _WORKSHOP)


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
