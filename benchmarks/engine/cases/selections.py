"""Benchmark of selections: from distances on disk to coordinates."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine.measuring import published
from benchmarks.engine.measuring.models import CHECKPOINTS, SPLIT, record_runs
from benchmarks.engine.measuring.report import Goal, Table, duration, seconds_cells, short
from benchmarks.engine.measuring.timing import Candidate, Discipline, measure
from engine.distances.distance_store import DistanceStore
from engine.distances.selection import Selection
from engine.embedding.inpca import embed
from engine.embedding.low_rank import Preview
from engine.explorer.builder import PREVIEW_STARTS_MODELS
from engine.store.study import Study, open_study
from engine.values import Embedding, PreviewEmbedding

ROUNDS = 5
N_CLASSES = 10
N_COMPONENTS = 10
SHOWN_COMPONENTS = 3
SWAPPED_SHARE = 0.05
MOST_RESIDUAL = 1e-6
WARM, GATHERED, UNAIDED = "warm: runs exchanged", "of that: tiles gathered", "warm, begun from nothing"
PREVIEWED, COLD, PUBLISHED = "preview: runs exchanged", "cold: store opened anew", "published"
"""Rows of the table; the note below it defines them."""

Runs = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SelectionCase:
    """Size of a study, sizes of selections, and their time limits.

    Attributes:
        n_runs: number of runs of the study.
        n_samples: size of its probe set; affects only the initial computation of the distances.
        sizes: (runs, upper bound in milliseconds or None) of each selection.
        most_published: most models for the published eigensolution, which is cubic.
        most_preview: upper bound in milliseconds of a preview of any size.
    """

    n_runs: int
    n_samples: int
    sizes: tuple[tuple[int, float | None], ...]
    most_published: int
    most_preview: float | None = None


FULL = (
    SelectionCase(300, 200, ((12, 10.0), (50, 30.0), (125, 100.0), (250, 250.0)), 2000, 20.0),
    SelectionCase(525, 50, ((500, None),), 0, 20.0),
)
QUICK = (SelectionCase(12, 50, ((4, None), (10, None)), 400),)


@dataclass(frozen=True, slots=True, eq=False)
class _Stored:
    """A study whose distances are on disk, and its preview."""

    study: Study
    store: DistanceStore
    preview: Preview
    folder: Path
    device: str

    def names(self, runs: Runs) -> list[str]:
        return [self.preview.run_ids[run] for run in runs]

    def embed(self, runs: Runs, store: DistanceStore | None = None, *, from_preview: bool = False) -> Embedding:
        """Return the embedding of the runs, from stored tiles; the path that a scene takes."""
        names = self.names(runs)
        distances = (store or self.store).operator(Selection.of(self.study, SPLIT, names))
        start = self.preview.embed(names, N_COMPONENTS).coordinates if from_preview else None
        return embed(distances, N_COMPONENTS, start=start)


def run_selections(case: SelectionCase, device: str, folder: Path, discipline: Discipline) -> tuple[Table, list[Goal]]:
    """Return the table and the goals of one case, measured in a scratch folder."""
    name = f"selected-{case.n_runs}"
    run_ids = tuple(record_runs(folder / name, range(case.n_runs), case.n_samples, N_CLASSES))
    study, store = open_study(folder / name), DistanceStore(folder / f"{name}-distances", device)
    source = store.operator(Selection.of(study, SPLIT, run_ids))
    n_models = source.n_models
    began = time.perf_counter()
    tiles = store.tiles(Selection.of(study, SPLIT, run_ids))
    preview = Preview.build(tiles, source, run_ids, [CHECKPOINTS] * case.n_runs)
    preview_seconds = time.perf_counter() - began
    del source, tiles
    stored = _Stored(study, store, preview, folder / f"{name}-distances", device)
    rows: list[tuple[str, ...]] = []
    goals: list[Goal] = []
    for n_selected, most in case.sizes:
        part, goal = _size(stored, n_selected, most, case, discipline)
        rows += part
        goals += goal
    columns = (
        "models", "what", "median", "spread", "samples", "others", "x warm", "residual", "eigenvalues", "coordinates",
        "estimate",
    )  # fmt: skip
    note = (
        f"Whole runs of {CHECKPOINTS} checkpoints, drawn at random from a recorded study of {case.n_runs} runs whose "
        f"{n_models} x {n_models} distances ({case.n_samples} samples) are on disk and in the system's file cache. "
        f"*Warm*: {100 * SWAPPED_SHARE:.0f} % of the runs (one at least) have been exchanged, the tiles are "
        f"gathered and the {N_COMPONENTS} largest eigenpairs found; from {PREVIEW_STARTS_MODELS} models on, as for a "
        "scene, beginning with the preview, whose time is included. *Preview* is of the study's factor of rank "
        f"{len(preview.eigenvalues)}, which took {duration(preview_seconds)} once. *Cold* reads the tiles' index "
        "before, and begins from nothing. *Published* takes rows and columns of "
        "the whole matrix in memory, multiplies with L on both sides and finds all eigenpairs. *Residual* is the "
        "largest ||Wu - λu|| / |λ1|, *eigenvalues* the largest error against the published ones over |λ1|, "
        f"*coordinates* the root mean square error of the worst of the first {SHOWN_COMPONENTS} components over the "
        "root mean square of the first, and *estimate* what the preview says of that."
    )
    return Table(f"Selection change, distances of {n_models} models stored", columns, rows, note), goals


def selections(n_runs: int, n_selected: int) -> Iterator[tuple[int, ...]]:
    """Yield run numbers of successive selections, each with some runs exchanged; endless and deterministic."""
    random = np.random.default_rng(n_selected)
    order = random.permutation(n_runs)
    chosen, others = list(order[:n_selected]), list(order[n_selected:])
    n_swapped = min(len(others), max(1, round(SWAPPED_SHARE * n_selected)))
    while True:
        yield tuple(sorted(int(run) for run in chosen))
        for _ in range(n_swapped):
            others.append(chosen.pop(int(random.integers(len(chosen)))))
            # Any run except the one just removed.
            chosen.append(others.pop(int(random.integers(len(others) - 1))))


def _size(
    stored: _Stored, n_selected: int, most: float | None, case: SelectionCase, discipline: Discipline
) -> tuple[list[tuple[str, ...]], list[Goal]]:
    """Return the rows and the goals of selections of one size."""
    n_runs, n_models = len(stored.preview.run_ids), n_selected * CHECKPOINTS
    starts = n_models >= PREVIEW_STARTS_MODELS
    # The first selection is computed by every method, so that results can be compared.
    fixed = next(selections(n_runs, n_selected))

    def changing(call: Any) -> Candidate:
        following = selections(n_runs, n_selected)
        return Candidate(call, lambda: next(following))

    candidates = {
        WARM: changing(lambda runs: stored.embed(runs, from_preview=starts)),
        GATHERED: changing(lambda runs: stored.store.operator(Selection.of(stored.study, SPLIT, stored.names(runs)))),
    }
    if starts:
        candidates[UNAIDED] = changing(stored.embed)
    candidates[PREVIEWED] = changing(lambda runs: stored.preview.embed(stored.names(runs), N_COMPONENTS))
    candidates[COLD] = Candidate(
        lambda store: stored.embed(fixed, store), lambda: DistanceStore(stored.folder, stored.device)
    )
    if n_models <= case.most_published:
        matrix = stored.store.matrix(Selection.of(stored.study, SPLIT, stored.preview.run_ids)).values
        models = np.concatenate([np.arange(run * CHECKPOINTS, (run + 1) * CHECKPOINTS) for run in fixed])
        candidates[PUBLISHED] = Candidate(
            lambda _: published.embedding_eigenpairs(matrix[np.ix_(models, models)].astype(np.float64))
        )
    timings, results = measure(candidates, ROUNDS, discipline)
    exact = results[PUBLISHED][0][:N_COMPONENTS] if PUBLISHED in results else None
    rows: list[tuple[str, ...]] = []
    for name in candidates:
        residual = eigenvalues = coordinates = estimate = ""
        if isinstance(result := results[name], Embedding):
            residual = f"{result.residual:.1e}"
            eigenvalues = "" if exact is None else f"{_eigenvalue_error(result.eigenvalues, exact):.1e}"
        if isinstance(result, PreviewEmbedding):
            coordinates = f"{coordinate_error(result, results[WARM]):.1e}"
            estimate = f"{result.error_estimate[:SHOWN_COMPONENTS].max():.1e}"
        ratio = short(timings[name].median / timings[WARM].median)
        cells = seconds_cells(timings[name])
        rows.append((str(n_models), name, *cells, ratio, residual, eigenvalues, coordinates, estimate))
    goals = []
    if most is not None:
        milliseconds = 1e3 * timings[WARM].median
        goals.append(Goal(f"changed selection of {n_models}", milliseconds, most, False, "ms"))
        goals.append(Goal(f"its residual at {n_models}", results[WARM].residual, MOST_RESIDUAL, False, ""))
    if case.most_preview is not None:
        milliseconds = 1e3 * timings[PREVIEWED].median
        goals.append(Goal(f"preview of a selection of {n_models}", milliseconds, case.most_preview, False, "ms"))
    return rows, goals


def _eigenvalue_error(found: Any, exact: Any) -> float:
    return float(np.abs(found - exact[: len(found)]).max() / np.abs(exact[0]))


def coordinate_error(preview: PreviewEmbedding, exact: Embedding) -> float:
    """Return the root-mean-square error of the worst displayed component, over the root mean square of the first."""
    shown = slice(min(SHOWN_COMPONENTS, preview.n_components, exact.n_components))
    found, right = preview.coordinates[:, shown], exact.coordinates[:, shown]
    # The sign of an axis is a convention, and near a tie depends on rounding.
    gaps = found * np.sign((found * right).sum(axis=0)) - right
    return float(np.linalg.norm(gaps, axis=0).max() / np.linalg.norm(right[:, 0]))
