"""What an import would do: which runs come in, which are there already, what is refused and why."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine import files
from engine.document import DOCUMENT_LIMIT, read_document
from engine.encoding import DTYPES, KINDS, SUM_TOLERANCE, as_array, log_probabilities
from engine.errors import (
    EngineError,
    ImportSourceError,
    InvalidPredictionsError,
    InvalidSpecError,
    StudyFormatError,
    StudyNotFoundError,
)
from engine.importers import FORMATS
from engine.importers.array_files import stored_arrays
from engine.importers.candidate import Candidate, Checkpoint, Refusal, Request, digest_of, run_id_of
from engine.importers.run_tables import RunTable
from engine.manifest import NAME, Manifest, new_manifest, read_manifest
from engine.run_document import ORIGIN_FILE
from engine.store import run_paths
from engine.values import SPLITS

Report = Callable[[str, int, int], None]
"""Called with a run's id, checkpoints done and checkpoints to do."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A run that comes in.

    Attributes:
        candidate: the run.
        kind: of its numbers, stated or detected.
        n_bytes: of its records in the study.
        digest: SHA-256 of everything that decides what is recorded; the same source gives the same.
    """

    candidate: Candidate
    kind: str
    n_bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do.

    Attributes:
        study: the study's folder, which need not exist.
        manifest: of the study, or of the one that would be made.
        is_new: whether the study is made by this import.
        format: key of the source's format.
        dtype: of the stored log-probabilities.
        arrivals: runs that come in.
        present: ids of runs that this very source has brought before.
        refusals: what does not come in, and why.
        notes: what was decided on the way, for people.
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
    """Look at a source and say what importing it would do; nothing is written.

    Args:
        request: what is asked of the importer; its `n_samples` may be empty and is filled from the labels.
        study: the study's folder, there already or not.
        format_key: a key of `FORMATS`.
        labels: true classes per split; None takes those of the study, which must then be there.
        kind: "logits", "log_probabilities", "probabilities", or "auto", which recognises the latter two.
        dtype: "float16" or "float32", of the stored log-probabilities.
        title, class_names: of the study, where the import makes it.
        thorough: read and check every number, as for a dry run; otherwise that is left to the import itself.
        report: called while numbers are read.

    Raises:
        InvalidSpecError: an argument breaks a rule.
        ImportSourceError: the source as a whole is no such thing.
        StudyFormatError: the study is damaged, or the folder holds something else.
    """
    folder = Path(os.path.abspath(study))
    if format_key not in FORMATS or kind not in ("auto", *KINDS) or dtype not in DTYPES:
        raise InvalidSpecError(
            f"format must be one of {list(FORMATS)}, kind 'auto' or one of {KINDS}, dtype one of {list(DTYPES)}; "
            f"received {format_key!r}, {kind!r}, {dtype!r}."
        )
    existing = _existing(folder)
    if existing is None and not labels:
        raise InvalidSpecError(f"There is no study at {folder}: give the true classes of its probe sets with --labels.")
    probes = existing.splits if existing else None
    known_labels = labels or {split: probe.labels for split, probe in (probes or {}).items()}
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
    found = list(FORMATS[format_key].find(request))
    if existing is None and n_classes is None and class_names is None:
        # Of a new study, what most runs have: one that differs is refused, not all the others.
        counts = Counter(c.shapes[s][1] for c in found if isinstance(c, Candidate) for s in c.shapes)
        n_classes = counts.most_common(1)[0][0] if counts else None
    manifest = _manifest(existing, known_labels, folder, title, class_names, n_classes)
    return _sorted_out(
        found, Plan(folder, manifest, existing is None, format_key, dtype, (), (), (), _notes(request)),
        manifest, kind, request.runs, thorough=thorough, report=report or (lambda *_: None),
    )  # fmt: skip


def read_labels(path: Path, split: str) -> dict[str, NDArray[Any]]:
    """True classes by split from a .npy (of this split) or a .npz or .safetensors with arrays train and test."""
    arrays = stored_arrays(path)
    if path.suffix != ".npy":
        named = {name: arrays[name] for name in SPLITS if name in arrays}
        if not named:
            raise ImportSourceError(f"{path.name} holds no array 'train' or 'test'; it has {', '.join(arrays)[:200]}.")
        return {name: array.whole() for name, array in named.items()}
    return {split: arrays[path.stem].whole()}


def read_class_names(path: Path) -> tuple[str, ...]:
    """The lines of a text file."""
    try:
        return tuple(files.read_bytes(path, DOCUMENT_LIMIT).decode().splitlines())
    except ValueError as error:
        raise ImportSourceError(f"{path.name} is no list of class names ({error}).") from None


def _existing(folder: Path) -> Manifest | None:
    try:
        return read_manifest(folder)
    except StudyNotFoundError:
        if folder.exists() and any(not path.name.startswith(".") for path in folder.iterdir()):
            raise StudyFormatError(f"{folder} holds no study but other files: give another path.") from None
        return None


def _manifest(
    existing: Manifest | None,
    labels: Mapping[str, Any],
    folder: Path,
    title: str | None,
    class_names: tuple[str, ...] | None,
    n_classes: int | None,
) -> Manifest:
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
    found: list[Candidate | Refusal], plan: Plan, manifest: Manifest, kind: str, runs: RunTable | None, *,
    thorough: bool, report: Report,
) -> Plan:  # fmt: skip
    arrivals: dict[str, Arrival] = {}
    present: list[str] = []
    refusals = [entry for entry in found if isinstance(entry, Refusal)]
    notes = dict.fromkeys(plan.notes)
    origins = {} if plan.is_new else imported_digests(plan.study)
    taken = set() if plan.is_new else {path.name for path in run_paths(plan.study)}
    for candidate in (entry for entry in found if isinstance(entry, Candidate)):
        try:
            if candidate.run_id in arrivals or candidate.run_id in present:
                raise ImportSourceError(
                    f"Another run of the source is called {candidate.run_id!r} as well: rename one."
                )
            arrival = _arrival(candidate, manifest, kind, plan.dtype, report)
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
    if runs and (unused := _unused_rows(runs, [entry for entry in found if isinstance(entry, Candidate)])):
        notes[f"{len(unused)} rows of {runs.name} belong to no run of the source: {', '.join(unused)[:200]}."] = None
    return replace(
        plan, arrivals=tuple(arrivals.values()), present=tuple(present), refusals=tuple(refusals), notes=tuple(notes)
    )


def _unused_rows(runs: RunTable, candidates: list[Candidate]) -> list[str]:
    """Rows of the table under whose name no run was found."""
    names = {name for run in candidates for name in (run.run_id, run.source, Path(run.source).stem)}
    ids = {run.run_id for run in candidates}
    return [row for row in runs.rows if row not in names and _id_or_none(row) not in ids]


def _id_or_none(text: str) -> str | None:
    try:
        return run_id_of(text)
    except ImportSourceError:
        return None


def imported_digests(study: Path) -> dict[str, str]:
    """Run id by the digest of what it was imported from; runs that were recorded have none."""
    digests = {}
    for path in run_paths(study):
        if (path / ORIGIN_FILE).is_file():
            try:
                digests[str(read_document(path / ORIGIN_FILE, "origin")["sha256"])] = path.name
            except (ValueError, KeyError, OSError):
                # A damaged note on its origin does not make a run unusable; at worst the run is refused as taken.
                continue
    return digests


def _arrival(candidate: Candidate, manifest: Manifest, kind: str, dtype: str, report: Report) -> Arrival:
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
    # The numbers are read once to know them again: a source that was imported before must not be recorded twice.
    for index, checkpoint in enumerate(() if candidate.digest else candidate.read()):
        if found_kind == "auto":
            found_kind = detected_kind(checkpoint.predictions)
        add_to_digest(content, checkpoint)
        report(candidate.run_id, index + 1, candidate.n_checkpoints)
    return Arrival(candidate, found_kind, n_bytes, arrival_digest(candidate, content, found_kind, dtype))


def arrival_digest(candidate: Candidate, content: Any, kind: str, dtype: str) -> str:
    """SHA-256 of a run's content and of whatever else decides what is recorded."""
    return digest_of(content.hexdigest(), candidate.run_id, dict(candidate.hyperparameters), kind, dtype)


def add_to_digest(content: Any, checkpoint: Checkpoint) -> None:
    """Take a checkpoint's numbers and place into a SHA-256."""
    content.update(repr((checkpoint.step, checkpoint.epoch)).encode())
    for split, values in checkpoint.predictions.items():
        array = np.ascontiguousarray(as_array(values))
        content.update(f"{split}{array.dtype.str}{array.shape}".encode())
        content.update(array.data)


def detected_kind(predictions: Mapping[str, NDArray[Any]]) -> Literal["probabilities", "log_probabilities"]:
    """Probabilities or log-probabilities, where the rows of every split sum to one as such and as nothing else.

    Logits are never guessed: whatever is neither might be logits, or might be damaged.
    """
    is_probability = is_logarithm = True
    for values in predictions.values():
        array = np.asarray(values, np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            is_probability &= bool((array >= 0).all() and (np.abs(array.sum(axis=1) - 1) <= SUM_TOLERANCE).all())
            is_logarithm &= bool((np.abs(np.exp(array).sum(axis=1) - 1) <= SUM_TOLERANCE).all())
    if is_probability == is_logarithm:
        raise ImportSourceError(
            "It is not clear what its numbers are: the rows of its first checkpoint sum to one neither as "
            "probabilities nor as log-probabilities. Say what they are: --kind logits, probabilities or "
            "log_probabilities."
        )
    return "probabilities" if is_probability else "log_probabilities"


def _check_all(arrival: Arrival, report: Report) -> None:
    for place, checkpoint in enumerate(arrival.candidate.read()):
        for split, values in checkpoint.predictions.items():
            try:
                log_probabilities(values, arrival.kind, arrival.candidate.shapes[split], split)
            except InvalidPredictionsError as error:
                raise ImportSourceError(f"Checkpoint {place}: {error}") from None
        report(arrival.candidate.run_id, place + 1, arrival.candidate.n_checkpoints)
