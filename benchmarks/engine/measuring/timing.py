"""Interleaved repeated timings, repeated again when the machine is not quiet.

Candidates alternate, so that clock drift and filling caches affect all of them equally. A sample during which other
processes used more than ``QUIET_CORES`` is repeated while patience lasts; if the machine never gets quiet, the quietest
sample is used and the disturbance is reported with it.
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
"""Number of cores that other processes may use during a sample."""
MOST_CALLS = 200
RETRIES = 4
_STAT = Path("/proc/stat")
_IDLE_FIELDS = (3, 4)
_GUEST_FIELDS = 8


@dataclass(frozen=True, slots=True)
class Candidate:
    """Function to measure.

    Attributes:
        call: the timed function.
        prepare: returns the argument of ``call``, untimed, before each call.
    """

    call: Callable[[Any], object]
    prepare: Callable[[], Any] = lambda: None


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement of a candidate.

    Attributes:
        seconds: median over the calls of the sample.
        others: number of cores used by other processes meanwhile; None if the system does not report it.
    """

    seconds: float
    others: float | None

    @property
    def is_quiet(self) -> bool:
        return self.others is None or self.others <= QUIET_CORES


@dataclass(frozen=True, slots=True)
class Timing:
    """Samples of one candidate, and the factor of a scaled timing."""

    samples: tuple[Sample, ...]
    factor: float = 1.0

    @property
    def median(self) -> float:
        """Median in seconds."""
        return self.factor * statistics.median(sample.seconds for sample in self.samples)

    @property
    def spread(self) -> float:
        """Largest minus smallest sample, relative to the median."""
        seconds = [self.factor * sample.seconds for sample in self.samples]
        return (max(seconds) - min(seconds)) / self.median

    @property
    def disturbance(self) -> float | None:
        """Cores used by others in the worst sample if above the limit, else None."""
        disturbed = [sample.others for sample in self.samples if not sample.is_quiet and sample.others is not None]
        return max(disturbed, default=None)

    def scaled(self, factor: float) -> Timing:
        """Return the timing of a problem larger by this factor."""
        return Timing(self.samples, self.factor * factor)


@dataclass(slots=True)
class Discipline:
    """Precautions of a measurement.

    Attributes:
        most_rounds: most samples of each candidate.
        window: seconds for which short calls are repeated per sample: the system counts CPU time in hundredths.
        settle: seconds before each sample. Thread pools spin for up to 0.2 s after their last task, and would disturb
            the next candidate.
        patience: seconds for repeating disturbed samples, over the whole benchmark; consumed during it.
    """

    most_rounds: int = 5
    window: float = 0.4
    settle: float = 0.25
    patience: float = 90.0


def measure(
    candidates: Mapping[str, Candidate], rounds: int, discipline: Discipline, *, warm_up: bool = True
) -> tuple[dict[str, Timing], dict[str, Any]]:
    """Measure candidates in rotation.

    Args:
        candidates: by name.
        rounds: samples of each, at most ``discipline.most_rounds``.
        discipline: precautions of the measurement.
        warm_up: whether each is called once, untimed, before the first round.

    Returns:
        The timing of each candidate, and the result of its first call.
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
    """Return the CPU time of all processes since boot, including steal time; None if unknown."""
    try:
        line = _STAT.read_text().split("\n", 1)[0]
    except OSError:
        return None
    return busy_ticks([int(field) for field in line.split()[1:]]) / float(os.sysconf("SC_CLK_TCK"))


def busy_ticks(fields: Sequence[int]) -> int:
    """Return the busy ticks of the first line of /proc/stat; guest time is already part of user time there."""
    return sum(ticks for k, ticks in enumerate(fields[:_GUEST_FIELDS]) if k not in _IDLE_FIELDS)
