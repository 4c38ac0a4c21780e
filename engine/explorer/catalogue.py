"""Snapshots of the studies in a folder, and pulse of their recordings.

A snapshot is read again when a file in its folder changed. The pulse is derived from the commit times in each run's
journal; there is no separate heartbeat. A killed process leaves its run unfinished for ever, so a run that has been
silent for much longer than its usual interval is called stalled.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from engine.cache.lru import Recent
from engine.errors import StaleStudyError, StudyError, StudyNotFoundError
from engine.store.documents import drawable
from engine.store.run import REMEMBERED_RUNS, RunFolder
from engine.store.study import Study, open_study, reopen_study, run_paths, study_ids, summaries
from engine.values import StudySummary

CHECK_INTERVAL = 0.25
"""Shortest time between two scans of a folder, seconds: one part of a page's lag behind the training it follows."""
CHECK_SHARE = 0.05
"""Largest share of time spent scanning the folder of a large study."""
HELD_BYTES = 2**27
"""Approximate bytes of former snapshots: some 250 of a study of a hundred runs, six of one of 151,407 models."""
BYTES_PER_RUN = 2000
BYTES_PER_MODEL = 100

Stamp = tuple[tuple[str, int, int, int], ...]
SHORTEST_PATIENCE = 60.0
"""Smallest patience, seconds, however short a run's intervals."""
PATIENT_INTERVALS = 5.0
"""Patience in usual intervals between commits: a run silent for longer counts as stalled."""


@dataclass
class _Entry:
    """One study: its snapshot, the stamps of its files at that time, and the runs found damaged since."""

    refreshing: threading.Lock = field(default_factory=threading.Lock)
    study: Study | None = None
    stamps: dict[str, Stamp] = field(default_factory=dict)
    damaged: dict[str, tuple[Stamp, str]] = field(default_factory=dict)
    fresh_until: float = 0.0


class Catalogue:
    """Snapshots of the studies in a folder, by id.

    An id may come from a browser: it is compared with the names in the folder and never made into a path.
    Sizes and times of files only decide whether to read again; no cache key contains them.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._entries: dict[str, _Entry] = {}
        self._held: Recent[Study] = Recent(HELD_BYTES)
        self._lock = threading.Lock()

    def summaries(self) -> tuple[StudySummary, ...]:
        """Return the summaries, sorted by id; a study that cannot be opened is listed with its error."""
        return summaries(self.folder, self.study)

    def study(self, study_id: str, fingerprint: str | None = None) -> Study:
        """Return a snapshot of a study, without the runs known to be damaged, which are in its ``problems``.

        Args:
            study_id: name of its folder.
            fingerprint: fingerprint of a held snapshot that the current one continues; None for the current one.

        Raises:
            StudyNotFoundError: no study of this id in the folder.
            StudyFormatError: it cannot be opened.
            StaleStudyError: the snapshot is no longer held, or part of it is gone from the disk.
        """
        current = self._current(study_id)
        if fingerprint is None or current.fingerprint == fingerprint:
            return current
        former = self._held.get(f"{study_id}/{fingerprint}")
        if former is None or not current.continues(former):
            raise StaleStudyError(f"The study {study_id} has changed on disk: reload the page to see its runs.")
        return former

    def hold(self, study: Study) -> None:
        """Keep a snapshot that is on screen, for :meth:`study`; the least recently used ones are dropped first."""
        n_models = sum(run.n_checkpoints for run in study.run_folders.values())
        size = BYTES_PER_RUN * len(study.run_folders) + BYTES_PER_MODEL * n_models
        self._held.put(f"{study.study_id}/{study.fingerprint}", study, size)

    def leave_out_damaged(self, study_id: str, run_ids: Iterable[str]) -> Study:
        """Return the study without those of the runs whose records are damaged, until their files change."""
        study = self.study(study_id)
        entry = self._entries[study_id]
        with entry.refreshing:
            # Stamped before the records are read: a repair in between then shows as a change.
            stamps = _stamps(self.folder / study_id)
            checked = study.checked([run_id for run_id in run_ids if run_id in study.run_folders])
            for problem in checked.problems:
                if problem.run_id in study.run_folders:
                    entry.damaged[problem.run_id] = (stamps.get(problem.run_id, ()), problem.reason)
            entry.study = checked
        return checked

    def _current(self, study_id: str) -> Study:
        with self._lock:
            entry = self._entries.get(study_id)
        if entry is None:
            known = study_ids(self.folder)
            if study_id not in known:
                names = drawable(", ".join(known)) or "none"
                raise StudyNotFoundError(f"There is no study {study_id!r} in {self.folder}: it has {names}.")
            with self._lock:
                entry = self._entries.setdefault(study_id, _Entry())
        self._refresh(study_id, entry)
        if entry.study is None:
            raise StudyNotFoundError(f"The study {study_id!r} was removed from {self.folder}.")
        return entry.study

    def _refresh(self, study_id: str, entry: _Entry) -> None:
        if time.monotonic() < entry.fresh_until:
            return
        # While one thread reads the study again, the others use the existing snapshot.
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


def _stamps(path: Path) -> dict[str, Stamp]:
    """Return the stamp of each run's folder by run_id, and the study folder's own under ""."""
    return {"": _stamp(path)} | {
        # A symbolic link is not a run, and its target is not read. The study folder itself may be a link.
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


@dataclass(frozen=True, slots=True)
class RunPulse:
    """State of one unfinished run at one time.

    Attributes:
        run_id: id of the run.
        n_checkpoints: number of committed checkpoints.
        silence: seconds since the last commit, or since the start; 0 if that time lies in the future (clocks jump, and
            a run may be recorded on another machine) or was not recorded.
        patience: seconds of silence above which the run counts as stalled.
    """

    run_id: str
    n_checkpoints: int
    silence: float
    patience: float

    @property
    def is_stalled(self) -> bool:
        return self.silence > self.patience


@dataclass(frozen=True, slots=True)
class Pulse:
    """State of a study at one time.

    Attributes:
        fingerprint: fingerprint of the snapshot; changes with every commit.
        n_runs: number of usable runs.
        n_checkpoints: number of their committed checkpoints.
        unfinished: runs that are not sealed, in study order.
    """

    fingerprint: str
    n_runs: int
    n_checkpoints: int
    unfinished: tuple[RunPulse, ...]


def pulse_of(study: Study, now: float) -> Pulse:
    """Return the pulse of a snapshot.

    Args:
        study: the snapshot.
        now: seconds since 1970, from `time.time`.
    """
    runs = study.run_folders.values()
    return Pulse(
        fingerprint=study.fingerprint,
        n_runs=len(runs),
        n_checkpoints=sum(run.n_checkpoints for run in runs),
        unfinished=tuple(_run_pulse(run, now) for run in runs if run.status == "running"),
    )


def _run_pulse(run: RunFolder, now: float) -> RunPulse:
    last, patience = _rhythm(run)
    silence = 0.0 if math.isnan(last) else max(now - last, 0.0)
    return RunPulse(run.run_id, run.n_checkpoints, silence, patience)


@lru_cache(maxsize=REMEMBERED_RUNS)
def _rhythm(run: RunFolder) -> tuple[float, float]:
    """Return the time of a run's last commit or start (NaN if not recorded), and its patience, both in seconds.

    The usual interval is max(median, latest). With checkpoints spaced evenly on a logarithmic axis intervals grow, and
    the median lags far behind. The long gap between a crash and the resumption is the latest interval for one
    checkpoint only, and hardly moves the median.
    """
    times = run.journal.times[~np.isnan(run.journal.times)]
    if len(times) == 0:
        return run.created, SHORTEST_PATIENCE
    intervals = np.maximum(np.diff(times), 0.0)
    usual = max(float(np.median(intervals)), float(intervals[-1])) if len(intervals) else 0.0
    return float(times[-1]), max(SHORTEST_PATIENCE, PATIENT_INTERVALS * usual)
