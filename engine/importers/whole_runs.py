"""Files that hold whole runs: (checkpoint, sample, class) in .npy, .npz or .safetensors, beside a table of runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from engine.errors import EngineError, ImportSourceError
from engine.importers.array_files import SUFFIXES, StoredArray, stored_arrays
from engine.importers.candidate import Candidate, Checkpoint, Refusal, Request, run_id_of
from engine.importers.clock import hyperparameters_of, stated_clock

_CLOCKS = ("steps", "epochs")


def find_whole_runs(request: Request) -> Iterator[Candidate | Refusal]:
    """The source is one such file or a folder of them; or the table's column `path` says where each run lies.

    In a .npz or .safetensors an array is called ``train`` or ``test`` (one run, named by its file), ``RUN/train`` or
    ``RUN/test``, or ``RUN`` alone; ``steps`` and ``epochs`` beside it hold the clock. A .npy holds one run, or (run,
    checkpoint, sample, class) for all rows of the table in its order.
    """
    named = request.runs is not None and bool(request.runs.paths)
    for name, path in _listed(request) if named else _found(request.source):
        try:
            runs = _runs_in(path, name if named else path.stem, request)
        except EngineError as error:
            yield Refusal(path.name, str(error))
            continue
        for run, arrays in runs.items():
            try:
                yield _candidate(run, path.name, arrays, request)
            except EngineError as error:
                yield Refusal(f"{path.name} {run}".strip(), str(error))


def _found(source: Path) -> Iterator[tuple[str, Path]]:
    paths = [source]
    if source.is_dir():
        paths = sorted(p for p in source.iterdir() if p.suffix in SUFFIXES and not p.name.startswith((".", "labels")))
        if not paths:
            raise ImportSourceError(f"{source} holds no {', '.join(SUFFIXES)} file.")
    for path in paths:
        yield path.stem, path


def _listed(request: Request) -> Iterator[tuple[str, Path]]:
    folder = request.source if request.source.is_dir() else request.source.parent
    for run, text in request.runs.paths.items() if request.runs else ():
        # The table may come from anybody: it leads nowhere but into the source.
        relative = PurePosixPath(text)
        if relative.is_absolute() or ".." in relative.parts or "\\" in text or "\0" in text or not relative.parts:
            raise ImportSourceError(
                f"{request.runs.name if request.runs else ''} gives {text!r:.80} as the path of "
                f"{run!r}: give one inside the source, without '..'."
            )
        path = folder / relative
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ImportSourceError(f"{text!r:.80} leads out of the source.")
        yield run, path


def _runs_in(path: Path, stem: str, request: Request) -> dict[str, dict[str, StoredArray]]:
    """By run, by split or "steps" or "epochs"."""
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
    n_runs = array.shape[0]
    names = [f"{array.name}-{index}" for index in range(n_runs)]
    if request.runs is not None:
        if len(request.runs.rows) != n_runs:
            raise ImportSourceError(
                f"{array.name} holds {n_runs} runs and {request.runs.name} {len(request.runs.rows)}: one row for each, "
                "in the same order."
            )
        names = list(request.runs.rows)
    return {name: array.part(index) for index, name in enumerate(names)}


def _candidate(run: str, file: str, arrays: Mapping[str, StoredArray], request: Request) -> Candidate:
    taken = {split: arrays[split] for split in request.n_samples if split in arrays}
    if missing := request.n_samples.keys() - taken.keys():
        raise ImportSourceError(f"It has no predictions on {', '.join(sorted(missing))}, only on {', '.join(arrays)}.")
    for split, array in taken.items():
        if len(array.shape) != 3 or not math.prod(array.shape):
            raise ImportSourceError(f"Its {split} has shape {array.shape}; (checkpoint, sample, class) is read.")
    lengths = {array.shape[0] for array in taken.values()}
    if len(lengths) != 1:
        raise ImportSourceError(f"Its splits have {' and '.join(map(str, sorted(lengths)))} checkpoints.")
    (n_checkpoints,) = lengths
    stated = [arrays[name].whole() if name in arrays else None for name in _CLOCKS]
    steps, epochs, notes = stated_clock(n_checkpoints, stated[0], stated[1], request)

    def read() -> Iterator[Checkpoint]:
        records = [array.records() for array in taken.values()]
        for step, epoch, *values in zip(steps, epochs, *records, strict=True):
            yield Checkpoint(step, epoch, dict(zip(taken, values, strict=True)))

    run_id = run_id_of(run)
    shapes = {split: (array.shape[1], array.shape[2]) for split, array in taken.items()}
    return Candidate(run_id, file, hyperparameters_of(request, run_id, run), shapes, n_checkpoints, read, notes)
