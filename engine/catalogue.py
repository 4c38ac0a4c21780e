"""The studies of a folder as snapshots that are read again when something in their folder changed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import StaleStudyError, StudyError, StudyNotFoundError
from engine.manifest import STUDY_FILE
from engine.recent import Recent
from engine.store import Study, open_study, reopen_study, run_paths
from engine.values import StudySummary

CHECK_INTERVAL = 0.25
"""Seconds for which a snapshot is taken as fresh without looking at its folder: a part of what a page may lag behind a
training that it follows."""
CHECK_SHARE = 0.05
"""Of all time, the most that looking at a large study's folder may take."""
HELD_BYTES = 2**27
"""About what former snapshots may take: some 250 of a study of a hundred runs, six of one of 151,407 models."""
BYTES_PER_RUN = 2000
BYTES_PER_MODEL = 100

Stamp = tuple[tuple[str, int, int, int], ...]


@dataclass
class _Entry:
    """One study: its snapshot, what its files looked like then, and its runs found damaged since."""

    refreshing: threading.Lock = field(default_factory=threading.Lock)
    study: Study | None = None
    stamps: dict[str, Stamp] = field(default_factory=dict)
    damaged: dict[str, tuple[Stamp, str]] = field(default_factory=dict)
    fresh_until: float = 0.0


class Catalogue:
    """Snapshots of the studies in a folder, by id.

    An id may come from a browser: it is compared with the names in the folder and never made into a path.
    Sizes and times of files only decide whether to read again; no cache key is made of them.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._entries: dict[str, _Entry] = {}
        self._held: Recent[Study] = Recent(HELD_BYTES)
        self._lock = threading.Lock()

    def summaries(self) -> tuple[StudySummary, ...]:
        """One line per study, sorted by id; one that cannot be opened is listed with its error."""
        return tuple(self._summary(study_id) for study_id in self._study_ids())

    def study(self, study_id: str) -> Study:
        """The current snapshot of a study, without the runs known to be damaged.

        Raises:
            StudyNotFoundError: no study of this id in the folder.
            StudyFormatError: it cannot be opened.
        """
        with self._lock:
            entry = self._entries.get(study_id)
        if entry is None:
            known = self._study_ids()
            if study_id not in known:
                names = ", ".join(known) or "none"
                raise StudyNotFoundError(f"There is no study {study_id!r} in {self.folder}: it has {names}.")
            with self._lock:
                entry = self._entries.setdefault(study_id, _Entry())
        self._refresh(study_id, entry)
        if entry.study is None:
            raise StudyNotFoundError(f"The study {study_id!r} was removed from {self.folder}.")
        return entry.study

    def hold(self, study: Study) -> None:
        """Keep a snapshot that somebody looks at, so that :meth:`study_as` finds it when runs have gone on."""
        n_models = sum(run.n_checkpoints for run in study.run_folders.values())
        size = BYTES_PER_RUN * len(study.run_folders) + BYTES_PER_MODEL * n_models
        self._held.put(f"{study.study_id}/{study.fingerprint}", study, size)

    def study_as(self, study_id: str, fingerprint: str) -> Study:
        """The snapshot of a fingerprint: the current one, or one that is held and that the current one continues.

        Raises:
            StaleStudyError: it is not held any more, or something of it is not there any more.
            StudyNotFoundError, StudyFormatError: see :meth:`study`.
        """
        current = self.study(study_id)
        if current.fingerprint == fingerprint:
            return current
        former = self._held.get(f"{study_id}/{fingerprint}")
        if former is None or not current.continues(former):
            raise StaleStudyError(f"The study {study_id} has changed on disk: reload the page to see its runs.")
        return former

    def leave_out_damaged(self, study_id: str, run_ids: Iterable[str]) -> Study:
        """Read the records of some runs, and leave out those that are damaged until their files change."""
        study = self.study(study_id)
        entry = self._entries[study_id]
        with entry.refreshing:
            # Looked at before the records are read: a repair in between then shows as a change.
            stamps = _stamps(self.folder / study_id)
            checked = study.checked([run_id for run_id in run_ids if run_id in study.run_folders])
            for problem in checked.problems:
                if problem.run_id in study.run_folders:
                    entry.damaged[problem.run_id] = (stamps.get(problem.run_id, ()), problem.reason)
            entry.study = checked
        return checked

    def _refresh(self, study_id: str, entry: _Entry) -> None:
        if time.monotonic() < entry.fresh_until:
            return
        # While one thread reads a study again the others go on with the snapshot there is.
        if not entry.refreshing.acquire(blocking=entry.study is None):
            return
        try:
            if time.monotonic() < entry.fresh_until:
                return
            began = time.monotonic()
            path = self.folder / study_id
            stamps = _stamps(path)
            took = time.monotonic() - began
            if entry.study is None or stamps != entry.stamps:
                self._reopen(path, entry, stamps)
            entry.fresh_until = time.monotonic() + max(CHECK_INTERVAL, took / CHECK_SHARE)
        finally:
            entry.refreshing.release()

    def _reopen(self, path: Path, entry: _Entry, stamps: dict[str, Stamp]) -> None:
        before = entry.study
        try:
            if before is None or stamps[""] != entry.stamps.get(""):
                study = open_study(path)
            else:
                study = reopen_study(before, {run for run, stamp in stamps.items() if stamp == entry.stamps.get(run)})
        except StudyError:
            entry.study = None
            entry.stamps = {}
            raise
        entry.damaged = {run: found for run, found in entry.damaged.items() if found[0] == stamps.get(run)}
        for run_id, (_, reason) in entry.damaged.items():
            if run_id in study.run_folders:
                study = study.without(run_id, reason)
        if before is None or before.fingerprint != study.fingerprint:
            entry.study = study
        entry.stamps = stamps

    def _summary(self, study_id: str) -> StudySummary:
        try:
            return self.study(study_id).summary
        except (StudyError, OSError) as error:
            return StudySummary(study_id, study_id, 0, 0, 0, str(error))

    def _study_ids(self) -> list[str]:
        try:
            paths = [path for path in self.folder.iterdir() if (path / STUDY_FILE).exists()]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(path.name for path in paths if not path.name.startswith("."))


def _stamps(path: Path) -> dict[str, Stamp]:
    """What the files of a study look like from outside: of the study itself under "", and of each run."""
    return {"": _stamp(path)} | {
        # A run that is a link is no run: what it leads to is not looked at. A study may be reached through one.
        run.name: () if run.is_symlink() else _stamp(run)
        for run in run_paths(path)
    }


def _stamp(folder: Path) -> Stamp:
    try:
        with os.scandir(folder) as entries:
            files = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries if entry.is_file()]
    except OSError:
        return ()
    return tuple(sorted((name, status.st_size, status.st_mtime_ns, status.st_ino) for name, status in files))
