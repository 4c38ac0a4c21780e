"""What says that a study is still being recorded: its runs that are not finished, and how long each has been silent.

There is no heartbeat beside the data: a recorder beats by committing checkpoints, and its journal holds when. A killed
process leaves its run unfinished for ever, so what has been silent for much longer than usual is called stalled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from engine.run_folder import REMEMBERED_RUNS, RunFolder
from engine.store import Study

SHORTEST_PATIENCE = 60.0
"""Seconds of silence that mean nothing, however fast a run was."""
PATIENT_INTERVALS = 5.0
"""So many of its usual intervals a run may be silent before it counts as stalled."""


@dataclass(frozen=True, slots=True)
class RunPulse:
    """One unfinished run at one moment.

    Attributes:
        run_id: the run.
        n_checkpoints: committed checkpoints.
        silence: seconds since its last commit, or since it was begun; 0 where that lies in the future (clocks jump, and
            a run may be recorded on another machine) or was not recorded.
        patience: seconds of silence from which on it counts as stalled.
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
    """A study at one moment.

    Attributes:
        fingerprint: that of the snapshot; it changes with whatever is committed.
        n_runs: usable runs.
        n_checkpoints: all they have committed.
        unfinished: the runs that are not sealed, in study order.
    """

    fingerprint: str
    n_runs: int
    n_checkpoints: int
    unfinished: tuple[RunPulse, ...]


def pulse_of(study: Study, now: float) -> Pulse:
    """The pulse of a snapshot.

    Args:
        study: what is committed.
        now: seconds since 1970, as `time.time` gives them.
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
    """When a run was last heard of (NaN where nothing says), and its patience.

    The usual interval is the median, or the latest where that is longer: schedules that space checkpoints evenly on a
    logarithmic axis leave intervals that grow, and the median is far behind them. The median in turn forgets the night
    between a crash and the resumption, which is the latest interval for one checkpoint only.
    """
    times = run.journal.times[~np.isnan(run.journal.times)]
    if len(times) == 0:
        return run.created, SHORTEST_PATIENCE
    intervals = np.maximum(np.diff(times), 0.0)
    usual = max(float(np.median(intervals)), float(intervals[-1])) if len(intervals) else 0.0
    return float(times[-1]), max(SHORTEST_PATIENCE, PATIENT_INTERVALS * usual)
