"""A folder with one .npy file per epoch: what a line of numpy.save in a training loop leaves behind."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

from engine.errors import EngineError, ImportSourceError
from engine.importers.array_files import StoredArray, stored_arrays
from engine.importers.candidate import Candidate, Checkpoint, Refusal, Request, run_id_of
from engine.importers.clock import hyperparameters_of, step_and_epoch

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "val": "test",
    "valid": "test",
    "validation": "test",
}


def find_epoch_files(request: Request) -> Iterator[Candidate | Refusal]:
    """The source is the folder of one run, or a folder of such folders; each file holds (sample, class).

    The last number in a file's name is its epoch (or step), a word train, test or val in it the split.
    """
    if not request.source.is_dir():
        raise ImportSourceError(f"{request.source} is no folder; this format is a folder of .npy files, one per epoch.")
    folders = [request.source]
    if not any(_arrays_in(request.source)):
        folders = sorted(path for path in request.source.iterdir() if path.is_dir() and not path.name.startswith("."))
    for folder in folders:
        try:
            yield _candidate(folder, request)
        except EngineError as error:
            yield Refusal(folder.name, str(error))


def numbered(name: str) -> float:
    """The last number in a file's name: ``probs_epoch12`` is 12."""
    numbers = _NUMBER.findall(name)
    if not numbers:
        raise ImportSourceError(f"{name} has no number in its name that would say which epoch it is.")
    return float(numbers[-1])


def split_of(name: str, default: str) -> str:
    """The split that a file's name mentions."""
    words = re.split(r"[^a-z]+", name.lower())
    return next((_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS), default)


def _arrays_in(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.glob("*.npy")) if not path.name.startswith("."))


def _candidate(folder: Path, request: Request) -> Candidate:
    found: dict[float, dict[str, StoredArray]] = {}
    for path in _arrays_in(folder):
        split = split_of(path.stem, request.default_split)
        if split not in request.n_samples or path.stem.endswith("labels"):
            continue
        number = numbered(path.stem)
        if split in found.setdefault(number, {}):
            raise ImportSourceError(
                f"{path.name} and {found[number][split].name}.npy are both {request.numbers} {number:g} of {split}: "
                "name files so that the last number tells them apart."
            )
        found[number][split] = _record(path)
    if not found:
        raise ImportSourceError(f"{folder.name} holds no .npy file of the splits {', '.join(request.n_samples)}.")
    for number, arrays in found.items():
        if missing := request.n_samples.keys() - arrays.keys():
            raise ImportSourceError(f"{request.numbers} {number:g} has no file for {', '.join(sorted(missing))}.")
    first = found[min(found)]

    def read() -> Iterator[Checkpoint]:
        for number in sorted(found):
            step, epoch = step_and_epoch(number, request)
            yield Checkpoint(step, epoch, {split: next(array.records()) for split, array in found[number].items()})

    for number in found:
        step_and_epoch(number, request)
    run_id = run_id_of(folder.name)
    hyperparameters = hyperparameters_of(request, run_id, folder.name)
    shapes = {split: (array.shape[0], array.shape[1]) for split, array in first.items()}
    return Candidate(run_id, folder.name, hyperparameters, shapes, len(found), read)


def _record(path: Path) -> StoredArray:
    (array,) = stored_arrays(path).values()
    if len(array.shape) != 2 or not math.prod(array.shape):
        raise ImportSourceError(f"{path.name} has shape {array.shape}; a file per epoch holds (sample, class).")
    return array
