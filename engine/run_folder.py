"""One run on disk: what it declares, what it has committed, and its records."""

from __future__ import annotations

import hashlib
import os
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import files
from engine.document import DOCUMENT_LIMIT, parse_document, read_document
from engine.encoding import decode
from engine.errors import RunFormatError
from engine.hyperparameters import Scalar, parse_hyperparameters, refuse_names
from engine.journal import JOURNAL, JOURNAL_LIMIT, Journal, parse_journal
from engine.manifest import NAME, Manifest
from engine.record_array import HEADER_BYTES, length_in_header
from engine.run_document import RUN_FILE, parse_created, parse_splits

SEAL_FILE = "seal.json"
HEADER_ATTEMPTS = 3
HEADER_PAUSE = 0.002
"""Seconds between two looks at the header of a live run."""
STATUSES = ("running", "finished", "failed")
REMEMBERED_RUNS = 2**11
"""Snapshots whose content ids are kept: every key of every cache is made of them."""


@dataclass(frozen=True, slots=True, eq=False)
class RunFolder:
    """An immutable snapshot of one run's folder: everything but the records themselves.

    Attributes:
        path: the folder; its name is the run's id.
        hyperparameters: flat scalars.
        status: ``"running"`` until the run is sealed ``"finished"`` or ``"failed"``; a killed run stays "running".
        dtypes: stored dtype by split.
        shapes: (sample, class) by split.
        journal: committed checkpoints.
        digest: SHA-256 of run.json, of the committed journal and of the status.
        identity: 16 hexadecimal digits of the SHA-256 of run.json, which no two runs share.
        created: seconds since 1970 (UTC) at which it was begun; NaN where run.json does not say.
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
        """The run as it was before it committed more than so many checkpoints."""
        digest = hashlib.sha256(f"{self.digest} {n_checkpoints}".encode()).hexdigest()
        return replace(self, journal=self.journal.first(n_checkpoints), digest=digest)

    def data_file(self, split: str) -> Path:
        return self.path / f"{split}.npy"

    def record_bytes(self, split: str) -> int:
        """Size of one checkpoint's record."""
        samples, classes = self.shapes[split]
        return samples * classes * self.dtypes[split].itemsize

    def content_ids(self, split: str) -> tuple[str, ...]:
        """One name per checkpoint that changes with its record: run, split, index, CRC-32, shape, dtype.

        The CRC alone would collide among a hundred thousand checkpoints; within one run, split and index it does not.
        """
        return _content_ids(self, split)

    def length_in_header(self, split: str, descriptor: int) -> int:
        """First axis that the open data file declares; ValueError where its header is not that of this run."""
        header = bytearray(HEADER_BYTES)
        # A live run rewrites its header after each commit, and a read may catch half of that.
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
        """(checkpoint, sample, class) committed records as stored, some or all; ValueError where the file is short."""
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
        """Checkpoints (of those that were read; None: all) whose bytes do not have the CRC-32 that was committed."""
        crcs = self.journal.crcs[split]
        read = range(len(crcs)) if checkpoints is None else checkpoints
        return [index for record, index in zip(stored, read, strict=True) if zlib.crc32(record.data) != crcs[index]]

    def log_probabilities(self, split: str, checkpoints: Sequence[int] | None = None) -> NDArray[np.float32]:
        """(checkpoint, sample, class) of some or all, renormalised in float32, after checking every record's CRC.

        Raises:
            RunFormatError: a damaged record, NaN, infinity, or rows that are no distributions; with file and record.
        """
        with _blaming(self.run_id, f"{split}.npy"):
            stored = self.stored(split, checkpoints)
            try:
                if damaged := self.damaged_records(split, stored, checkpoints):
                    raise ValueError(f"record {damaged[0]} is damaged: it does not have the CRC its journal line gives")
                return decode(stored)
            except ValueError as error:
                raise ValueError(f"{split}.npy {error}") from None


def read_run(path: Path, manifest: Manifest) -> RunFolder:
    """Read what a run declares and has committed; the cheap checks, without touching its records.

    Raises:
        RunFormatError: with the run's name, the file and the reason.
    """
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
    # The seal is read first: a run sealed in between then still looks like the live run it just was.
    with _blaming(run_id, SEAL_FILE):
        seal = read_document(path / SEAL_FILE, "seal") if os.path.lexists(path / SEAL_FILE) else None
    with _blaming(run_id, JOURNAL):
        journal_bytes = files.read_bytes(path / JOURNAL, JOURNAL_LIMIT)
        journal = parse_journal(journal_bytes, tuple(dtypes))
        refuse_names(journal.metrics, hyperparameters, "metric")
        status = "running" if seal is None else _status_of(seal, journal)
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


def _status_of(seal: Mapping[str, Any], journal: Journal) -> str:
    status = seal.get("status")
    if status not in STATUSES[1:]:
        raise ValueError(f"{SEAL_FILE} must have a status of {STATUSES[1:]}, it has {status!r}")
    if seal.get("n_checkpoints") != len(journal) or journal.n_tail:
        raise ValueError(
            f"{JOURNAL} holds {len(journal)} checkpoints and {journal.n_tail} stray bytes, but the run was sealed "
            f"with {seal.get('n_checkpoints')!r}: lines were lost"
        )
    return str(status)


def _check_data_file(run: RunFolder, split: str) -> None:
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
    except (OSError, ValueError) as error:
        raise RunFormatError(f"Run {run_id}: {str(error).removesuffix('.')}.", file) from None


@lru_cache(maxsize=REMEMBERED_RUNS)
def _content_ids(run: RunFolder, split: str) -> tuple[str, ...]:
    samples, classes = run.shapes[split]
    suffix = f"{samples}x{classes}-{run.dtypes[split].str[1:]}"
    crcs = run.journal.crcs[split]
    return tuple(f"{run.identity}-{split}-{index}-{crc:08x}-{suffix}" for index, crc in enumerate(crcs))
