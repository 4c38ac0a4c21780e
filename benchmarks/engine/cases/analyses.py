"""Benchmark of all analyses: first, repeated, and after a restart."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import engine
from benchmarks.engine.measuring.report import Goal, Table, duration
from engine.analyses import ANALYSES
from engine.errors import EngineError
from engine.explorer.explorer import Explorer
from engine.values import EmbeddingSpec

SHIPPED = Path(engine.__file__).parents[1] / "data" / "studies"
SPLIT = "train"
NOTE = (
    "All runs, with the options that a page opens with. *First* begins with an empty cache, distances included, in a "
    "process that has compiled its kernels; *again* finds the figure in memory; *restarted* finds it on disk in an "
    "explorer that has just been made, opening the study included. One sample each, since a cache is empty only once."
)


@dataclass(frozen=True, slots=True)
class AnalysisCase:
    """Study and time limits of one case.

    Attributes:
        study_id: id of a study that ships.
        n_runs: number of its runs; None for all.
        most_first, most_again: upper bounds in seconds; None without a bound.
    """

    study_id: str
    n_runs: int | None = None
    most_first: float | None = None
    most_again: float | None = None


FULL = (AnalysisCase("digits", None, 10.0, 0.5), AnalysisCase("mnist1d", None, 10.0, 0.5))
QUICK = (AnalysisCase("digits", 6),)


def run_analyses(case: AnalysisCase, device: str, folder: Path) -> tuple[Table, list[Goal]]:
    """Return the table and the goals of one study, measured with caches in a scratch folder."""
    rows: list[tuple[str, ...]] = []
    worst_first, worst_again = 0.0, 0.0
    for kind, analysis in ANALYSES.items():
        try:
            _find(case, device, folder / f"warm-{case.study_id}-{kind}", kind, 1)
        except EngineError as refusal:
            rows.append((analysis.title, "refused", str(refusal), ""))
            continue
        first, again, restarted = _find(case, device, folder / f"{case.study_id}-{kind}", kind, 2)
        rows.append((analysis.title, *map(duration, (first, again, restarted))))
        worst_first, worst_again = max(worst_first, first), max(worst_again, again, restarted)
    goals = []
    if case.most_first is not None:
        goals.append(Goal(f"{case.study_id}: slowest figure, first time", worst_first, case.most_first, False, "s"))
    if case.most_again is not None:
        goals.append(Goal(f"{case.study_id}: slowest figure, kept", worst_again, case.most_again, False, "s"))
    what = "all runs" if case.n_runs is None else f"{case.n_runs} runs"
    columns = ("figure", "first", "again", "restarted")
    return Table(f"Figures of {case.study_id}, {what}, {SPLIT}", columns, rows, NOTE), goals


def _find(case: AnalysisCase, device: str, cache: Path, kind: str, n_explorers: int) -> tuple[float, float, float]:
    """Return seconds of the first answer, the second, and the first of a second explorer on the same cache."""
    times: list[float] = []
    for number in range(n_explorers):
        began = time.perf_counter()
        explorer = Explorer(SHIPPED, device=device, cache=cache)
        try:
            run_ids = tuple(explorer.study(case.study_id).runs.index)[: case.n_runs]
            selection = EmbeddingSpec(case.study_id, SPLIT, run_ids)
            explorer.analyses.find(kind, selection)
            times.append(time.perf_counter() - began)
            if number == 0:
                began = time.perf_counter()
                explorer.analyses.find(kind, selection)
                times.append(time.perf_counter() - began)
        finally:
            explorer.close()
    return times[0], times[1], times[-1]
