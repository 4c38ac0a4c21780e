"""Verification of a study, and repair of a run that is left out."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import EngineError, RunFormatError, StudyFormatError
from engine.store import files
from engine.store.documents import drawable, read_document, reason_of
from engine.store.encoding import HEADER_BYTES, decode, header_bytes
from engine.store.journal import JOURNAL, JOURNAL_LIMIT, intact_lines, locked_journal
from engine.store.manifest import RUNS_FOLDER, Manifest, read_manifest
from engine.store.run import ORIGIN_FILE, RUN_FILE, SEAL_FILE, RunFolder, parse_splits, read_run
from engine.store.study import run_paths

RESTORE = "restore it from a copy, or move the run's folder out of the study"


@dataclass(frozen=True, slots=True)
class Finding:
    """A defect in a study, or (a note) a harmless observation.

    Attributes:
        file: path inside the study's folder.
        record: the checkpoint concerned, counted from 0; None for the file as a whole.
        reason: what is wrong.
        advice: what to do.
        is_error: False for a note: the study is intact.
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
    """Read everything a study has committed and report damage, run by run.

    Checks study.json and labels; of each run its run.json, journal, headers, the CRC-32 of every record, finiteness
    and sums of its rows, and for a sealed run its counts and SHA-256 digests. A byte flipped anywhere in a committed
    part gives a finding. Uncommitted bytes of a live or killed run are a note.

    Args:
        path: the study's folder.

    Raises:
        StudyNotFoundError: there is no study at `path`.
    """
    folder = Path(os.path.abspath(path))
    try:
        manifest, paths = read_manifest(folder), run_paths(folder)
    except StudyFormatError as error:
        return (Finding(error.file, None, str(error).removesuffix("."), "no run can be checked before that"),)
    findings: list[Finding] = []
    for run_path in paths:
        findings += _verify_run(run_path, manifest)
    return (*findings, *_leftovers(folder))


def _verify_run(path: Path, manifest: Manifest) -> Iterator[Finding]:
    prefix = f"{RUNS_FOLDER}/{drawable(path.name)}"
    try:
        run = read_run(path, manifest)
    except RunFormatError as error:
        yield Finding(f"{prefix}/{error.file}".rstrip("/"), None, str(error).removesuffix("."), RESTORE)
        return
    try:
        yield from _verify_content(run, prefix, manifest)
    except Exception as error:
        yield Finding(prefix, None, reason_of(error), RESTORE)


def _verify_content(run: RunFolder, prefix: str, manifest: Manifest) -> Iterator[Finding]:
    """Yield findings on the records, headers, journal tail, origin and digests of a readable run."""
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
        except Exception as error:
            yield Finding(f"{prefix}/{ORIGIN_FILE}", None, reason_of(error), RESTORE)
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
    # The header is rewritten after the commit: if the writer was killed in between, it is one record behind.
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
        if files.sha256(run.path / name) != digests[name]:
            yield Finding(f"{prefix}/{name}", None, f"it does not have the SHA-256 that {SEAL_FILE} gives", RESTORE)


def _leftovers(folder: Path) -> Iterator[Finding]:
    for place in (folder, folder / RUNS_FOLDER, *run_paths(folder)):
        if place.is_dir() and not place.is_symlink():
            for path in sorted(place.glob(".*")):
                file = drawable(str(path.relative_to(folder)))
                reason = "a hidden file or folder, perhaps of a recorder that was killed"
                yield Finding(file, None, reason, "readers ignore it", is_error=False)


@dataclass(frozen=True, slots=True)
class Repair:
    """What a repair found and did.

    Attributes:
        run_id: the run.
        n_checkpoints: checkpoints that can be read afterwards.
        dropped: what was set aside, a sentence each; empty if nothing was wrong.
    """

    run_id: str
    n_checkpoints: int
    dropped: tuple[str, ...]


def repair_run(path: str | os.PathLike[str], *, is_trial: bool = False) -> Repair:
    """Bring back every committed checkpoint of a run whose journal or seal disagrees with its records.

    A checkpoint is taken if a journal line with a right CRC names it, in order and with rising steps, and the stored
    record has the CRC of that line: the lines of a second writer do not. The journal before, a seal that does not fit,
    and the 128 bytes of a header (``train.npy.header``) are kept beside the new ones as ``*.before-repair``; records
    are never cut. Without a seal the run is "running" and can be resumed; resuming copies the records behind the
    committed ones to ``*.before-resume`` before it cuts them.

    Args:
        path: the run's folder, ``<study>/runs/<run_id>``.
        is_trial: only say what would be done.

    Raises:
        RunLockedError: a recorder is writing it.
        RunFormatError: run.json or a file of records is missing or unreadable, so nothing can be brought back; or a
            file of records whose header is wrong has other names (hard links), so nothing is written to it.
        StudyFormatError: the study's own files are damaged.
    """
    folder = Path(os.path.abspath(path))
    manifest = read_manifest(folder.parent.parent)
    lock = locked_journal(folder / JOURNAL, folder.name)
    try:
        return _repair(folder, manifest, is_trial)
    except (OSError, ValueError) as error:
        if isinstance(error, EngineError):
            raise
        raise RunFormatError(f"Run {folder.name} cannot be repaired: {str(error).removesuffix('.')}.") from error
    finally:
        os.close(lock)


def _repair(folder: Path, manifest: Manifest, is_trial: bool) -> Repair:
    dtypes = parse_splits(read_document(folder / RUN_FILE, "run"), manifest)
    n_samples = {split: probe.n_samples for split, probe in manifest.splits.items()}
    records = {split: (dtype, (n_samples[split], manifest.n_classes)) for split, dtype in dtypes.items()}
    raw = files.read_bytes(folder / JOURNAL, JOURNAL_LIMIT)
    kept = _committed(folder, raw, records)
    journal, dropped, is_whole = b"".join(kept), [], True
    headers: list[tuple[Path, bytes, bytes]] = []
    if journal != raw:
        lines = raw.count(b"\n") - len(kept)
        dropped.append(
            f"{len(raw) - len(journal)} bytes of {JOURNAL} in {lines} whole lines and a rest belong to no record"
        )
    for split, (dtype, shape) in records.items():
        path, header = folder / f"{split}.npy", header_bytes(dtype, (len(kept), *shape))
        with files.opened(path) as (descriptor, size):
            is_whole &= size == HEADER_BYTES + len(kept) * _record_bytes(dtype, shape)
            before, n_names = os.pread(descriptor, HEADER_BYTES, 0), os.fstat(descriptor).st_nlink
        if before != header:
            if n_names > 1:
                raise ValueError(files.shared(path.name, n_names))
            dropped.append(f"the header of {split}.npy did not declare {len(kept)} records")
            headers.append((path, before, header))
    seal = folder / SEAL_FILE
    if os.path.lexists(seal) and not (is_whole and _seal_fits(folder, journal, len(kept))):
        dropped.append(f"{SEAL_FILE} did not fit what is committed")
        if not is_trial:
            os.rename(seal, files.free_name(seal, files.BEFORE_REPAIR))
            files.sync_folder(folder)
    if not is_trial:
        for path, before, header in headers:
            kept_header = path.with_name(f"{path.name}.header")
            files.replace(files.free_name(kept_header, files.BEFORE_REPAIR), before, durable=True)
            _write_header(path, header)
        if journal != raw:
            files.replace(files.free_name(folder / JOURNAL, files.BEFORE_REPAIR), raw, durable=True)
            files.replace(folder / JOURNAL, journal, durable=True)
        read_run(folder, manifest)
    return Repair(folder.name, len(kept), tuple(dropped))


def _write_header(path: Path, header: bytes) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        files.write_at(descriptor, header, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _committed(
    folder: Path, raw: bytes, records: Mapping[str, tuple[np.dtype[np.generic], tuple[int, int]]]
) -> list[bytes]:
    """Return the journal lines, in order, whose records have their CRCs."""
    by_index: dict[object, list[tuple[bytes, dict[str, Any]]]] = {}
    for line, entry in intact_lines(raw, tuple(records)):
        by_index.setdefault(entry["index"], []).append((line, entry))
    kept: list[bytes] = []
    step = -1
    with ExitStack() as stack:
        opened = {split: stack.enter_context(files.opened(folder / f"{split}.npy")) for split in records}
        while True:
            crcs = {}
            for split, (descriptor, size) in opened.items():
                length = _record_bytes(*records[split])
                offset = HEADER_BYTES + len(kept) * length
                if offset + length > size:
                    return kept
                record = bytearray(length)
                files.read_into(descriptor, memoryview(record), offset, f"{split}.npy")
                crcs[split] = zlib.crc32(record)
            fitting = [
                (line, entry)
                for line, entry in by_index.get(len(kept), [])
                if entry["crc"] == crcs and entry["step"] > step
            ]
            if not fitting:
                return kept
            line, entry = fitting[-1]
            kept.append(line)
            step = entry["step"]


def _record_bytes(dtype: np.dtype[np.generic], shape: tuple[int, int]) -> int:
    return shape[0] * shape[1] * dtype.itemsize


def _seal_fits(folder: Path, journal: bytes, n_checkpoints: int) -> bool:
    try:
        seal = read_document(folder / SEAL_FILE, "seal")
    except (OSError, ValueError):
        return False
    digests = seal.get("sha256")
    is_same = isinstance(digests, dict) and digests.get(JOURNAL) == hashlib.sha256(journal).hexdigest()
    return is_same and seal.get("n_checkpoints") == n_checkpoints
