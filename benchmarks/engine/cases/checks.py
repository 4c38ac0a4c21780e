"""Benchmark of checksums: selections, gathers and passes over tiles, with them and without."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine.cases.selections import N_COMPONENTS, selections
from benchmarks.engine.measuring.report import Goal, Table, duration, seconds_cells, short
from benchmarks.engine.measuring.timing import Candidate, Discipline, measure
from engine.distances.distance_store import DistanceStore
from engine.distances.selection import Selection
from engine.distances.tiles.file import Tile, TileFile
from engine.distances.tiles.reader import TileReader
from engine.distances.tiles.streamed import TiledDistances
from engine.embedding.inpca import embed
from engine.store.study import open_study

ROUNDS = 9
SPLIT = "test"
MOST = 1.1
"""Upper bound of a selection with checks over one without; passes are stated."""
CHECKED, TRUSTED = "with checks", "without"
NOTE = (
    "*With checks* is the engine as it is: whatever is read from the disk has its CRC-32 compared, at every read. "
    "*Without*, only the comparison is left out; the two take turns in one process, with the distances in the system's "
    "file cache. *Selected*: other runs each time, gathered and embedded. *Gathered*: the whole matrix. *One pass*: "
    f"the product of the distances on disk with {TiledDistances.vectors_per_pass} vectors, as a streamed embedding "
    "needs several; *tiles* are the pairs of runs. *CPU* is the median of what all threads of this process took, which "
    "other programs disturb less than the time on the clock."
)
_check = TileReader._check


@dataclass(frozen=True, slots=True)
class CheckCase:
    """Sizes of one case.

    Attributes:
        study: a shipped study.
        sizes: numbers of selected runs.
        passes: (runs, checkpoints of each) of the synthetic tiles that are passed over.
        most: upper bound of the ratio of a selection; None without a bound.
    """

    study: Path
    sizes: tuple[int, ...]
    passes: tuple[tuple[int, int], ...]
    most: float | None = None


DIGITS = Path(__file__).parents[3] / "data" / "studies" / "digits"
FULL = (CheckCase(DIGITS, (58, 30, 10), ((250, 8), (150, 27), (60, 66), (20, 200)), MOST),)
QUICK = (CheckCase(DIGITS, (10,), ((6, 8),)),)


def run_checks(case: CheckCase, device: str, folder: Path, discipline: Discipline) -> tuple[Table, list[Goal]]:
    """Return the table and the goals of one case, measured in a scratch folder."""
    study, store = open_study(case.study), DistanceStore(folder / "checked-distances", device)
    run_ids = [str(run_id) for run_id in study.runs.index]
    whole = Selection.of(study, SPLIT, run_ids)
    store.matrix(whole)
    rows: list[tuple[str, ...]] = []
    goals: list[Goal] = []

    def select(runs: tuple[int, ...]) -> object:
        chosen = whole.among([run_ids[run] for run in runs])
        return embed(store.operator(chosen), N_COMPONENTS)

    for size in case.sizes:
        what = f"{size} of {len(run_ids)} runs selected"
        ratio = _compare(rows, what, select, lambda size=size: selections(len(run_ids), size), discipline)
        if case.most is not None:
            goals.append(Goal(f"{what}, with checks over without", ratio, case.most, False, "times"))
    _compare(rows, f"{len(run_ids)} runs gathered", lambda _: store.matrix(whole), _nothing, discipline)
    tiles = store.tiles(whole)
    _compare(rows, f"{len(run_ids)} runs, one pass", lambda _: _pass(tiles), _nothing, discipline)
    for n_runs, n_checkpoints in case.passes:
        tiles = _tiles(folder / f"tiles-{n_runs}-{n_checkpoints}", n_runs, n_checkpoints, device)
        what = f"one pass over {n_runs * (n_runs + 1) // 2} tiles of {n_checkpoints} x {n_checkpoints}"
        _compare(rows, what, lambda _, tiles=tiles: _pass(tiles), _nothing, discipline)
    columns = ("what", "", "median", "spread", "samples", "others", "x without", "CPU", "CPU x without")
    return Table("Checksums of distances", columns, rows, NOTE), goals


def _compare(
    rows: list[tuple[str, ...]],
    what: str,
    call: Callable[[Any], object],
    arguments: Callable[[], Iterator[Any]],
    discipline: Discipline,
) -> float:
    """Append the rows of a call with and without checks, and return the ratio of their medians."""

    def candidate(is_checked: bool) -> Candidate:
        following = arguments()

        def timed(argument: Any) -> object:
            began = time.process_time()
            result = call(argument)
            spent[is_checked].append(time.process_time() - began)
            return result

        def prepare() -> object:
            TileReader._check = _check if is_checked else _take_as_it_is  # type: ignore[method-assign]
            return next(following)

        return Candidate(timed, prepare)

    spent: dict[bool, list[float]] = {True: [], False: []}
    with _checks_restored():
        timings, _ = measure({CHECKED: candidate(True), TRUSTED: candidate(False)}, ROUNDS, discipline)
    # The first call, which may compile, is none of the samples.
    cpu, bare_cpu = (statistics.median(spent[is_checked][1:]) for is_checked in (True, False))
    ratio = timings[CHECKED].median / timings[TRUSTED].median
    cells = short(ratio), duration(cpu), short(cpu / bare_cpu)
    rows.append((what, CHECKED, *seconds_cells(timings[CHECKED]), *cells))
    rows.append(("", TRUSTED, *seconds_cells(timings[TRUSTED]), "1", duration(bare_cpu), "1"))
    return ratio


@contextmanager
def _checks_restored() -> Iterator[None]:
    try:
        yield
    finally:
        TileReader._check = _check  # type: ignore[method-assign]


def _take_as_it_is(reader: TileReader, entries: Any, starts: Any, sizes: Any, buffer: Any) -> list[int]:
    """Return only the entries whose bytes are missing."""
    return [int(entry) for entry in entries[starts < 0]]


def _nothing() -> Iterator[None]:
    while True:
        yield None


def _pass(tiles: TiledDistances) -> object:
    return tiles.multiply(np.ones((tiles.n_models, tiles.vectors_per_pass)), tiles.dtype)


def _tiles(folder: Path, n_runs: int, n_checkpoints: int, device: str) -> TiledDistances:
    """Return synthetic tiles on disk: what they hold does not matter to a pass."""
    file, random = TileFile(folder), np.random.default_rng(0)
    names = [f"run-{run}" for run in range(n_runs)]
    for run, name in enumerate(names):
        values = random.random((run + 1, n_checkpoints, n_checkpoints), dtype=np.float32)
        file.add([Tile(name, other, tile, 0) for other, tile in zip(names[: run + 1], values, strict=True)])
    found = file.symmetric(names, np.full(n_runs, n_checkpoints))
    assert found is not None
    return TiledDistances(found[0], n_runs * n_checkpoints, "bhattacharyya", 0, device)
