"""The selection changes: from distances on disk to coordinates, for selections of every size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.bench import published
from engine.bench.models import CHECKPOINTS, SPLIT, record_runs
from engine.bench.report import Goal, Table, seconds_cells, short
from engine.bench.timing import Candidate, Discipline, measure
from engine.distances import DistanceStore
from engine.inpca import embed
from engine.store import Study, open_study
from engine.values import Embedding

ROUNDS = 5
N_CLASSES = 10
N_COMPONENTS = 10
SWAPPED_SHARE = 0.05
MOST_RESIDUAL = 1e-6
WARM, GATHERED = "warm: runs exchanged", "of that: tiles gathered"
COLD, PUBLISHED = "cold: store opened anew", "published"


@dataclass(frozen=True, slots=True)
class SelectionCase:
    """A study of so many runs and samples, and selections of it: runs, and milliseconds not to be exceeded.

    Attributes:
        n_runs: of the study.
        n_samples: of its probe set; they cost time once, when the distances are made, and none here.
        sizes: (runs, milliseconds or None) of each selection.
        most_published: models up to which the published eigen-solution is measured too; it is cubic.
    """

    n_runs: int
    n_samples: int
    sizes: tuple[tuple[int, float | None], ...]
    most_published: int


FULL = SelectionCase(300, 200, ((12, 10.0), (50, 30.0), (125, 100.0), (250, 250.0)), 2000)
QUICK = SelectionCase(12, 50, ((4, None), (10, None)), 400)


def run_selections(case: SelectionCase, device: str, folder: Path, discipline: Discipline) -> tuple[Table, list[Goal]]:
    """Measure every size in a scratch folder."""
    path = folder / "selected"
    run_ids = tuple(record_runs(path, range(case.n_runs), case.n_samples, N_CLASSES))
    study = open_study(path)
    store = DistanceStore(folder / "distances", device)
    whole = np.asarray(store.matrix(study, SPLIT, run_ids).values)
    rows: list[tuple[str, ...]] = []
    goals: list[Goal] = []
    for n_selected, most in case.sizes:
        part, goal = _size(study, store, whole, folder, device, n_selected, most, case.most_published, discipline)
        rows += part
        goals += goal
    columns = ("models", "what", "median", "spread", "samples", "others", "x warm", "residual", "eigenvalues")
    note = (
        f"Whole runs of {CHECKPOINTS} checkpoints, drawn at random from a recorded study of {case.n_runs} runs whose "
        f"{len(whole)} x {len(whole)} distances ({case.n_samples} samples) are on disk and in the system's file cache. "
        f"*Warm*: {100 * SWAPPED_SHARE:.0f} % of the runs (one at least) have been exchanged, the tiles are "
        f"gathered and the {N_COMPONENTS} largest eigenpairs found. *Cold* reads the tiles' index and "
        "compares every tile with its checksum before. *Published* takes rows and columns of the whole matrix in "
        "memory, multiplies with L on both sides and finds all eigenpairs. *Residual* is the largest "
        "||Wu - λu|| / |λ1|, *eigenvalues* the largest error against the published ones over |λ1|."
    )
    return Table("Selection change, distances stored", columns, rows, note), goals


def selections(n_runs: int, n_selected: int) -> Iterator[tuple[int, ...]]:
    """Yield run numbers of one selection after another, each with some runs exchanged; endless and deterministic."""
    random = np.random.default_rng(n_selected)
    order = random.permutation(n_runs)
    chosen, others = list(order[:n_selected]), list(order[n_selected:])
    n_swapped = min(len(others), max(1, round(SWAPPED_SHARE * n_selected)))
    while True:
        yield tuple(sorted(int(run) for run in chosen))
        for _ in range(n_swapped):
            others.append(chosen.pop(int(random.integers(len(chosen)))))
            # Not the one that just left.
            chosen.append(others.pop(int(random.integers(len(others) - 1))))


def _size(
    study: Study,
    store: DistanceStore,
    whole: NDArray[np.float32],
    folder: Path,
    device: str,
    n_selected: int,
    most: float | None,
    most_published: int,
    discipline: Discipline,
) -> tuple[list[tuple[str, ...]], list[Goal]]:
    run_ids = tuple(study.runs.index)
    n_models = n_selected * CHECKPOINTS
    # The first selection is asked for in every way, so that results can be compared.
    changing, gathering = (selections(len(run_ids), n_selected) for _ in range(2))
    fixed = next(selections(len(run_ids), n_selected))

    def answer(question: tuple[DistanceStore, tuple[int, ...]]) -> Embedding:
        source, runs = question
        return embed(source.matrix(study, SPLIT, [run_ids[run] for run in runs]), N_COMPONENTS)

    def gather(runs: tuple[int, ...]) -> object:
        return store.matrix(study, SPLIT, [run_ids[run] for run in runs])

    candidates: dict[str, Candidate] = {
        WARM: Candidate(answer, lambda: (store, next(changing))),
        GATHERED: Candidate(gather, lambda: next(gathering)),
        COLD: Candidate(answer, lambda: (DistanceStore(folder / "distances", device), fixed)),
    }
    if n_models <= most_published:
        models = np.concatenate([np.arange(run * CHECKPOINTS, (run + 1) * CHECKPOINTS) for run in fixed])
        candidates[PUBLISHED] = Candidate(
            lambda _: published.embedding_eigenpairs(whole[np.ix_(models, models)].astype(np.float64))
        )
    timings, results = measure(candidates, ROUNDS, discipline)
    exact = results[PUBLISHED][0][:N_COMPONENTS] if PUBLISHED in results else None
    rows: list[tuple[str, ...]] = []
    for name in candidates:
        residual = error = ""
        if isinstance(result := results[name], Embedding):
            residual = f"{result.residual:.1e}"
            error = "" if exact is None else f"{_eigenvalue_error(result.eigenvalues, exact):.1e}"
        ratio = short(timings[name].median / timings[WARM].median)
        rows.append((str(n_models), name, *seconds_cells(timings[name]), ratio, residual, error))
    goals = []
    if most is not None:
        milliseconds = 1e3 * timings[WARM].median
        goals.append(Goal(f"changed selection of {n_models}", milliseconds, most, False, "ms"))
        goals.append(Goal(f"its residual at {n_models}", results[WARM].residual, MOST_RESIDUAL, False, ""))
    return rows, goals


def _eigenvalue_error(found: Any, exact: Any) -> float:
    return float(np.abs(found - exact[: len(found)]).max() / np.abs(exact[0]))
