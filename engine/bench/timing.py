"""Times that can be believed: interleaved, repeated, and counted only where the machine was quiet.

Candidates take turns, so that a clock that drifts or a cache that fills meets all of them alike. A sample during which
other processes used more than ``QUIET_CORES`` is taken again, while patience lasts; where it never gets quiet, the
quietest sample stands and the disturbance is shown beside it.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

QUIET_CORES = 0.12
"""Cores that other processes may use during a sample."""
MOST_CALLS = 200
RETRIES = 4
_STAT = Path("/proc/stat")
_IDLE_FIELDS = (3, 4)
_GUEST_FIELDS = 8


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something to measure.

    Attributes:
        call: what is timed.
        prepare: makes the argument of ``call``, untimed, before each call.
    """

    call: Callable[[Any], object]
    prepare: Callable[[], Any] = lambda: None


@dataclass(frozen=True, slots=True)
class Sample:
    """One turn of a candidate.

    Attributes:
        seconds: median over the calls of the turn.
        others: cores that other processes used meanwhile; None where the system does not tell.
    """

    seconds: float
    others: float | None

    @property
    def is_quiet(self) -> bool:
        return self.others is None or self.others <= QUIET_CORES


@dataclass(frozen=True, slots=True)
class Timing:
    """The samples of one candidate, and by how much a scaled one was multiplied."""

    samples: tuple[Sample, ...]
    factor: float = 1.0

    @property
    def median(self) -> float:
        """Seconds."""
        return self.factor * statistics.median(sample.seconds for sample in self.samples)

    @property
    def spread(self) -> float:
        """Largest minus smallest sample, as a share of the median."""
        seconds = [self.factor * sample.seconds for sample in self.samples]
        return (max(seconds) - min(seconds)) / self.median

    @property
    def disturbance(self) -> float | None:
        """Cores that others used in the worst sample where that is too much, else None."""
        disturbed = [sample.others for sample in self.samples if not sample.is_quiet and sample.others is not None]
        return max(disturbed, default=None)

    def scaled(self, factor: float) -> Timing:
        """The same for a problem that is this much larger."""
        return Timing(self.samples, self.factor * factor)


@dataclass(slots=True)
class Discipline:
    """How carefully to measure.

    Attributes:
        most_rounds: turns of each candidate, where a case asks for more.
        window: seconds that short calls are repeated for one sample: the system counts CPU time in hundredths.
        settle: seconds before each sample. Pools of threads spin for up to 0.2 s after their last task, and would be in
            the next candidate's way.
        patience: seconds that may go into repeating disturbed samples, over the whole benchmark; used up on the way.
    """

    most_rounds: int = 5
    window: float = 0.4
    settle: float = 0.25
    patience: float = 90.0


def measure(
    candidates: Mapping[str, Candidate], rounds: int, discipline: Discipline, *, warm_up: bool = True
) -> tuple[dict[str, Timing], dict[str, Any]]:
    """Time candidates in rotation.

    Args:
        candidates: by name.
        rounds: turns of each, ``discipline.most_rounds`` at most.
        discipline: how carefully.
        warm_up: whether each is called once, untimed, before the first turn.

    Returns:
        The timing of each candidate, and what each returned when it was first called.
    """
    samples: dict[str, list[Sample]] = {name: [] for name in candidates}
    results: dict[str, Any] = {}
    if warm_up:
        for name, candidate in candidates.items():
            results[name] = candidate.call(candidate.prepare())
    for _ in range(min(rounds, discipline.most_rounds)):
        for name, candidate in candidates.items():
            sample, result = _quietest(candidate, discipline)
            samples[name].append(sample)
            results.setdefault(name, result)
    return {name: Timing(tuple(taken)) for name, taken in samples.items()}, results


def _quietest(candidate: Candidate, discipline: Discipline) -> tuple[Sample, Any]:
    taken: list[tuple[Sample, Any]] = []
    while True:
        began = time.perf_counter()
        taken.append(_sample(candidate, discipline))
        if taken[-1][0].is_quiet or len(taken) > RETRIES or discipline.patience <= 0:
            return min(taken, key=lambda pair: pair[0].others or 0.0)
        discipline.patience -= time.perf_counter() - began


def _sample(candidate: Candidate, discipline: Discipline) -> tuple[Sample, Any]:
    time.sleep(discipline.settle)
    seconds: list[float] = []
    busy, own, began = _busy_seconds(), time.process_time(), time.perf_counter()
    while not seconds or (time.perf_counter() - began < discipline.window and len(seconds) < MOST_CALLS):
        argument = candidate.prepare()
        start = time.perf_counter()
        result = candidate.call(argument)
        seconds.append(time.perf_counter() - start)
    own, elapsed = time.process_time() - own, time.perf_counter() - began
    now = _busy_seconds()
    others = None if now is None or busy is None else max(0.0, now - busy - own) / elapsed
    return Sample(statistics.median(seconds), others), result


def _busy_seconds() -> float | None:
    """CPU time of all processes since the machine started, with what its host took away; None where unknown."""
    try:
        line = _STAT.read_text().split("\n", 1)[0]
    except OSError:
        return None
    return busy_ticks([int(field) for field in line.split()[1:]]) / float(os.sysconf("SC_CLK_TCK"))


def busy_ticks(fields: Sequence[int]) -> int:
    """Return the busy ticks of the first line of /proc/stat; guest time is part of user time there already."""
    return sum(ticks for k, ticks in enumerate(fields[:_GUEST_FIELDS]) if k not in _IDLE_FIELDS)
