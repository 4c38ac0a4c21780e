"""Benchmark of memory for a study that fills a small machine."""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.engine.measuring.fresh_process import answer_of
from benchmarks.engine.measuring.models import CHECKPOINTS, SPLIT, record_runs
from benchmarks.engine.measuring.report import Goal, Table, duration, short
from engine.distances.distance_store import DistanceStore
from engine.distances.selection import Selection
from engine.embedding.inpca import embed
from engine.store.study import open_study

N_CLASSES = 10
N_COMPONENTS = 10
MOST_RESIDUAL = 1e-6
_STATUS = Path("/proc/self/status")
NOTE = (
    "A recorded study, and for each row a fresh process that imports the engine, opens the study and asks for all of "
    "it. *Peak memory* is what was resident at most, panels and libraries included. The first row measures all "
    "distances and gathers them; the second finds them on disk and is given too little memory to gather them."
)


@dataclass(frozen=True, slots=True)
class LargeCase:
    """Runs and samples; a sufficient and an insufficient memory limit in bytes; bound of the peak memory in GB."""

    n_runs: int
    n_samples: int
    memory: int
    little_memory: int
    most_peak: float | None = None

    @property
    def name(self) -> str:
        return f"{self.n_runs * CHECKPOINTS} x {self.n_samples} x {N_CLASSES}"


FULL = (LargeCase(500, 1000, 6 * 2**30, 2**29, 6.0),)
QUICK = (LargeCase(20, 50, 2**30, 7_000_000),)


def run_large(case: LargeCase, device: str, folder: Path) -> tuple[Table, list[Goal]]:
    """Return the table and the goals of one case, measured in a scratch folder."""
    study = folder / "large"
    # Runs are generated one after the other, so that they are never all in memory.
    for _ in record_runs(study, range(case.n_runs), case.n_samples, N_CLASSES):
        pass
    found = [
        answer_of("benchmarks.engine.cases.large", str(study), device, str(memory))
        for memory in (case.memory, case.little_memory)
    ]
    rows = []
    for what, one in zip(("measured and gathered", "straight from the disk"), found, strict=True):
        where = "tiles on disk" if one["is_streamed"] else "memory"
        times = duration(one["distances"]), duration(one["embedding"])
        rows.append((what, *times, f"{short(one['peak'] / 2**30)} GB", where, f"{one['residual']:.1e}"))
    columns = ("what", "distances", "embedding", "peak memory", "multiplied from", "residual")
    goals = []
    if case.most_peak is not None:
        peak = max(one["peak"] for one in found) / 2**30
        residual = max(one["residual"] for one in found)
        goals.append(Goal(f"{case.name}, distances and embedding: peak memory", peak, case.most_peak, False, "GB"))
        goals.append(Goal(f"its residual at {case.name}", residual, MOST_RESIDUAL, False, ""))
    return Table(f"Large: {case.name}, in a process of its own", columns, rows, NOTE), goals


def measure_once(path: str, device: str, memory: int) -> dict[str, Any]:
    """Return seconds of distances and embedding of a whole study, the residual, and this process's peak memory."""
    study = open_study(path)
    began = time.perf_counter()
    store = DistanceStore(Path(path).with_name("large-distances"), device, memory)
    distances = store.operator(Selection.of(study, SPLIT, list(study.runs.index)))
    measured = time.perf_counter()
    embedding = embed(distances, N_COMPONENTS)
    return {
        "distances": measured - began,
        "embedding": time.perf_counter() - measured,
        "residual": embedding.residual,
        "is_streamed": distances.is_streamed,
        "peak": peak_bytes(),
    }


def peak_bytes() -> int:
    """Return the most memory that was resident for this process at any time."""
    try:
        lines = _STATUS.read_text().splitlines()
        # Unlike resource usage, VmHWM does not include the parent process.
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    print(json.dumps(measure_once(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
