"""Run folder: declaration, journal and records of one run."""

from __future__ import annotations

import hashlib
import math
import os
import re
import secrets
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import RunFormatError
from engine.store import files
from engine.store.documents import DOCUMENT_LIMIT, drawable, parse_document, read_document, reason_of
from engine.store.encoding import DTYPES, ENCODING, HEADER_BYTES, decode, length_in_header
from engine.store.hyperparameters import Scalar, parse_hyperparameters, refuse_names
from engine.store.journal import JOURNAL, JOURNAL_LIMIT, Journal, parse_journal
from engine.store.manifest import NAME, Manifest

SEAL_FILE = "seal.json"
HEADER_ATTEMPTS = 3
HEADER_PAUSE = 0.002
"""Seconds between two reads of the header of a live run."""
STATUSES = ("running", "finished", "failed")
REMEMBERED_RUNS = 2**11
"""Number of snapshots whose content ids are kept: every cache key is made from them."""
RUN_FILE = "run.json"
RECORDER_VERSION = 1
ORIGIN_FILE = "origin.json"
"""File beside the run.json of an imported run: its source, and the digest of the source."""


@dataclass(frozen=True, slots=True, eq=False)
class RunFolder:
    """Immutable snapshot of one run's folder, without the records themselves.

    Attributes:
        path: the folder; its name is the run's id.
        hyperparameters: flat scalars.
        status: ``"running"`` until the run is sealed ``"finished"`` or ``"failed"``; a killed run stays "running".
        dtypes: stored dtype by split.
        shapes: (sample, class) by split.
        journal: committed checkpoints.
        digest: SHA-256 of run.json, the committed journal and the status.
        identity: 16 hexadecimal digits of the SHA-256 of run.json; unique per run.
        created: seconds since 1970 (UTC) at the run's creation; NaN if run.json does not state it.
    """

    path: Path
    hyperparameters: Mapping[str, Scalar]
    status: str
    dtypes: Mapping[str, np.dtype[np.generic]]
    shapes: Mapping[str, tuple[int, int]]
    journal: Journal
    digest: str
    identity: str
    created: float

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def n_checkpoints(self) -> int:
        return len(self.journal)

    def first(self, n_checkpoints: int) -> RunFolder:
        """Return the snapshot restricted to the first `n_checkpoints` checkpoints."""
        digest = hashlib.sha256(f"{self.digest} {n_checkpoints}".encode()).hexdigest()
        return replace(self, journal=self.journal.first(n_checkpoints), digest=digest)

    def data_file(self, split: str) -> Path:
        return self.path / f"{split}.npy"

    def record_bytes(self, split: str) -> int:
        """Return the size of one checkpoint's record in bytes."""
        samples, classes = self.shapes[split]
        return samples * classes * self.dtypes[split].itemsize

    def content_ids(self, split: str) -> tuple[str, ...]:
        """Return one id per checkpoint that changes with its record: run, split, index, CRC-32, shape, dtype.

        The CRC alone would collide among a hundred thousand checkpoints; within one run, split and index it does not.
        """
        return _content_ids(self, split)

    def length_in_header(self, split: str, descriptor: int) -> int:
        """Return the first axis declared by the open data file; ValueError if its header does not match this run."""
        header = bytearray(HEADER_BYTES)
        # A live run rewrites its header after each commit, and a read may see a partial write.
        attempts = HEADER_ATTEMPTS if self.status == "running" else 1
        while True:
            attempts -= 1
            files.read_into(descriptor, memoryview(header), 0, f"{split}.npy")
            try:
                return length_in_header(bytes(header), self.dtypes[split], self.shapes[split], f"{split}.npy")
            except ValueError:
                if not attempts:
                    raise
            time.sleep(HEADER_PAUSE)

    def stored(self, split: str, checkpoints: Sequence[int] | None = None) -> NDArray[np.floating[Any]]:
        """Read some or all records as stored, (checkpoint, sample, class); ValueError if the file is short."""
        n_records = self.n_checkpoints if checkpoints is None else len(checkpoints)
        array: NDArray[np.floating[Any]] = np.empty((n_records, *self.shapes[split]), self.dtypes[split])
        raw = array.reshape(-1).view(np.uint8).reshape(n_records, self.record_bytes(split))
        with files.opened(self.data_file(split)) as (descriptor, _):
            if checkpoints is None:
                files.read_into(descriptor, raw.reshape(-1).data, HEADER_BYTES, f"{split}.npy")
            for record, checkpoint in zip(raw, checkpoints or (), strict=False):
                offset = HEADER_BYTES + checkpoint * self.record_bytes(split)
                files.read_into(descriptor, record.data, offset, f"{split}.npy")
        return array

    def damaged_records(
        self, split: str, stored: NDArray[np.floating[Any]], checkpoints: Sequence[int] | None = None
    ) -> list[int]:
        """Return the checkpoints among those read (None: all) whose bytes do not match the committed CRC-32."""
        crcs = self.journal.crcs[split]
        read = range(len(crcs)) if checkpoints is None else checkpoints
        return [index for record, index in zip(stored, read, strict=True) if zlib.crc32(record.data) != crcs[index]]

    def log_probabilities(self, split: str, checkpoints: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Read (checkpoint, sample, class) of some or all, renormalised in float32, after checking each record's CRC.

        Raises:
            RunFormatError: a damaged record, NaN, infinity, or rows that are not distributions; names file and record.
        """
        with _blaming(self.run_id, f"{split}.npy"):
            stored = self.stored(split, checkpoints)
            try:
                if damaged := self.damaged_records(split, stored, checkpoints):
                    raise ValueError(f"record {damaged[0]} is damaged: it does not have the CRC its journal line gives")
                return decode(stored)
            except ValueError as error:
                raise ValueError(f"{split}.npy {error}") from None


def read_run(path: Path, manifest: Manifest, *, is_resumed: bool = False) -> RunFolder:
    """Read a run's declaration and journal and check them, without reading its records.

    Args:
        path: the run's folder.
        manifest: of its study.
        is_resumed: take the seal of a failed run, whose checkpoints are there, for the one that resuming removes: the
            run is "running", and may be longer than it was sealed.

    Raises:
        RunFormatError: names the run, the file and the reason.
    """
    with _blaming(path.name, ""):
        return _read_run(path, manifest, is_resumed)


def _read_run(path: Path, manifest: Manifest, is_resumed: bool) -> RunFolder:
    run_id = path.name
    with _blaming(run_id, ""):
        if path.is_symlink():
            raise ValueError("it is a symbolic link, and links are not followed")
        if not NAME.fullmatch(run_id):
            raise ValueError(f"its folder name must match {NAME.pattern}")
    with _blaming(run_id, RUN_FILE):
        raw = files.read_bytes(path / RUN_FILE, DOCUMENT_LIMIT)
        fields = parse_document(raw, "run")
        if fields.get("run_id") != run_id:
            raise ValueError(f"{RUN_FILE} belongs to run {fields.get('run_id')!r}: rename the folder back to that")
        if not isinstance(fields.get("hyperparameters"), dict):
            raise ValueError(f"{RUN_FILE} has no hyperparameters")
        hyperparameters = parse_hyperparameters(fields["hyperparameters"])
        dtypes = parse_splits(fields, manifest)
    # The seal is read first: a run sealed during this call is then still reported as live.
    with _blaming(run_id, SEAL_FILE):
        seal = read_document(path / SEAL_FILE, "seal") if os.path.lexists(path / SEAL_FILE) else None
    with _blaming(run_id, JOURNAL):
        journal_bytes = files.read_bytes(path / JOURNAL, JOURNAL_LIMIT)
        journal = parse_journal(journal_bytes, tuple(dtypes))
        refuse_names(journal.metrics, hyperparameters, "metric")
        is_open = seal is None or (is_resumed and _sealed_part(seal, journal_bytes) is not None)
        status = "running" if seal is None or is_open else _status_of(seal, journal, journal_bytes)
    run = RunFolder(
        path=path,
        hyperparameters=hyperparameters,
        status=status,
        dtypes=dtypes,
        shapes={split: (manifest.splits[split].n_samples, manifest.n_classes) for split in dtypes},
        journal=journal,
        digest=hashlib.sha256(raw + journal_bytes[: journal.n_bytes] + status.encode()).hexdigest(),
        identity=hashlib.sha256(raw).hexdigest()[:16],
        created=parse_created(fields),
    )
    for split in dtypes:
        with _blaming(run_id, f"{split}.npy"):
            _check_data_file(run, split)
    return run


def _sealed_part(seal: Mapping[str, Any], journal_bytes: bytes) -> int | None:
    """Return how many of a journal's first lines the seal of a failed run digests; None if it fits no such part."""
    n_checkpoints, digests = seal.get("n_checkpoints"), seal.get("sha256")
    if seal.get("status") != "failed" or type(n_checkpoints) is not int or not isinstance(digests, dict):
        return None
    lines = journal_bytes.split(b"\n", max(n_checkpoints, 0))
    n_bytes = len(journal_bytes) - len(lines[-1])
    is_fitting = hashlib.sha256(journal_bytes[:n_bytes]).hexdigest() == digests.get(JOURNAL)
    return n_checkpoints if is_fitting and len(lines) == n_checkpoints + 1 else None


def _status_of(seal: Mapping[str, Any], journal: Journal, journal_bytes: bytes) -> str:
    status = seal.get("status")
    if status not in STATUSES[1:]:
        raise ValueError(f"{SEAL_FILE} must have a status of {STATUSES[1:]}, it has {status!r}")
    if seal.get("n_checkpoints") != len(journal) or journal.n_tail:
        sealed = _sealed_part(seal, journal_bytes)
        if sealed is not None and sealed < len(journal):
            raise ValueError(
                f"{SEAL_FILE} is older than {JOURNAL}: the run failed with {sealed} checkpoints and was resumed, and "
                f"its seal came back, as after a power cut. All {len(journal)} lines of {JOURNAL} are intact: resume "
                f"the run, or bring it back with python -m {__name__.partition('.')[0]} repair and the run's folder"
            )
        raise ValueError(
            f"{JOURNAL} holds {len(journal)} checkpoints and {journal.n_tail} stray bytes, but the run was sealed "
            f"with {seal.get('n_checkpoints')!r}: lines were lost"
        )
    return str(status)


def _check_data_file(run: RunFolder, split: str) -> None:
    """Raise ValueError if a split's file lacks committed records or, in a sealed run, has others."""
    path = run.data_file(split)
    record_bytes = run.record_bytes(split)
    with files.opened(path) as (descriptor, size):
        if size < HEADER_BYTES:
            raise ValueError(f"{path.name} has {size} bytes, not even a header of {HEADER_BYTES}")
        length = run.length_in_header(split, descriptor)
    committed = HEADER_BYTES + run.n_checkpoints * record_bytes
    if run.status != "running" and length != run.n_checkpoints:
        raise ValueError(f"the header of {path.name} declares {length} records, but {run.n_checkpoints} are committed")
    if size < committed or (run.status != "running" and size != committed):
        held = (size - HEADER_BYTES) / record_bytes
        raise ValueError(
            f"{path.name} holds {held:g} records of {record_bytes} bytes, but {run.n_checkpoints} are committed"
        )


@contextmanager
def _blaming(run_id: str, file: str) -> Iterator[None]:
    try:
        yield
    except RunFormatError:
        raise
    except Exception as error:
        raise RunFormatError(f"Run {drawable(run_id)}: {reason_of(error)}.", file) from None


@lru_cache(maxsize=REMEMBERED_RUNS)
def _content_ids(run: RunFolder, split: str) -> tuple[str, ...]:
    """Return an id per checkpoint, equal for equal records at the same place of the same run."""
    samples, classes = run.shapes[split]
    suffix = f"{samples}x{classes}-{run.dtypes[split].str[1:]}"
    crcs = run.journal.crcs[split]
    return tuple(f"{run.identity}-{split}-{index}-{crc:08x}-{suffix}" for index, crc in enumerate(crcs))


def new_run_id(hyperparameters: Mapping[str, Scalar]) -> str:
    """Return a readable unique id: architecture, UTC time, random part."""
    architecture = hyperparameters.get("architecture") or hyperparameters.get("model") or "run"
    prefix = re.sub(r"[^A-Za-z0-9]+", "-", str(architecture)).strip("-")[:40] or "run"
    return f"{prefix}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def run_fields(run_id: str, hyperparameters: Mapping[str, Scalar], manifest: Manifest, dtype: str) -> dict[str, Any]:
    """Return the fields of a new run.json; the nonce makes its bytes, and hence its content ids, unique."""
    return {
        "run_id": run_id,
        "hyperparameters": dict(hyperparameters),
        "n_classes": manifest.n_classes,
        "splits": {
            split: {
                "n_samples": probe.n_samples,
                "dtype": dtype,
                "encoding": ENCODING,
                "order_sha256": probe.order_hash,
            }
            for split, probe in manifest.splits.items()
        },
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "nonce": secrets.token_hex(8),
        "recorder": RECORDER_VERSION,
    }


def parse_splits(fields: Mapping[str, Any], manifest: Manifest) -> dict[str, np.dtype[np.generic]]:
    """Return the stored dtype of each split in run.json; ValueError names any mismatch with the study."""
    declared = fields.get("splits")
    if not isinstance(declared, dict) or declared.keys() != manifest.splits.keys():
        raise ValueError(f"{RUN_FILE} must have the study's splits {list(manifest.splits)}, it has {declared!r:.200}")
    if fields.get("n_classes") != manifest.n_classes:
        raise ValueError(f"{RUN_FILE} has {fields.get('n_classes')!r} classes, the study {manifest.n_classes}")
    dtypes: dict[str, np.dtype[np.generic]] = {}
    for split, probe in manifest.splits.items():
        entry = declared[split]
        if not isinstance(entry, dict) or entry.get("order_sha256") != probe.order_hash:
            raise ValueError(f"it was recorded on another probe set: its {split} labels are not the study's")
        if entry.get("n_samples") != probe.n_samples:
            raise ValueError(f"{RUN_FILE} has {entry.get('n_samples')!r} {split} samples, the study {probe.n_samples}")
        if entry.get("encoding") != ENCODING or entry.get("dtype") not in tuple(DTYPES):
            raise ValueError(
                f"{RUN_FILE} must store {split} as {ENCODING!r} in one of {list(DTYPES)}, it has "
                f"{entry.get('encoding')!r} in {entry.get('dtype')!r}"
            )
        dtypes[split] = DTYPES[entry["dtype"]]
    return dtypes


def parse_created(fields: Mapping[str, Any]) -> float:
    """Return the run's creation time in seconds since 1970 (UTC); NaN if run.json does not state it."""
    created = fields.get("created")
    try:
        moment = datetime.fromisoformat(created) if isinstance(created, str) else None
        return math.nan if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return math.nan
