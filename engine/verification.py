"""A deep check of a study: every byte that is committed, with the file and record of whatever is wrong."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine import files
from engine.document import read_document
from engine.encoding import decode
from engine.errors import RunFormatError, StudyFormatError
from engine.journal import JOURNAL
from engine.manifest import RUNS_FOLDER, Manifest, read_manifest
from engine.run_document import ORIGIN_FILE, RUN_FILE
from engine.run_folder import SEAL_FILE, RunFolder, read_run
from engine.store import run_paths

RESTORE = "restore it from a copy, or move the run's folder out of the study"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a study that is wrong, or (a note) worth knowing.

    Attributes:
        file: path inside the study's folder.
        record: the checkpoint concerned, counted from 0; None where it is the file as a whole.
        reason: what is wrong.
        advice: what to do.
        is_error: False for a note: the study is whole all the same.
    """

    file: str
    record: int | None
    reason: str
    advice: str
    is_error: bool = True

    def __str__(self) -> str:
        where = self.file if self.record is None else f"{self.file} record {self.record}"
        return f"{where}: {self.reason}; {self.advice}."


def verify_study(path: str | os.PathLike[str]) -> tuple[Finding, ...]:
    """Read everything a study has committed and report what is damaged, run by run.

    Checks study.json and labels; of each run its run.json, journal, headers, the CRC-32 of every record, finiteness
    and sums of its rows, and for a sealed run its counts and SHA-256 digests. A byte flipped anywhere in a committed
    part gives a finding. Uncommitted bytes behind a live or killed run are a note.

    Args:
        path: the study's folder.

    Raises:
        StudyNotFoundError: there is no study at `path`.
    """
    folder = Path(os.path.abspath(path))
    try:
        manifest = read_manifest(folder)
    except StudyFormatError as error:
        return (Finding(error.file, None, str(error).removesuffix("."), "no run can be checked before that"),)
    findings: list[Finding] = []
    for run_path in run_paths(folder):
        findings += _verify_run(run_path, manifest)
    return (*findings, *_leftovers(folder))


def _verify_run(path: Path, manifest: Manifest) -> Iterator[Finding]:
    prefix = f"{RUNS_FOLDER}/{path.name}"
    try:
        run = read_run(path, manifest)
    except RunFormatError as error:
        yield Finding(f"{prefix}/{error.file}".rstrip("/"), None, str(error).removesuffix("."), RESTORE)
        return
    try:
        yield from _verify_content(run, prefix, manifest)
    except (OSError, ValueError) as error:
        yield Finding(prefix, None, str(error).removesuffix("."), RESTORE)


def _verify_content(run: RunFolder, prefix: str, manifest: Manifest) -> Iterator[Finding]:
    damaged = False
    for split in run.dtypes:
        for finding in (*_verify_records(run, split, prefix), *_verify_header(run, split, prefix, manifest)):
            damaged |= finding.is_error
            yield finding
    if run.journal.n_tail:
        reason = f"{run.journal.n_tail} bytes of an uncommitted line behind checkpoint {run.n_checkpoints - 1}"
        yield Finding(f"{prefix}/{JOURNAL}", None, reason, "readers ignore them, resuming removes them", is_error=False)
    if os.path.lexists(run.path / ORIGIN_FILE):
        try:
            read_document(run.path / ORIGIN_FILE, "origin")
        except (OSError, ValueError) as error:
            yield Finding(f"{prefix}/{ORIGIN_FILE}", None, str(error).removesuffix("."), RESTORE)
    if run.status != "running" and not damaged:
        yield from _verify_digests(run, prefix)


def _verify_records(run: RunFolder, split: str, prefix: str) -> Iterator[Finding]:
    file = f"{prefix}/{split}.npy"
    stored = run.stored(split)
    damaged = run.damaged_records(split, stored)
    for record in damaged:
        reason = f"its {run.record_bytes(split)} bytes do not have the CRC-32 that the journal gives"
        yield Finding(file, record, reason, RESTORE)
    for record in range(len(stored)):
        if record not in damaged:
            try:
                decode(stored[record : record + 1])
            except ValueError as error:
                reason = str(error).removeprefix("record 0 ")
                yield Finding(file, record, f"it {reason}", "record the run again: it was committed like this")


def _verify_header(run: RunFolder, split: str, prefix: str, manifest: Manifest) -> Iterator[Finding]:
    with files.opened(run.data_file(split)) as (descriptor, _):
        length = run.length_in_header(split, descriptor)
    newest = read_run(run.path, manifest).n_checkpoints if length > run.n_checkpoints else run.n_checkpoints
    if run.n_checkpoints <= length <= newest:
        return
    # The header is rewritten after the commit: it is one record behind where the writer was killed in between.
    is_error = length != run.n_checkpoints - 1
    reason = f"its header declares {length} records, but {newest} are committed"
    advice = RESTORE if is_error else "readers go by the journal, resuming corrects it"
    yield Finding(f"{prefix}/{split}.npy", None, reason, advice, is_error)


def _verify_digests(run: RunFolder, prefix: str) -> Iterator[Finding]:
    digests = read_document(run.path / SEAL_FILE, "seal").get("sha256")
    names = (RUN_FILE, JOURNAL, *(f"{split}.npy" for split in run.dtypes))
    if not isinstance(digests, dict) or digests.keys() != set(names):
        yield Finding(f"{prefix}/{SEAL_FILE}", None, f"it must give the SHA-256 of {', '.join(names)}", RESTORE)
        return
    for name in names:
        with files.opened(run.path / name) as (descriptor, _), os.fdopen(os.dup(descriptor), "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != digests[name]:
                reason = f"it does not have the SHA-256 that {SEAL_FILE} gives"
                yield Finding(f"{prefix}/{name}", None, reason, RESTORE)


def _leftovers(folder: Path) -> Iterator[Finding]:
    for place in (folder, folder / RUNS_FOLDER, *run_paths(folder)):
        if place.is_dir() and not place.is_symlink():
            for path in sorted(place.glob(".*")):
                file = str(path.relative_to(folder))
                reason = "a hidden file or folder, perhaps of a recorder that was killed"
                yield Finding(file, None, reason, "readers ignore it", is_error=False)
