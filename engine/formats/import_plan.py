"""Import plan: runs to import, runs already present, refusals."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import (
    EngineError,
    ImportSourceError,
    InvalidPredictionsError,
    InvalidSpecError,
    StudyNotFoundError,
)
from engine.formats.array_files import StoredArray, stored_arrays
from engine.formats.candidates import (
    MOST_CHECKPOINTS,
    Candidate,
    Checkpoint,
    Refusal,
    Report,
    Request,
    attempt,
    digest_of,
    refuse_many,
    run_id_of,
)
from engine.formats.importers import FORMATS
from engine.formats.records import Record, RowSums, blocks_of
from engine.formats.tables import RunTable
from engine.store import files
from engine.store.documents import DOCUMENT_LIMIT, read_document
from engine.store.encoding import DTYPES, as_array, log_probabilities
from engine.store.manifest import MOST_SAMPLES, NAME, Manifest, new_manifest, read_manifest, refuse_foreign_files
from engine.store.run import ORIGIN_FILE
from engine.store.study import run_paths
from engine.values import SPLITS


@dataclass(frozen=True, slots=True)
class Arrival:
    """A run to import; the digest is the SHA-256 of everything that determines it, equal for the same source."""

    candidate: Candidate
    kind: str
    n_bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Result of examining a source for import into a study, which need not exist.

    Attributes:
        arrivals: runs to import.
        present: ids of runs already imported from this source.
        refusals: parts that are not imported, and the reasons.
        notes: decisions made during planning, as display text.
    """

    study: Path
    manifest: Manifest
    is_new: bool
    format: str
    dtype: str
    arrivals: tuple[Arrival, ...]
    present: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    notes: tuple[str, ...]

    @property
    def n_checkpoints(self) -> int:
        return sum(arrival.candidate.n_checkpoints for arrival in self.arrivals)

    @property
    def n_bytes(self) -> int:
        return sum(arrival.n_bytes for arrival in self.arrivals)


def plan_import(
    request: Request,
    study: str | os.PathLike[str],
    format_key: str,
    *,
    labels: Mapping[str, NDArray[Any]] | None = None,
    kind: str = "auto",
    dtype: str = "float16",
    title: str | None = None,
    class_names: tuple[str, ...] | None = None,
    thorough: bool = False,
    report: Report | None = None,
) -> Plan:
    """Examine a source and plan its import; nothing is written.

    Args:
        request: the request; its `n_samples` may be empty and is filled from the labels.
        study: the study's folder, existing or not.
        format_key: a key of `FORMATS`.
        labels: true classes per split; None takes those of the study, which must exist.
        kind: "logits", "log_probabilities", "probabilities", or "auto", which recognises the latter two.
        dtype: "float16" or "float32", of the stored log-probabilities.
        title, class_names: of the study, if the import creates it.
        thorough: read and check every number, as for a dry run; otherwise the import itself checks them.
        report: called while numbers are read.

    Raises:
        InvalidSpecError: an argument breaks a rule.
        ImportSourceError: the source as a whole cannot be imported.
        StudyFormatError: the study is damaged, or the folder holds other files.
    """
    folder = Path(os.path.abspath(study))
    existing = _existing(folder)
    if existing is None and not labels:
        raise InvalidSpecError(f"There is no study at {folder}: give the true classes of its probe sets with --labels.")
    known_labels = labels or {split: probe.labels for split, probe in (existing.splits if existing else {}).items()}
    n_classes = existing.n_classes if existing else request.n_classes
    request = replace(
        request,
        source=Path(os.path.realpath(request.source)),
        n_samples={split: len(known_labels[split]) for split in SPLITS if split in known_labels},
        n_classes=n_classes,
    )
    if not request.source.exists():
        raise ImportSourceError(f"There is nothing at {request.source}.")
    if request.default_split not in request.n_samples:
        request = replace(request, default_split=next(iter(request.n_samples)))
    found, n_checkpoints = [], 0
    for entry in FORMATS[format_key].find(request):
        n_checkpoints += entry.n_checkpoints if isinstance(entry, Candidate) else 0
        refuse_many(n_checkpoints, MOST_CHECKPOINTS, "checkpoints", "a source")
        found.append(entry)
    if existing is None and n_classes is None and class_names is None:
        # A new study takes the most frequent number of classes: a run that differs is refused, not all the others.
        counts = Counter(c.shapes[s][1] for c in found if isinstance(c, Candidate) for s in c.shapes)
        n_classes = counts.most_common(1)[0][0] if counts else None
    manifest = _manifest(existing, known_labels, folder, title, class_names, n_classes)
    plan = Plan(folder, manifest, existing is None, format_key, dtype, (), (), (), _notes(request))
    return _sorted_out(found, plan, kind, request.runs, thorough=thorough, report=report or (lambda *_: None))


def read_labels(path: Path, split: str) -> dict[str, NDArray[Any]]:
    """Read true classes by split from a .npy (of this split), or a .npz or .safetensors with arrays train and test."""
    arrays = stored_arrays(path)
    if path.suffix != ".npy":
        named = {name: arrays[name] for name in SPLITS if name in arrays}
        if not named:
            raise ImportSourceError(f"{path.name} holds no array 'train' or 'test'; it has {', '.join(arrays)[:200]}.")
        return {name: _labels(array) for name, array in named.items()}
    return {split: _labels(arrays[path.stem])}


def _labels(array: StoredArray) -> NDArray[Any]:
    if len(array.shape) != 1 or array.dtype.kind not in "iu" or array.shape[0] > MOST_SAMPLES:
        raise ImportSourceError(
            f"{array.name} has shape {array.shape} of {array.dtype}; labels are one integer for each sample, of at "
            f"most {MOST_SAMPLES:,} samples."
        )
    return array.whole(array.n_bytes)


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read the lines of a text file."""
    try:
        return tuple(files.read_bytes(path, DOCUMENT_LIMIT).decode().splitlines())
    except ValueError as error:
        raise ImportSourceError(f"{path.name} is no list of class names ({error}).") from None


def _existing(folder: Path) -> Manifest | None:
    try:
        return read_manifest(folder)
    except StudyNotFoundError:
        if folder.exists():
            refuse_foreign_files(folder)
        return None


def _manifest(
    existing: Manifest | None, labels: Mapping[str, Any], folder: Path, title: str | None,
    class_names: tuple[str, ...] | None, n_classes: int | None,
) -> Manifest:  # fmt: skip
    if not NAME.fullmatch(folder.name):
        raise InvalidSpecError(f"A study is named by {NAME.pattern}, received {folder.name!r}.")
    try:
        declared = new_manifest(labels, title=title or folder.name, class_names=class_names, n_classes=n_classes)
    except ValueError as error:
        raise InvalidSpecError(str(error)) from None
    if existing is None:
        return declared
    for split, probe in existing.splits.items():
        if split not in declared.splits or declared.splits[split].order_hash != probe.order_hash:
            raise InvalidSpecError(
                f"The {split} labels given are not those of the study at {folder}: leave --labels out."
            )
    return existing


def _notes(request: Request) -> tuple[str, ...]:
    if request.runs is None:
        return ("No table of runs was given (--runs): runs without hyperparameters cannot be filtered.",)
    return (f"Hyperparameters from {request.runs.name} ({request.runs.dialect}).", *request.runs.notes)


def _sorted_out(
    found: list[Candidate | Refusal], plan: Plan, kind: str, runs: RunTable | None, *, thorough: bool, report: Report
) -> Plan:
    arrivals: dict[str, Arrival] = {}
    present: list[str] = []
    refusals = [entry for entry in found if isinstance(entry, Refusal)]
    candidates = [entry for entry in found if isinstance(entry, Candidate)]
    notes = dict.fromkeys(plan.notes)
    origins = {} if plan.is_new else imported_digests(plan.study)
    taken = set() if plan.is_new else {path.name for path in run_paths(plan.study)}
    for candidate in candidates:
        try:
            if candidate.run_id in arrivals or candidate.run_id in present:
                raise ImportSourceError(
                    f"Another run of the source is called {candidate.run_id!r} as well: rename one."
                )
            arrival = _arrival(candidate, plan.manifest, kind, plan.dtype, report)
            if arrival.digest in origins:
                present.append(origins[arrival.digest])
                continue
            if candidate.run_id in taken:
                raise ImportSourceError(
                    f"The study has a run {candidate.run_id!r} with other content: rename the source, "
                    "or remove that run."
                )
            if thorough:
                _check_all(arrival, report)
        except EngineError as error:
            refusals.append(Refusal(candidate.source, str(error)))
            continue
        arrivals[candidate.run_id] = arrival
        notes |= dict.fromkeys(candidate.notes)
    if runs and (unused := _unused_rows(runs, candidates)):
        notes[f"{len(unused)} rows of {runs.name} belong to no run of the source: {', '.join(unused)[:200]}."] = None
    return replace(
        plan, arrivals=tuple(arrivals.values()), present=tuple(present), refusals=tuple(refusals), notes=tuple(notes)
    )


def _unused_rows(runs: RunTable, candidates: list[Candidate]) -> list[str]:
    """Return the rows of the table for which no run was found."""
    names = {name for run in candidates for name in (run.run_id, run.source, Path(run.source).stem)}
    return [row for row in runs.rows if row not in names and attempt(row, run_id_of, row) not in names]


def imported_digests(study: Path) -> dict[str, str]:
    """Return run ids by the digest of their import source; recorded runs have none."""
    digests = {}
    for path in run_paths(study):
        if (path / ORIGIN_FILE).is_file():
            try:
                digests[str(read_document(path / ORIGIN_FILE, "origin")["sha256"])] = path.name
            except (ValueError, KeyError, OSError):
                # A damaged origin file does not make a run unusable; at worst the import is refused: the id is taken.
                continue
    return digests


def _arrival(candidate: Candidate, manifest: Manifest, kind: str, dtype: str, report: Report) -> Arrival:
    """Return the candidate with its kind, size and digest; an error if its shape does not fit the study."""
    n_bytes = 0
    for split, shape in candidate.shapes.items():
        expected = (manifest.splits[split].n_samples, manifest.n_classes)
        if shape != expected:
            raise ImportSourceError(
                f"Its {split} predictions are (sample, class) = {shape}, the study's probe set and classes {expected}."
            )
        n_bytes += candidate.n_checkpoints * shape[0] * shape[1] * DTYPES[dtype].itemsize
    found_kind = candidate.kind or kind
    content = hashlib.sha256(candidate.digest.encode())
    # The numbers are read once for their digest: a source imported before must not be recorded twice. Those too large
    # to read unchecked are checked meanwhile, for the import reads them whole.
    for place, checkpoint in enumerate(() if candidate.digest else candidate.read()):
        _expect_shapes(candidate, checkpoint, place)
        rows_sum = RowSums()
        for split, first, block in digested(content, checkpoint):
            if found_kind == "auto":
                rows_sum.see(block)
            elif isinstance(checkpoint.predictions[split], Record):
                _check(block, found_kind, split, place, first)
        if found_kind == "auto":
            found_kind = rows_sum.kind
        report(candidate.run_id, place + 1, candidate.n_checkpoints)
    return Arrival(candidate, found_kind, n_bytes, arrival_digest(candidate, content, found_kind, dtype))


def arrival_digest(candidate: Candidate, content: Any, kind: str, dtype: str) -> str:
    """Return the SHA-256 of a run's content and of everything else that determines the recorded run."""
    return digest_of(content.hexdigest(), candidate.run_id, dict(candidate.hyperparameters), kind, dtype)


def digested(content: Any, checkpoint: Checkpoint) -> Iterator[tuple[str, int, NDArray[Any]]]:
    """Update a SHA-256 with a checkpoint's position and numbers; yields split, first sample and numbers by block."""
    content.update(repr((checkpoint.step, checkpoint.epoch)).encode())
    for split, values in checkpoint.predictions.items():
        declared = values if isinstance(values, Record) else as_array(values)
        content.update(f"{split}{declared.dtype.str}{declared.shape}".encode())
        first = 0
        for block in blocks_of(declared):
            content.update(np.ascontiguousarray(block).data)
            yield split, first, block
            first += len(block)


def _check_all(arrival: Arrival, report: Report) -> None:
    for place, checkpoint in enumerate(arrival.candidate.read()):
        _expect_shapes(arrival.candidate, checkpoint, place)
        for split, values in checkpoint.predictions.items():
            first = 0
            for block in blocks_of(values):
                _check(block, arrival.kind, split, place, first)
                first += len(block)
        report(arrival.candidate.run_id, place + 1, arrival.candidate.n_checkpoints)


def _expect_shapes(candidate: Candidate, checkpoint: Checkpoint, place: int) -> None:
    for split, values in checkpoint.predictions.items():
        if np.shape(values) != candidate.shapes[split]:
            raise ImportSourceError(
                f"Checkpoint {place}: its {split} predictions have shape {np.shape(values)}, the first "
                f"{candidate.shapes[split]}."
            )


def _check(block: NDArray[Any], kind: str, split: str, place: int, first: int) -> None:
    try:
        log_probabilities(block, kind, (block.shape[0], block.shape[1]), split)
    except InvalidPredictionsError as error:
        counted = f", its samples counted from {first:,}" if first else ""
        raise ImportSourceError(f"Checkpoint {place}{counted}: {error}") from None
