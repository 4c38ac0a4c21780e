"""The writing end of one run folder: locked, append-only, committed by its journal.

The order of a commit is what makes ``kill -9`` harmless: records first, then (with durability "disk") their
fdatasync, then one journal line, then its fdatasync, and last the header, which only ``numpy.load`` users need.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import time
import zlib
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine import files
from engine.document import document_bytes
from engine.errors import RunError, RunFormatError, RunLockedError, RunMismatchError
from engine.journal import JOURNAL, line_bytes
from engine.manifest import RUNS_FOLDER, Manifest
from engine.record_array import HEADER_BYTES, header_bytes
from engine.run_document import RUN_FILE
from engine.run_folder import SEAL_FILE, RunFolder, read_run


class Position(NamedTuple):
    """Where a run ends: what is committed."""

    n_checkpoints: int
    last_step: int
    journal_bytes: int


class RunWriter:
    """The one writer of a run; made by `create_run` or `reopen_run`, which hold the lock on its journal.

    Not for several threads at once.
    """

    def __init__(self, run: RunFolder, journal: int, *, durable: bool) -> None:
        self.path = run.path
        self.dtypes = run.dtypes
        self.shapes = run.shapes
        last_step = int(run.journal.steps[-1]) if run.n_checkpoints else -1
        self.position = Position(run.n_checkpoints, last_step, run.journal.n_bytes)
        self._durable = durable
        self._journal = journal
        self._is_open = True
        self._data: dict[str, int] = {}
        try:
            for split in run.dtypes:
                flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
                self._data[split] = os.open(run.data_file(split), flags)
            self._drop_uncommitted()
        except BaseException:
            for descriptor in self._data.values():
                os.close(descriptor)
            raise

    def commit(
        self, records: Mapping[str, NDArray[Any]], *, step: int, epoch: float | None, metrics: Mapping[str, float]
    ) -> None:
        """Append one checkpoint; when this returns it is committed, when it raises it is not."""
        self._refuse_closed()
        index = self.position.n_checkpoints
        try:
            crcs = {}
            for split, record in records.items():
                raw = np.ascontiguousarray(record, self.dtypes[split]).data.cast("B")
                files.write_at(self._data[split], raw, HEADER_BYTES + index * len(raw))
                crcs[split] = zlib.crc32(raw)
            self._sync(*self._data.values())
            line = line_bytes(index=index, step=step, epoch=epoch, time=time.time(), metrics=metrics, crcs=crcs)
            files.append(self._journal, line)
            self._sync(self._journal)
            # One assignment, so that Ctrl-C falls before it or behind it and the handler below is right both times.
            self.position = Position(index + 1, step, self.position.journal_bytes + len(line))
        except OSError as error:
            self._take_back()
            raise RunError(
                f"Run {self.path.name}: checkpoint {index} (step {step}) could not be written ({error.strerror}). "
                f"{self.position.n_checkpoints} checkpoints are safe; make room or repair the disk, then go on "
                "recording."
            ) from error
        except BaseException:
            self._take_back()
            raise
        # The checkpoint is committed whatever its header says; the next commit or the seal writes it again.
        with suppress(OSError):
            self._write_headers()

    def seal(self, status: str, error: str | None) -> None:
        """End the run: write seal.json with counts and SHA-256 digests, and release the lock."""
        self._refuse_closed()
        self._drop_uncommitted()
        # The digests are of what is read now: a power cut must not leave a seal above older headers.
        self._sync(*self._data.values(), self._journal)
        digests = {}
        for name in (RUN_FILE, JOURNAL, *(f"{split}.npy" for split in self._data)):
            with open(self.path / name, "rb") as file:
                digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
        fields = {
            "status": status,
            "n_checkpoints": self.position.n_checkpoints,
            "error": error,
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            "sha256": digests,
        }
        files.replace(self.path / SEAL_FILE, document_bytes("seal", fields), durable=self._durable)
        self.close()

    def close(self) -> None:
        """Release the files and the lock without sealing."""
        if self._is_open:
            self._is_open = False
            with ExitStack() as stack:
                # One that fails, as on a network disk that is full, must not keep the others open and the run locked.
                for descriptor in (self._journal, *self._data.values()):
                    stack.callback(os.close, descriptor)

    @property
    def is_open(self) -> bool:
        return self._is_open

    def _refuse_closed(self) -> None:
        if not self._is_open:
            raise RunError(
                f"Run {self.path.name} is closed and takes nothing more. A run that is not finished goes on with "
                f"Recorder.resume({str(self.path)!r})."
            )

    def _drop_uncommitted(self) -> None:
        os.ftruncate(self._journal, self.position.journal_bytes)
        for split, descriptor in self._data.items():
            os.ftruncate(descriptor, HEADER_BYTES + self.position.n_checkpoints * self._record_bytes(split))
        self._write_headers()

    def _take_back(self) -> None:
        # Half a line must not stay: the next append would make it a damaged line in the middle.
        try:
            os.ftruncate(self._journal, self.position.journal_bytes)
        except OSError:
            self.close()

    def _write_headers(self) -> None:
        for split, descriptor in self._data.items():
            shape = (self.position.n_checkpoints, *self.shapes[split])
            files.write_at(descriptor, header_bytes(self.dtypes[split], shape), 0)

    def _record_bytes(self, split: str) -> int:
        samples, classes = self.shapes[split]
        return samples * classes * self.dtypes[split].itemsize

    def _sync(self, *descriptors: int) -> None:
        if self._durable:
            for descriptor in descriptors:
                os.fdatasync(descriptor)


def create_run(
    study: Path,
    manifest: Manifest,
    run_id: str,
    fields: Mapping[str, Any],
    dtype: np.dtype[np.generic],
    *,
    durable: bool,
) -> RunWriter:
    """Make a run's folder, all at once, and lock it.

    Raises:
        RunMismatchError: the study already has a run of this name.
    """
    target = study / RUNS_FOLDER / run_id
    target.parent.mkdir(exist_ok=True)
    # Readers ignore names with a leading dot, so nobody ever sees a run folder that is being made.
    folder = target.with_name(f".new-{run_id}-{secrets.token_hex(4)}")
    folder.mkdir()
    journal = -1
    try:
        files.replace(folder / RUN_FILE, document_bytes("run", fields), durable=durable)
        for split, probe in manifest.splits.items():
            header = header_bytes(dtype, (0, probe.n_samples, manifest.n_classes))
            files.replace(folder / f"{split}.npy", header, durable=durable)
        files.replace(folder / JOURNAL, b"", durable=durable)
        journal = _locked_journal(folder / JOURNAL, run_id)
        if not files.move_new(folder, target):
            raise RunMismatchError(
                f"The study at {study} already has a run {run_id!r}: pass resume=True to go on with it, "
                "or another run_id."
            )
        if durable:
            files.sync_folder(target.parent)
        return RunWriter(read_run(target, manifest), journal, durable=durable)
    except BaseException:
        if journal >= 0:
            os.close(journal)
        shutil.rmtree(folder, ignore_errors=True)
        raise


def reopen_run(path: Path, manifest: Manifest, *, durable: bool) -> RunWriter:
    """Lock an existing run, drop what was never committed, and go on behind its last checkpoint.

    Raises:
        RunLockedError: another writer has it.
        RunMismatchError: it is finished.
        RunFormatError: its committed part is damaged.
    """
    journal = _locked_journal(path / JOURNAL, path.name)
    try:
        run = read_run(path, manifest)
        if run.status == "finished":
            raise RunMismatchError(
                f"Run {run.run_id} is finished and sealed with {run.n_checkpoints} checkpoints; a finished run is "
                "never changed. Record a new run."
            )
        (path / SEAL_FILE).unlink(missing_ok=True)
        return RunWriter(run, journal, durable=durable)
    except BaseException:
        os.close(journal)
        raise


def _locked_journal(path: Path, run_id: str) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise RunFormatError(f"Run {run_id}: {path.name} cannot be opened ({error.strerror}).", path.name) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise RunLockedError(
            f"Run {run_id} is being written by another recorder: a run has one writer. Wait until it ends, "
            "or record under another run_id."
        ) from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
