"""Benchmark of distances between trajectories at equal clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine.measuring import published
from benchmarks.engine.measuring.models import CHECKPOINTS, log_softmax, run_logits
from benchmarks.engine.measuring.report import Goal, Table, seconds_cells, short
from benchmarks.engine.measuring.timing import Candidate, Discipline, measure
from engine.trajectories.mean_distance import trajectory_distances
from engine.trajectories.resampling import resample

ROUNDS = 3
BOTH, DISTANCES, PUBLISHED = "runs to distances", "of that: distances", "published, torch form"
NOTE = (
    "From log-probabilities in memory to a matrix of runs. *Published* is the torch form of the distances of all "
    "pairs, once per grid point, of models that are on the grid already. *Share* is of the floor's multiply-adds: "
    "classes plus one for each sample of each unordered pair at each point. *Difference* is the largest from the "
    "engine's distances."
)


@dataclass(frozen=True, slots=True)
class TrajectoryCase:
    """Shape and bound of one case.

    Attributes:
        n_runs, n_points, n_samples, n_classes: the shape.
        n_published: number of grid points for the published form; its time is scaled to all points.
        most: upper bound in seconds from runs to distances; None without a bound.
    """

    n_runs: int
    n_points: int
    n_samples: int
    n_classes: int
    n_published: int
    most: float | None = None

    @property
    def name(self) -> str:
        return f"trajectories of {self.n_runs} runs at {self.n_points} points, {self.n_samples} x {self.n_classes}"


FULL = (TrajectoryCase(100, 100, 1000, 10, 10, 20.0),)
QUICK = (TrajectoryCase(10, 10, 100, 10, 2),)


def run_trajectories(
    case: TrajectoryCase, device: str, multiply_adds: float, discipline: Discipline
) -> tuple[Table, list[Goal]]:
    """Return the table and the goals of one shape.

    Args:
        case: the shape.
        device: device of the distances.
        multiply_adds: operations per second of the floor.
        discipline: precautions of the measurement.
    """
    import torch

    runs = [log_softmax(run_logits(run, case.n_samples, case.n_classes)) for run in range(case.n_runs)]
    clock = np.linspace(0.0, 1.0, CHECKPOINTS)
    grid = np.arange(1, case.n_points + 1) / case.n_points

    def aligned() -> NDArray[np.float32]:
        return np.stack([resample(run, clock, grid)[0] for run in runs])

    on_grid = aligned()
    some = np.linspace(0, case.n_points - 1, case.n_published).astype(int)
    tensors = [
        torch.from_numpy(np.ascontiguousarray(np.exp(on_grid[:, point]).transpose(1, 0, 2))).to(device)
        for point in some
    ]

    def torch_form(_: object) -> NDArray[np.float64]:
        return np.asarray(np.mean([published.torch_form(tensor) for tensor in tensors], axis=0))

    calls: dict[str, Callable[[object], object]] = {
        BOTH: lambda _: trajectory_distances(aligned(), device=device),
        DISTANCES: lambda _: trajectory_distances(on_grid, device=device),
        PUBLISHED: torch_form,
    }
    timings, results = measure({name: Candidate(call) for name, call in calls.items()}, ROUNDS, discipline)
    difference = np.abs(trajectory_distances(on_grid[:, some], device=device) - results[PUBLISHED]).max()
    timings[PUBLISHED] = timings[PUBLISHED].scaled(case.n_points / case.n_published)
    operations = case.n_points * case.n_runs * (case.n_runs + 1) * case.n_samples * (case.n_classes + 1)
    rows = []
    for name, timing in timings.items():
        is_published = name == PUBLISHED
        share = f"{100 * operations / timing.median / multiply_adds:.2g} %"
        rows.append(
            (
                name + (f", from {case.n_published} points" if is_published else ""),
                *seconds_cells(timing),
                short(timing.median / timings[DISTANCES].median),
                share,
                f"{difference:.1e}" if is_published else "",
            )
        )
    goals = []
    if case.most is not None:
        goals.append(Goal(case.name, 1e3 * timings[BOTH].median, 1e3 * case.most, False, "ms"))
    columns = ("what", "median", "spread", "samples", "others", "x distances", "share", "difference")
    return Table(case.name[0].upper() + case.name[1:], columns, rows, NOTE), goals
