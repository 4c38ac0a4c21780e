"""Reader of folders with one .npy file per epoch."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

from engine.errors import ImportSourceError
from engine.formats.array_files import StoredArray, stored_arrays
from engine.formats.candidates import Candidate, Checkpoint, Refusal, Request, each_folder, step_and_epoch

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "val", "valid", "validation"), "test"),
}


def find_epoch_files(request: Request) -> Iterator[Candidate | Refusal]:
    """Yield a candidate per run folder, or a refusal with the reason; each file holds (sample, class).

    The source is the folder of one run, or a folder of such folders. The last number in a file's name is its epoch (or
    step); a word train, test or val in it names the split.
    """
    return each_folder(request, (".npy",), _candidate)


def numbered(name: str) -> float:
    """Return the last number in a file's name: ``probs_epoch12`` gives 12."""
    numbers = _NUMBER.findall(name)
    if not numbers:
        raise ImportSourceError(f"{name} has no number in its name that would say which epoch it is.")
    return float(numbers[-1])


def split_of(name: str, default: str) -> str:
    """Return the split named in a file's name, or the default."""
    words = re.split(r"[^a-z]+", name.lower())
    return next((_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS), default)


def _candidate(folder: Path, paths: list[Path], request: Request) -> Candidate:
    found: dict[float, dict[str, StoredArray]] = {}
    for path in paths:
        split = split_of(path.stem, request.default_split)
        if split not in request.n_samples or path.stem.endswith("labels"):
            continue
        number = numbered(path.stem)
        if split in found.setdefault(number, {}):
            raise ImportSourceError(
                f"{path.name} and {found[number][split].name}.npy are both {request.numbers} {number:g} of {split}: "
                "name files so that the last number tells them apart."
            )
        found[number][split] = _stored_array(path)
    if not found:
        raise ImportSourceError(f"{folder.name} holds no .npy file of the splits {', '.join(request.n_samples)}.")
    for number, arrays in found.items():
        if missing := request.n_samples.keys() - arrays.keys():
            raise ImportSourceError(f"{request.numbers} {number:g} has no file for {', '.join(sorted(missing))}.")
    shapes = {split: (array.shape[0], array.shape[1]) for split, array in found[min(found)].items()}
    for number, arrays in found.items():
        for split, array in arrays.items():
            if array.shape != shapes[split]:
                raise ImportSourceError(
                    f"{request.numbers} {number:g} of {split} has shape {array.shape}, the first {shapes[split]}."
                )
    positions = {number: step_and_epoch(number, request) for number in sorted(found)}

    def read() -> Iterator[Checkpoint]:
        for number, (step, epoch) in positions.items():
            yield Checkpoint(step, epoch, {split: next(array.records()) for split, array in found[number].items()})

    return Candidate.of(request, folder.name, folder.name, shapes, len(found), read)


def _stored_array(path: Path) -> StoredArray:
    (array,) = stored_arrays(path).values()
    if len(array.shape) != 2 or not math.prod(array.shape) or array.dtype.kind != "f":
        raise ImportSourceError(
            f"{path.name} has shape {array.shape} of {array.dtype}; a file per epoch holds (sample, class) floats."
        )
    return array
