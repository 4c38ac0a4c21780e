"""Benchmark of distances of an added run against a full recomputation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.engine.measuring.accuracy import Errors, Oracle
from benchmarks.engine.measuring.models import CHECKPOINTS, SPLIT, log_probabilities, record_runs
from benchmarks.engine.measuring.report import Goal, Table, duration, error_cells, seconds_cells, short
from benchmarks.engine.measuring.timing import Candidate, Discipline, Timing, measure
from engine.distances.distance_store import DistanceStore
from engine.distances.kernels import select_kernel
from engine.distances.kernels.roots import square_roots
from engine.distances.selection import Selection
from engine.store.study import Study, open_study

ROUNDS = 5
N_CLASSES = 10
WHOLE_KERNEL, STRIPE_KERNEL = "whole matrix, kernel, models packed", "new run, kernel, models packed"
WHOLE, STRIPE, GATHER = "whole matrix", "new run, with all gathered", "nothing new, all gathered"
COMPARISONS = ((WHOLE_KERNEL, None), (STRIPE_KERNEL, WHOLE_KERNEL), (WHOLE, None), (STRIPE, WHOLE), (GATHER, WHOLE))
"""Rows of the table, each with the row that its speed-up refers to."""
NOTE = (
    "Rows without *kernel* go through the store on disk: read the predictions that are needed, measure, append the "
    "tiles, gather all of them as for an embedding. *x whole* says how many times the row fits into the whole matrix "
    "of its kind."
)


@dataclass(frozen=True, slots=True)
class GrowthCase:
    """Size of a study, and the bounds of adding one run to it.

    Attributes:
        n_runs: number of runs before.
        n_samples: size of the probe set.
        most_milliseconds: upper bound of the time; None without a bound.
        least_times: lower bound of the speed-up over the whole matrix; None without a bound.
    """

    n_runs: int
    n_samples: int
    most_milliseconds: float | None = None
    least_times: float | None = None

    @property
    def name(self) -> str:
        return f"{CHECKPOINTS} new checkpoints against {self.n_runs * CHECKPOINTS} x {self.n_samples} x {N_CLASSES}"


FULL = (GrowthCase(125, 1797, 120.0, 50.0),)
QUICK = (GrowthCase(10, 200),)


def run_growth(case: GrowthCase, device: str, folder: Path, discipline: Discipline) -> tuple[Table, list[Goal]]:
    """Return the table and the goals of one case, measured in a scratch folder."""
    timings, errors = _through_store(case, device, folder, discipline)
    timings |= _kernel(case, device, discipline)
    rows = []
    for name, whole in COMPARISONS:
        ratio = "" if whole is None else short(timings[whole].median / timings[name].median)
        rows.append((name, *seconds_cells(timings[name]), ratio, *error_cells(errors if name == STRIPE else None)))
    columns = ("what", "median", "spread", "samples", "others", "x whole", "abs. error", "rel. error")
    without_gather = timings[STRIPE].median - timings[GATHER].median
    note = f"{NOTE} Without the gather the new run takes {duration(max(0.0, without_gather))}."
    return Table(f"Adding a run: {case.name}", columns, rows, note), _goals(case, timings)


def _through_store(
    case: GrowthCase, device: str, folder: Path, discipline: Discipline
) -> tuple[dict[str, Timing], Errors]:
    path = folder / "growing"
    base = tuple(record_runs(path, range(case.n_runs), case.n_samples, N_CLASSES))
    study = open_study(path)
    stores: list[DistanceStore] = []

    def empty_store() -> DistanceStore:
        stores.append(DistanceStore(folder / f"whole-{len(stores)}", device))
        return stores[-1]

    first = Candidate(lambda store: store.operator(Selection.of(study, SPLIT, base)), empty_store)
    whole, _ = measure({WHOLE: first}, 1, discipline, warm_up=False)
    store = stores[-1]

    def grown() -> Iterator[tuple[Study, str]]:
        run = case.n_runs
        while True:
            (run_id,) = record_runs(path, range(run, run + 1), case.n_samples, N_CLASSES)
            yield open_study(path), run_id
            run += 1

    growth = grown()

    def add_run(arrival: tuple[Study, str]) -> Any:
        return store.operator(Selection.of(arrival[0], SPLIT, (*base, arrival[1])))

    timings, results = measure(
        {
            STRIPE: Candidate(add_run, lambda: next(growth)),
            GATHER: Candidate(lambda _: store.operator(Selection.of(study, SPLIT, base))),
        },
        ROUNDS,
        discipline,
    )
    # Errors are judged on three runs: the first that was added, and the last two recorded before it.
    last = [*base[-2:], f"run-{case.n_runs:05d}"]
    models = open_study(path).predictions(SPLIT, last).log_probabilities
    grown_models = range(results[STRIPE].n_models)[-len(models) :]
    return whole | timings, Oracle(models).errors(results[STRIPE].columns(grown_models)[grown_models])


def _kernel(case: GrowthCase, device: str, discipline: Discipline) -> dict[str, Timing]:
    kernel = select_kernel(device)
    n_models = case.n_runs * CHECKPOINTS
    models = log_probabilities(n_models + CHECKPOINTS, case.n_samples, N_CLASSES)
    blocks = (square_roots(models[start : start + CHECKPOINTS]) for start in range(0, n_models, CHECKPOINTS))
    panels = kernel.pack(blocks, n_models)
    new = kernel.pack([square_roots(models[n_models:])], CHECKPOINTS)
    del models
    stripe, _ = measure({STRIPE_KERNEL: Candidate(lambda _: kernel.tile(new, panels))}, ROUNDS, discipline)
    whole, _ = measure({WHOLE_KERNEL: Candidate(lambda _: kernel.tile(panels, None))}, 1, discipline, warm_up=False)
    return stripe | whole


def _goals(case: GrowthCase, timings: dict[str, Timing]) -> list[Goal]:
    if case.most_milliseconds is None or case.least_times is None:
        return []
    goals = []
    for stripe, whole in ((STRIPE_KERNEL, WHOLE_KERNEL), (STRIPE, WHOLE)):
        seconds = timings[stripe].median
        goals.append(Goal(f"{case.name}: {stripe}", 1e3 * seconds, case.most_milliseconds, False, "ms"))
        ratio = timings[whole].median / seconds
        goals.append(Goal(f"{case.name}: {stripe}, against the {whole}", ratio, case.least_times, True, "times"))
    return goals
