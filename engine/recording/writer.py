"""Writer of one run folder: locked, append-only, committed by its journal.

The order of a commit makes ``kill -9`` harmless: records first, then (with durability "disk") their fdatasync, then
one journal line, then its fdatasync, and last the header, which only ``numpy.load`` users need.
"""

from __future__ import annotations

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

from engine.errors import RunError, RunMismatchError
from engine.recording.processes import OfOneProcess
from engine.store import files
from engine.store.documents import document_bytes
from engine.store.encoding import HEADER_BYTES, header_bytes
from engine.store.journal import JOURNAL, line_bytes, locked_journal
from engine.store.manifest import RUNS_FOLDER, Manifest
from engine.store.run import RUN_FILE, SEAL_FILE, RunFolder, read_run


class Position(NamedTuple):
    """End of the committed part of a run."""

    n_checkpoints: int
    last_step: int
    journal_bytes: int


class RunWriter(OfOneProcess):
    """Exclusive writer of a run; made by `create_run` or `reopen_run`, which hold the lock on its journal.

    Not thread-safe.
    """

    def __init__(self, run: RunFolder, journal: int, *, durable: bool) -> None:
        self.run = run
        last_step = int(run.journal.steps[-1]) if run.n_checkpoints else -1
        self.position = Position(run.n_checkpoints, last_step, run.journal.n_bytes)
        self._durable = durable
        self._journal = journal
        self.is_open = True
        self._data: dict[str, int] = {}
        super().__init__()
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
        """Append one checkpoint; it is committed if this returns and not if it raises."""
        self._refuse_closed()
        index = self.position.n_checkpoints
        try:
            self._refuse_foreign_files()
        except OSError as error:
            raise self._not_written(index, step, error) from error
        try:
            crcs = {}
            for split, record in records.items():
                raw = np.ascontiguousarray(record, self.run.dtypes[split]).data.cast("B")
                files.write_at(self._data[split], raw, HEADER_BYTES + index * len(raw))
                crcs[split] = zlib.crc32(raw)
            self._sync(*self._data.values())
            line = line_bytes(index=index, step=step, epoch=epoch, time=time.time(), metrics=metrics, crcs=crcs)
            files.append(self._journal, line)
            self._sync(self._journal)
            # A single assignment, so that Ctrl-C falls before or after it and the handler below is right in both cases.
            self.position = Position(index + 1, step, self.position.journal_bytes + len(line))
        except OSError as error:
            self._take_back()
            raise self._not_written(index, step, error) from error
        except BaseException:
            self._take_back()
            raise
        # The checkpoint is committed whatever its header says; the next commit or the seal rewrites it.
        with suppress(OSError):
            self._write_headers()

    def seal(self, status: str, error: str | None) -> None:
        """End the run: write seal.json with counts and SHA-256 digests, and release the lock."""
        self._refuse_closed()
        self._refuse_foreign_files()
        self._drop_uncommitted()
        # The digests cover what is read now: after a power cut no seal may exist with older headers.
        self._sync(*self._data.values(), self._journal)
        names = (RUN_FILE, JOURNAL, *(f"{split}.npy" for split in self._data))
        digests = {}
        for name in names:
            with open(self.run.path / name, "rb") as file:
                digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
        fields = {
            "status": status,
            "n_checkpoints": self.position.n_checkpoints,
            "error": error,
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            "sha256": digests,
        }
        files.replace(self.run.path / SEAL_FILE, document_bytes("seal", fields), durable=self._durable)
        self.close()

    def let_go(self) -> None:
        # What a signal or another thread had open at the fork is closed here as well.
        with suppress(OSError):
            self.close()

    def close(self) -> None:
        """Release the files and the lock without sealing."""
        if self.is_open:
            self.is_open = False
            with ExitStack() as stack:
                # A failing close, as on a full network disk, must not leave the others open and the run locked.
                for descriptor in (self._journal, *self._data.values()):
                    stack.callback(os.close, descriptor)

    def refuse_elsewhere(self) -> None:
        """Raise RunError in another process than the writer's."""
        if not self.is_here:
            raise RunError(
                f"Run {self.run.run_id} is recorded by process {self._process}, and this is process {os.getpid()}: a "
                "fork cannot go on with it. Send the predictions to that process, or make a Recorder of another run "
                "here."
            )

    def _refuse_closed(self) -> None:
        self.refuse_elsewhere()
        if not self.is_open:
            raise RunError(
                f"Run {self.run.run_id} is closed and takes nothing more. A run that is not finished goes on with "
                f"Recorder.resume({str(self.run.path)!r})."
            )

    def _not_written(self, index: int, step: int, error: OSError) -> RunError:
        return RunError(
            f"Run {self.run.run_id}: checkpoint {index} (step {step}) could not be written ({error.strerror}). "
            f"{self.position.n_checkpoints} checkpoints are safe; make room or repair the disk, then go on recording."
        )

    def _refuse_foreign_files(self) -> None:
        """Raise RunError if a file is no longer the one that was opened, or the journal not as it was left."""
        n_checkpoints = self.position.n_checkpoints
        written = {JOURNAL: self._journal} | {f"{split}.npy": descriptor for split, descriptor in self._data.items()}
        for name, descriptor in written.items():
            mine = os.fstat(descriptor)
            try:
                there = os.lstat(self.run.path / name)
            except (FileNotFoundError, NotADirectoryError):
                there = None
            if there is None or not os.path.samestat(mine, there):
                left = "was deleted, with all its checkpoints" if mine.st_nlink == 0 else "was moved or replaced"
                raise RunError(
                    f"Run {self.run.run_id}: {name} at {self.run.path} {left} while the run was recorded. Nothing "
                    "more is written into it: record a new run under another run_id."
                )
            if name == JOURNAL:
                is_left = mine.st_size == self.position.journal_bytes
            else:
                least = HEADER_BYTES + n_checkpoints * self.run.record_bytes(name.removesuffix(".npy"))
                is_left = mine.st_size >= least
            if not is_left:
                raise RunError(
                    f"Run {self.run.run_id}: {name} has {mine.st_size} bytes, which is not how the recorder left it: "
                    "another program has written to it or cut it. Nothing is written over that; end this recorder, "
                    f"then see what is left with: python -m {__name__.partition('.')[0]} repair {self.run.path}"
                )

    def _drop_uncommitted(self) -> None:
        os.ftruncate(self._journal, self.position.journal_bytes)
        for split, descriptor in self._data.items():
            os.ftruncate(descriptor, HEADER_BYTES + self.position.n_checkpoints * self.run.record_bytes(split))
        self._write_headers()

    def _take_back(self) -> None:
        """Remove an uncommitted journal line; close the writer if that fails."""
        # The next append would turn a partial line into a damaged line in the middle.
        try:
            os.ftruncate(self._journal, self.position.journal_bytes)
        except OSError:
            self.close()

    def _write_headers(self) -> None:
        for split, descriptor in self._data.items():
            shape = (self.position.n_checkpoints, *self.run.shapes[split])
            files.write_at(descriptor, header_bytes(self.run.dtypes[split], shape), 0)

    def _sync(self, *descriptors: int) -> None:
        if self._durable:
            for descriptor in descriptors:
                os.fdatasync(descriptor)


def create_run(
    study: Path, manifest: Manifest, fields: Mapping[str, Any], dtype: np.dtype[np.generic], *, durable: bool
) -> RunWriter:
    """Return the writer of a new run, whose folder appears in the study complete and locked.

    Raises:
        RunMismatchError: the study already has a run of this name.
    """
    run_id = fields["run_id"]
    target = study / RUNS_FOLDER / run_id
    files.make_folders(target.parent, durable=durable)
    # Readers ignore names with a leading dot, so an incomplete run folder is never visible.
    folder = target.with_name(f".new-{run_id}-{secrets.token_hex(4)}")
    folder.mkdir()
    journal = -1
    try:
        files.replace(folder / RUN_FILE, document_bytes("run", fields), durable=durable)
        for split, probe in manifest.splits.items():
            header = header_bytes(dtype, (0, probe.n_samples, manifest.n_classes))
            files.replace(folder / f"{split}.npy", header, durable=durable)
        files.replace(folder / JOURNAL, b"", durable=durable)
        journal = locked_journal(folder / JOURNAL, run_id)
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
    """Return the writer of an existing run, locked, that continues after its last committed checkpoint.

    Raises:
        RunLockedError: the run has another writer.
        RunMismatchError: the run is finished.
        RunFormatError: the committed part is damaged.
    """
    journal = locked_journal(path / JOURNAL, path.name)
    try:
        run = read_run(path, manifest)
        if run.status == "finished":
            raise RunMismatchError(
                f"Run {run.run_id} is finished and sealed with {run.n_checkpoints} checkpoints; a finished run is "
                "never changed. Record a new run."
            )
        files.remove(path / SEAL_FILE, durable=durable)
        if durable:
            files.sync_content(path)
            files.sync_folder(path.parent)
        return RunWriter(run, journal, durable=durable)
    except BaseException:
        os.close(journal)
        raise
