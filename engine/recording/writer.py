"""Writer of one run folder: locked, append-only, committed by its journal.

The order of a commit makes ``kill -9`` harmless: records first, then (with durability "disk") their fdatasync, then
one journal line, then its fdatasync, and last the header, which only ``numpy.load`` users need.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.errors import RunError, RunMismatchError
from engine.recording.processes import OfOneProcess, unforked
from engine.store import files
from engine.store.documents import document_bytes
from engine.store.encoding import HEADER_BYTES, header_bytes
from engine.store.journal import JOURNAL, line_bytes, locked_journal
from engine.store.manifest import RUNS_FOLDER, Manifest
from engine.store.run import RUN_FILE, SEAL_FILE, RunFolder, read_run

_ENGINE = f"python -m {__name__.partition('.')[0]}"
BEFORE_RESUME = ".before-resume"
"""End of the name of a file with the records behind the committed ones, which resuming a run would overwrite."""


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
        self._has_failed_seal = False
        self._data: dict[str, int] = {}
        super().__init__()
        try:
            for split in run.dtypes:
                flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
                self._data[split] = os.open(run.data_file(split), flags)
            self._refuse_changed_files(None)
            self._keep_records_behind()
            is_new = all(os.fstat(descriptor).st_size == HEADER_BYTES for descriptor in self._data.values())
            self._drop_uncommitted()
            if not is_new:
                self._sync(*self._data.values(), self._journal)
        except BaseException:
            # The journal is its opener's to close; a fork must not find descriptors here that are others' by then.
            self.is_open = False
            for descriptor in self._data.values():
                os.close(descriptor)
            raise

    def commit(
        self, records: Mapping[str, NDArray[Any]], *, step: int, epoch: float | None, metrics: Mapping[str, float]
    ) -> None:
        """Append one checkpoint; it is committed if this returns and not if it raises."""
        self._refuse_closed()
        index, line = self.position.n_checkpoints, b""
        try:
            self._refuse_changed_files(self.position.journal_bytes)
            self._remove_failed_seal()
            crcs = {}
            for split, record in records.items():
                raw = np.ascontiguousarray(record, self.run.dtypes[split]).data.cast("B")
                files.write_at(self._data[split], raw, HEADER_BYTES + index * len(raw))
                crcs[split] = zlib.crc32(raw)
            self._sync(*self._data.values())
            line = line_bytes(index=index, step=step, epoch=epoch, time=time.time(), metrics=metrics, crcs=crcs)
            files.append(self._journal, line)
            self._sync(self._journal)
            journal_bytes = self.position.journal_bytes + len(line)
            # A run that was deleted or replaced since the first look has not got this checkpoint.
            self._refuse_changed_files(journal_bytes)
            # A single assignment, so that Ctrl-C falls before or after it and the handler below is right in both cases.
            self.position = Position(index + 1, step, journal_bytes)
        except OSError as error:
            what = f"checkpoint {index} (step {step}) could not be written"
            refusal = self._not_written(what, error, "make room or repair the disk, then go on recording")
            self._take_back(len(line))
            raise refusal from error
        except BaseException:
            self._take_back(len(line))
            raise
        # The checkpoint is committed whatever its header says; the next commit or the seal rewrites it.
        with suppress(OSError):
            self._write_headers()

    def seal(self, status: str, error: str | None) -> None:
        """End the run: write seal.json with counts and SHA-256 digests, and release the lock."""
        self._refuse_closed()
        try:
            self._refuse_changed_files(self.position.journal_bytes)
            self._drop_uncommitted()
            # The digests cover what is read now: after a power cut no seal may exist with older headers.
            self._sync(*self._data.values(), self._journal)
            # Of the files that were written, not of those that bear their names by now.
            digests = {RUN_FILE: files.sha256(self.run.path / RUN_FILE), JOURNAL: files.sha256_of(self._journal)}
            digests |= {f"{split}.npy": files.sha256_of(descriptor) for split, descriptor in self._data.items()}
            fields = {
                "status": status,
                "n_checkpoints": self.position.n_checkpoints,
                "error": error,
                "ended": datetime.now(UTC).isoformat(timespec="seconds"),
                "sha256": digests,
            }
            self._has_failed_seal = True
            files.replace(self.run.path / SEAL_FILE, document_bytes("seal", fields), durable=self._durable)
            self._refuse_changed_files(self.position.journal_bytes)
            self.close()
        except (OSError, ValueError) as reason:
            raise self._not_written("it could not be sealed", reason, "close the recorder again") from reason

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

    def _not_written(self, what: str, error: Exception, remedy: str) -> RunError:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return RunError(f"Run {self.run.run_id}: {what} ({reason}). {self._what_is_left(remedy)}")

    def _what_is_left(self, remedy: str) -> str:
        n_checkpoints = self.position.n_checkpoints
        try:
            if not self.is_open:
                raise OSError(errno.EBADF, "its files are closed")
            change = self._change(None)
        except OSError as error:
            return (
                f"Whether the {n_checkpoints} checkpoints before are still at {self.run.path} could not be seen "
                f"({error.strerror}): look once the disk answers, with: {_ENGINE} repair --dry-run {self.run.path}"
            )
        return change or f"{n_checkpoints} checkpoints are safe; {remedy}."

    def _refuse_changed_files(self, journal_bytes: int | None) -> None:
        """Raise RunError if a file is no longer the one that was opened, or not as it was left."""
        if change := self._change(journal_bytes):
            raise RunError(f"Run {self.run.run_id}: {change}")

    def _change(self, journal_bytes: int | None) -> str:
        """Return what has become of the files, "" if they are as they were left; None: whatever the journal's tail."""
        written = {JOURNAL: self._journal} | {f"{split}.npy": descriptor for split, descriptor in self._data.items()}
        for name, descriptor in written.items():
            mine = os.fstat(descriptor)
            try:
                there = os.lstat(self.run.path / name)
            except (FileNotFoundError, NotADirectoryError):
                there = None
            if there is None or not os.path.samestat(mine, there):
                left = "was deleted, with all its checkpoints" if mine.st_nlink == 0 else "was moved or replaced"
                return (
                    f"{name} at {self.run.path} {left} while the run was recorded. Nothing more is written into it: "
                    "record a new run under another run_id."
                )
            if name == JOURNAL:
                least = self.position.journal_bytes
                is_left = mine.st_size == journal_bytes or (journal_bytes is None and mine.st_size >= least)
            else:
                record_bytes = self.run.record_bytes(name.removesuffix(".npy"))
                is_left = mine.st_size >= HEADER_BYTES + self.position.n_checkpoints * record_bytes
            if not is_left:
                return (
                    f"{name} has {mine.st_size} bytes, which is not how the recorder left it: another program has "
                    "written to it or cut it. Nothing is written over that; end this recorder, then see what is left "
                    f"with: {_ENGINE} repair {self.run.path}"
                )
        return _shared_file(self.run.path, written)

    def _remove_failed_seal(self) -> None:
        """Remove the seal of an end that failed, which may be there all the same, before recording goes on."""
        if self._has_failed_seal:
            files.remove(self.run.path / SEAL_FILE, durable=False)
            if self._durable:
                files.sync_folder(self.run.path)
            self._has_failed_seal = False

    def _keep_records_behind(self) -> None:
        """Copy records behind the committed ones that more than a killed commit has left there."""
        is_repaired = any(self.run.path.glob(f"{JOURNAL}{files.BEFORE_REPAIR}*"))
        for split, descriptor in self._data.items():
            committed = HEADER_BYTES + self.position.n_checkpoints * self.run.record_bytes(split)
            n_behind = (os.fstat(descriptor).st_size - committed) // self.run.record_bytes(split)
            if n_behind > (0 if is_repaired else 1):
                head = header_bytes(self.run.dtypes[split], (n_behind, *self.run.shapes[split]))
                files.keep_rest(descriptor, committed, head, files.free_name(self.run.data_file(split), BEFORE_RESUME))

    def _drop_uncommitted(self) -> None:
        os.ftruncate(self._journal, self.position.journal_bytes)
        for split, descriptor in self._data.items():
            os.ftruncate(descriptor, HEADER_BYTES + self.position.n_checkpoints * self.run.record_bytes(split))
        self._write_headers()

    def _take_back(self, line_bytes: int) -> None:
        """Remove an uncommitted journal line; close the writer if that fails."""
        if not line_bytes:
            return
        # The next append would turn a partial line into a damaged line in the middle. More than a line is not ours.
        try:
            if 0 < os.fstat(self._journal).st_size - self.position.journal_bytes <= line_bytes:
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
    try:
        files.replace(folder / RUN_FILE, document_bytes("run", fields), durable=durable)
        for split, probe in manifest.splits.items():
            header = header_bytes(dtype, (0, probe.n_samples, manifest.n_classes))
            files.replace(folder / f"{split}.npy", header, durable=durable)
        files.replace(folder / JOURNAL, b"", durable=durable)
        with _locked(folder, run_id) as journal:
            if not files.move_new(folder, target):
                raise RunMismatchError(
                    f"The study at {study} already has a run {run_id!r}: pass resume=True to go on with it, "
                    "or another run_id."
                )
            if durable:
                files.sync_folder(target.parent)
            return RunWriter(read_run(target, manifest), journal, durable=durable)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def reopen_run(path: Path, manifest: Manifest, *, durable: bool) -> RunWriter:
    """Return the writer of an existing run, locked, that continues after its last committed checkpoint.

    Raises:
        RunLockedError: the run has another writer.
        RunMismatchError: the run is finished.
        RunFormatError: the committed part is damaged.
        RunError: a file to be written has other names, as a backup by hard links gives it.
    """
    with _locked(path, path.name) as journal:
        run = read_run(path, manifest, is_resumed=True)
        if run.status == "finished":
            raise RunMismatchError(
                f"Run {run.run_id} is finished and sealed with {run.n_checkpoints} checkpoints; a finished run is "
                "never changed. Record a new run."
            )
        if reason := _shared_file(path, (JOURNAL, *(f"{split}.npy" for split in run.dtypes))):
            raise RunError(f"Run {run.run_id}: {reason}")
        files.remove(path / SEAL_FILE, durable=durable)
        if durable:
            # The study may have been made, or copied here, without waiting for the disk.
            files.make_folders(path, durable=True)
            files.sync_content(path.parent.parent)
            files.sync_content(path)
        return RunWriter(run, journal, durable=durable)


@contextmanager
def _locked(folder: Path, run_id: str) -> Iterator[int]:
    """Lock a run's journal for a writer to be made within; yields the descriptor, closed only if that fails."""
    # A fork between the lock and the writer would keep the descriptor, and with it the lock.
    with unforked():
        journal = locked_journal(folder / JOURNAL, run_id)
        try:
            yield journal
        except BaseException:
            os.close(journal)
            raise


def _shared_file(path: Path, names: Iterable[str]) -> str:
    """Return why the first of a run's files with further names is not written to, "" if there is none."""
    for name in names:
        n_names = os.lstat(path / name).st_nlink
        if n_names > 1:
            return files.shared(name, n_names)
    return ""
