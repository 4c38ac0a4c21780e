"""Benchmark of progress: root bracketing for all models against minimisation per model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.engine.measuring import published
from benchmarks.engine.measuring.models import labels, log_probabilities
from benchmarks.engine.measuring.report import Goal, Table, seconds_cells, short
from benchmarks.engine.measuring.timing import Candidate, Discipline, measure
from engine.trajectories.geodesics import PROGRESS_DEFINITIONS, Geodesic, progress

ROUNDS = 3
BETWEEN = "angle, between two checkpoints"
PUBLISHED, BARE = "published: a minimisation per model", "the same at its best"
"""Rows of the table, beside those of the definitions; the note below it defines them."""
NOTE = (
    "From log-probabilities in memory to one number per checkpoint, in each definition, along the geodesic from "
    "ignorance to truth, and along one between two checkpoints, whose samples are unequally far apart. *Published* "
    "minimises each model's sum of angles by scipy's bounded method with its default tolerance, from probabilities in "
    "float64, and makes the point of the geodesic anew for each evaluation; *at its best* it takes square roots and "
    "angles once. *Difference* is the largest from ours, on the models that these two were given."
)


@dataclass(frozen=True, slots=True)
class ProgressCase:
    """Shape and bounds of one case.

    Attributes:
        n_models, n_samples, n_classes: the shape.
        n_published: number of models for the published form; its time is scaled to all models.
        most: upper bound in seconds; None without a bound.
        least: lower bound of the speed-up over the published form; None without a bound.
    """

    n_models: int
    n_samples: int
    n_classes: int
    n_published: int
    most: float | None = None
    least: float | None = None

    @property
    def name(self) -> str:
        return f"progress of {self.n_models} x {self.n_samples} x {self.n_classes}"


FULL = (ProgressCase(5000, 1000, 10, 250, 2.0, 50.0),)
QUICK = (ProgressCase(200, 100, 10, 40),)


def run_progress(case: ProgressCase, discipline: Discipline) -> tuple[Table, list[Goal]]:
    """Return the table and the goals of one case; all candidates run on the CPU."""
    models, true = (
        log_probabilities(case.n_models, case.n_samples, case.n_classes),
        labels(case.n_samples, case.n_classes),
    )
    chosen = np.arange(case.n_published) * (case.n_models // case.n_published)
    some = np.exp(models[chosen].astype(np.float64))

    def by(definition: str) -> Candidate:
        return Candidate(lambda _: progress(models, true, definition))

    candidates = {definition: by(definition) for definition in PROGRESS_DEFINITIONS}
    candidates[BETWEEN] = Candidate(lambda _: Geodesic.between(models[0], models[-1]).progress(models))
    candidates[PUBLISHED] = Candidate(lambda _: published.progress(some, true))
    candidates[BARE] = Candidate(lambda _: published.bare_progress(some, true))
    timings, results = measure(candidates, ROUNDS, discipline)
    angle = timings["angle"].median
    rows = []
    for name in candidates:
        scaled = difference = ""
        if name in (PUBLISHED, BARE):
            timings[name] = timings[name].scaled(case.n_models / len(some))
            scaled = f", from {len(some)} models"
            difference = f"{np.abs(results['angle'][chosen] - results[name]).max():.1e}"
        times = short(timings[name].median / angle)
        rows.append((name + scaled, *seconds_cells(timings[name]), times, difference))
    goals = []
    if case.most is not None:
        goals.append(Goal(case.name, 1e3 * angle, 1e3 * case.most, False, "ms"))
    if case.least is not None:
        ratio = timings[PUBLISHED].median / angle
        goals.append(Goal(f"{case.name} against a minimisation per model", ratio, case.least, True, "times"))
    columns = ("what", "median", "spread", "samples", "others", "x angle", "difference")
    title = f"Progress, {case.n_models} x {case.n_samples} x {case.n_classes} (models x samples x classes)"
    return Table(title, columns, rows, NOTE), goals
