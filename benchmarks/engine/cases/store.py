"""Benchmark of the store: append a checkpoint, open, import."""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine.measuring.fresh_process import answer_of
from benchmarks.engine.measuring.models import labels, log_softmax, run_logits
from benchmarks.engine.measuring.report import Goal, Table, duration
from engine.explorer.explorer import Explorer
from engine.formats.candidates import Request
from engine.formats.import_plan import plan_import
from engine.formats.importing import carry_out
from engine.recording.recorder import Recorder

N_CLASSES = 10
N_OPENED = 3
SMALL_PROBE = 20
"""Number of samples of a large study's probe set: opening reads no predictions."""
TOO_FEW = "-"
"""Cell of the slowest twentieth if there are only a handful of times."""
NOTE = (
    "*Appended*: `Recorder.record` with both splits, of log-probabilities there already; *to the disk* with "
    '`durability="disk"`, which waits until both records and then the journal line are on it. *Opened*: '
    "`Explorer.study`, tables included, in a process of its own that has imported what it needs, and in the system's "
    "file cache. *Imported*: from one `.npy` per run to a study, reading, checking and writing, the plan included."
)


@dataclass(frozen=True, slots=True)
class StoreCase:
    """Sizes and bounds of one case.

    Attributes:
        n_appended: checkpoints of one run.
        n_samples: number of samples of each split, for appending and importing.
        n_runs, n_checkpoints: size of the opened study.
        n_imported, n_epochs: number of imported runs, and of checkpoints of each.
        most_append: milliseconds; most_open, most_import: seconds; None without a bound.
    """

    n_appended: int
    n_samples: int
    n_runs: int
    n_checkpoints: int
    n_imported: int
    n_epochs: int
    most_append: float | None = None
    most_open: float | None = None
    most_import: float | None = None


FULL = (StoreCase(200, 1797, 2296, 151_407, 100, 40, 5.0, 1.0, 30.0),)
QUICK = (StoreCase(20, 100, 20, 400, 4, 10),)


def run_store(case: StoreCase, folder: Path) -> tuple[Table, list[Goal]]:
    """Return the table and the goals of one case, measured in a scratch folder."""
    rows: list[tuple[str, ...]] = []
    goals: list[Goal] = []

    shape = f"{case.n_samples} x {N_CLASSES}, both splits"
    for durability, words in (("process", ""), ("disk", ", to the disk")):
        median, slow = _append(case, folder / f"appended-{durability}", durability)
        what = f"a checkpoint of {shape} appended{words}"
        rows.append((what, str(case.n_appended), duration(median), duration(slow)))
        if case.most_append is not None:
            goals.append(Goal(what, 1e3 * median, case.most_append, False, "ms"))

    n_runs, n_checkpoints, opened = _open(case, folder / "large")
    what = f"a study of {n_runs} runs, {n_checkpoints} checkpoints opened"
    rows.append((what, str(len(opened)), duration(statistics.median(opened)), TOO_FEW))
    if case.most_open is not None:
        goals.append(Goal(what, statistics.median(opened), case.most_open, False, "s"))

    seconds = _import(case, folder / "imported")
    what = f"{case.n_imported} runs x {case.n_epochs} x {case.n_samples} x {N_CLASSES} imported"
    rows.append((what, "1", duration(seconds), TOO_FEW))
    if case.most_import is not None:
        goals.append(Goal(what, seconds, case.most_import, False, "s"))
    return Table("The store", ("what", "times", "median", "slowest twentieth"), rows, NOTE), goals


def _append(case: StoreCase, study: Path, durability: str) -> tuple[float, float]:
    """Return the median and the 0.95 quantile of the append times in seconds."""
    truth = labels(case.n_samples, N_CLASSES)
    checkpoints = log_softmax(run_logits(0, case.n_samples, N_CLASSES, min(case.n_appended, 40)))
    seconds = []
    with Recorder(study, {"seed": 0}, {"train": truth, "test": truth}, durability=durability) as recorder:  # type: ignore[arg-type]
        for step in range(case.n_appended):
            record = checkpoints[step % len(checkpoints)]
            began = time.perf_counter()
            recorder.record(step=step, kind="log_probabilities", train=record, test=record)
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), float(np.quantile(seconds, 0.95))


def _open(case: StoreCase, folder: Path) -> tuple[int, int, list[float]]:
    """Return runs and checkpoints of the study, and the seconds of each opening."""
    truth = labels(SMALL_PROBE, N_CLASSES)
    logits = run_logits(0, SMALL_PROBE, N_CLASSES)
    left = case.n_checkpoints
    for run in range(case.n_runs):
        n_checkpoints = left // (case.n_runs - run)
        left -= n_checkpoints
        settings = {"architecture": f"family-{run % 6}", "learning_rate": 10.0 ** -(run % 4), "seed": run // 24}
        with Recorder(folder / "study", settings, {"train": truth, "test": truth}, run_id=f"run-{run:05d}") as recorder:
            for step in range(n_checkpoints):
                record = logits[step % len(logits)]
                recorder.record(step=step, epoch=step / 10, train=record, test=record)
    found = [answer_of("benchmarks.engine.cases.store", str(folder)) for _ in range(N_OPENED)]
    return found[0]["runs"], found[0]["checkpoints"], [one["seconds"] for one in found]


def open_once(folder: str) -> dict[str, Any]:
    """Return the seconds of opening the study in a folder, and its numbers of runs and checkpoints."""
    explorer = Explorer(folder, device="cpu", cache=Path(folder) / "cache")
    try:
        began = time.perf_counter()
        study = explorer.study("study")
        runs = len(study.runs)
        seconds = time.perf_counter() - began
        return {"seconds": seconds, "runs": runs, "checkpoints": study.summary.n_checkpoints}
    finally:
        explorer.close()


def _import(case: StoreCase, folder: Path) -> float:
    """Return the seconds of importing files into a study."""
    source = folder / "saved"
    source.mkdir(parents=True)
    for run in range(case.n_imported):
        logits = run_logits(run, case.n_samples, N_CLASSES, case.n_epochs)
        np.save(source / f"run-{run:03d}.npy", log_softmax(logits))
    began = time.perf_counter()
    plan = plan_import(
        Request(source, n_samples={}, default_split="test", n_classes=N_CLASSES),
        folder / "study",
        "arrays",
        labels={"test": labels(case.n_samples, N_CLASSES)},
        kind="log_probabilities",
    )
    outcome = carry_out(plan)
    seconds = time.perf_counter() - began
    if len(outcome.imported) != case.n_imported:
        raise RuntimeError(f"{len(outcome.imported)} of {case.n_imported} runs came in: {outcome.refusals[:3]}")
    return seconds


if __name__ == "__main__":
    sys.stdout.write(json.dumps(open_once(sys.argv[1])))
