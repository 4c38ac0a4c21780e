"""Reader of files with whole runs: (checkpoint, sample, class) arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from engine.errors import ImportSourceError
from engine.formats.array_files import SUFFIXES, StoredArray, stored_arrays
from engine.formats.candidates import (
    MOST_CHECKPOINTS,
    Candidate,
    Checkpoint,
    Refusal,
    Request,
    attempt,
    files_in,
    refuse_many,
    stated_clock,
)
from engine.formats.tables import MOST_RUNS

_CLOCKS = ("steps", "epochs")


def find_whole_runs(request: Request) -> Iterator[Candidate | Refusal]:
    """Yield a candidate per run, or a refusal with the reason.

    The source is a .npy, .npz or .safetensors file or a folder of such; or the table's column `path` lists files. In a
    .npz or .safetensors an array is called ``train`` or ``test`` (one run, named by its file), ``RUN/train`` or
    ``RUN/test``, or ``RUN`` alone; arrays ``steps`` and ``epochs`` hold the clock. A .npy holds one run, or (run,
    checkpoint, sample, class) for all rows of the table in order.
    """
    named = list(_listed(request))
    for name, path in named or ((path.stem, path) for path in files_in(request.source, SUFFIXES, (".", "labels"))):
        runs = attempt(path.name, _runs_in, path, name, request)
        if isinstance(runs, Refusal):
            yield runs
            continue
        for run, arrays in runs.items():
            yield attempt(f"{path.name} {run}", whole_run, run, path.name, arrays, request)


def _listed(request: Request) -> Iterator[tuple[str, Path]]:
    folder, runs = request.source if request.source.is_dir() else request.source.parent, request.runs
    for run, text in runs.paths.items() if runs else ():
        # The table is untrusted: its paths must stay inside the source.
        relative = PurePosixPath(text)
        if relative.is_absolute() or ".." in relative.parts or "\\" in text or "\0" in text or not relative.parts:
            raise ImportSourceError(
                f"{runs.name if runs else ''} gives {text!r:.80} as the path of {run!r}: give one inside the source, "
                "without '..'."
            )
        path = folder / relative
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ImportSourceError(f"{text!r:.80} leads out of the source.")
        yield run, path


def _runs_in(path: Path, stem: str, request: Request) -> dict[str, dict[str, StoredArray]]:
    """Return arrays by run, then by split, "steps" or "epochs"."""
    runs: dict[str, dict[str, StoredArray]] = {}
    for name, array in stored_arrays(path).items():
        folder, _, last = name.rpartition("/")
        if last in (*request.n_samples, "train", "test", *_CLOCKS):
            runs.setdefault(folder or stem, {})[last] = array
        elif len(array.shape) == 4:
            runs |= {run: {request.default_split: part} for run, part in _parts(array, request).items()}
        elif len(array.shape) == 3:
            is_alone = path.suffix == ".npy" or name == "arr_0"
            runs.setdefault(stem if is_alone else name, {})[request.default_split] = array
        else:
            raise ImportSourceError(
                f"{path.name}: its array {name!r} has shape {array.shape}; (checkpoint, sample, class) is read."
            )
    return runs


def _parts(array: StoredArray, request: Request) -> dict[str, StoredArray]:
    n_runs, n_checkpoints = array.shape[:2]
    refuse_many(n_runs, MOST_RUNS, "runs", "a file")
    refuse_many(n_runs * n_checkpoints, MOST_CHECKPOINTS, "checkpoints", "a file")
    names = [f"{array.name}-{index}" for index in range(n_runs)]
    if request.runs is not None:
        if len(request.runs.rows) != n_runs:
            raise ImportSourceError(
                f"{array.name} holds {n_runs} runs and {request.runs.name} {len(request.runs.rows)}: one row for each, "
                "in the same order."
            )
        names = list(request.runs.rows)
    return {name: array.part(index) for index, name in enumerate(names)}


def whole_run(name: str, source: str, arrays: Mapping[str, StoredArray], request: Request) -> Candidate:
    """Return the run of (checkpoint, sample, class) arrays by split, and of its steps and epochs if stated."""
    taken = {split: arrays[split] for split in request.n_samples if split in arrays}
    if missing := request.n_samples.keys() - taken.keys():
        raise ImportSourceError(f"It has no predictions on {', '.join(sorted(missing))}, only on {', '.join(arrays)}.")
    for split, array in taken.items():
        if len(array.shape) != 3 or not math.prod(array.shape) or array.dtype.kind != "f":
            raise ImportSourceError(
                f"Its {split} has shape {array.shape} of {array.dtype}; (checkpoint, sample, class) is read, as floats."
            )
    lengths = {array.shape[0] for array in taken.values()}
    if len(lengths) != 1:
        raise ImportSourceError(f"Its splits have {' and '.join(map(str, sorted(lengths)))} checkpoints.")
    (n_checkpoints,) = lengths
    refuse_many(n_checkpoints, MOST_CHECKPOINTS, "checkpoints", "a run")
    for clock in _CLOCKS:
        if clock in arrays and arrays[clock].shape != (n_checkpoints,):
            raise ImportSourceError(f"It has {n_checkpoints} checkpoints and {clock} of shape {arrays[clock].shape}.")
    stated = [arrays[name].whole(8 * MOST_CHECKPOINTS) if name in arrays else None for name in _CLOCKS]
    steps, epochs, notes = stated_clock(n_checkpoints, stated[0], stated[1], request)

    def read() -> Iterator[Checkpoint]:
        records = [array.records() for array in taken.values()]
        for step, epoch, *values in zip(steps, epochs, *records, strict=True):
            yield Checkpoint(step, epoch, dict(zip(taken, values, strict=True)))

    shapes = {split: (array.shape[1], array.shape[2]) for split, array in taken.items()}
    return Candidate.of(request, name, source, shapes, n_checkpoints, read, notes)
