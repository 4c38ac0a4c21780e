"""Import requests, candidate runs and refusals."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, NamedTuple, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.errors import EngineError, ImportSourceError
from engine.formats.records import Record
from engine.formats.tables import RunTable
from engine.store.hyperparameters import Scalar
from engine.store.journal import LARGEST_STEP
from engine.store.manifest import NAME

Report = Callable[[str, int, int], None]
"""Called with a run's id, number of checkpoints or runs done, and their number."""
P = ParamSpec("P")
T = TypeVar("T")

MOST_CHECKPOINTS = 1_000_000
"""Of a source: about as many as the journal of one run has room for."""


class Checkpoint(NamedTuple):
    """One checkpoint to import: (sample, class) predictions by split, large ones as unread records."""

    step: int
    epoch: float | None
    predictions: Mapping[str, NDArray[np.floating[Any]] | Record]


@dataclass(frozen=True, slots=True)
class Request:
    """Request to an importer.

    Attributes:
        source: file or folder.
        n_samples: size of the probe set of each split to import.
        default_split: split of arrays whose name states none.
        n_classes: number of classes of the study; None if it does not exist and none is given.
        runs: hyperparameters by run id; None without a table.
        numbers: meaning of the numbers in file names, ``"epoch"`` or ``"step"``.
        steps_per_epoch: updates in one pass over the training set, if known.
        options: options of the format alone, by name.
    """

    source: Path
    n_samples: Mapping[str, int]
    default_split: str
    n_classes: int | None = None
    runs: RunTable | None = None
    numbers: str = "epoch"
    steps_per_epoch: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Importable run of a source, known from its declarations; its data are unread.

    Attributes:
        run_id: id of the run in the study.
        source: its location inside the source.
        hyperparameters: flat scalars.
        shapes: declared (sample, class) by split.
        n_checkpoints: number of checkpoints that `read` yields.
        read: yields its checkpoints in order, read one at a time.
        notes: decisions made during the search, as display text.
        digest: SHA-256 of the run's source; empty if the predictions themselves are to be digested.
        kind: kind of its numbers if the importer computes them itself; empty if it is to be detected.
    """

    run_id: str
    source: str
    hyperparameters: Mapping[str, Scalar]
    shapes: Mapping[str, tuple[int, int]]
    n_checkpoints: int
    read: Callable[[], Iterator[Checkpoint]]
    notes: tuple[str, ...] = ()
    digest: str = ""
    kind: str = ""

    @classmethod
    def of(
        cls, request: Request, name: str, source: str, shapes: Mapping[str, tuple[int, int]], n_checkpoints: int,
        read: Callable[[], Iterator[Checkpoint]], notes: tuple[str, ...] = (),
    ) -> Candidate:  # fmt: skip
        """Return the run of this name, with its hyperparameters from the table of runs."""
        run_id = run_id_of(name)
        hyperparameters = hyperparameters_of(request, run_id, name, source)
        return cls(run_id, source, hyperparameters, shapes, n_checkpoints, read, notes)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A part of the source that is not imported, and the reason."""

    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


def each_file(
    request: Request, suffixes: Sequence[str], examine: Callable[[Path, Request], Candidate]
) -> Iterator[Candidate | Refusal]:
    """Examine the source if it is a file, else each of its files with one of the suffixes, in order of their names."""
    for path in files_in(request.source, suffixes):
        yield attempt(path.name, examine, path, request)


def each_folder(
    request: Request, suffixes: Sequence[str], examine: Callable[[Path, list[Path], Request], Candidate]
) -> Iterator[Candidate | Refusal]:
    """Examine the folder of one run or each folder in it, with its files that have one of the suffixes, in order."""
    source = request.source
    if not source.is_dir():
        raise ImportSourceError(f"{source} is no folder; this format is a folder of {', '.join(suffixes)} files.")
    inside = sorted(path for path in source.iterdir() if not path.name.startswith("."))
    folders = [path for path in inside if path.is_dir()]
    is_run = any(path.suffix in suffixes and path not in folders for path in inside)
    for folder in [source] if is_run else folders:
        yield attempt(folder.name, lambda folder: examine(folder, files_in(folder, suffixes), request), folder)


def files_in(source: Path, suffixes: Sequence[str], ignored: tuple[str, ...] = (".",)) -> list[Path]:
    """Return a file itself, of a folder the files with one of the suffixes, sorted, but none with an ignored prefix.

    Raises:
        ImportSourceError: the folder holds none.
    """
    if not source.is_dir():
        return [source]
    paths = sorted(path for path in source.iterdir() if path.suffix in suffixes and not path.is_dir())
    paths = [path for path in paths if not path.name.startswith(ignored)]
    if not paths:
        raise ImportSourceError(f"{source.name} holds no {', '.join(suffixes)} file.")
    return paths


def attempt(source: str, examine: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | Refusal:
    """Return what `examine` returns; if it raises, the refusal of this part of the source, with the reason."""
    try:
        with blaming(source):
            return examine(*args, **kwargs)
    except EngineError as error:
        return Refusal(source, str(error))


def run_id_of(text: str) -> str:
    """Return a valid run id close to a file's or column's name."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:128].rstrip("-._")
    if not NAME.fullmatch(name):
        raise ImportSourceError(f"{text!r} makes no run id: a run is named by {NAME.pattern}. Rename it.")
    return name


def digest_of(*parts: Any) -> str:
    """Return the SHA-256 of JSON values in canonical form."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


@contextmanager
def blaming(name: str) -> Iterator[None]:
    """Convert any exception of a reader to an `ImportSourceError` that names the file.

    Readers of foreign formats raise nearly any type on damaged bytes (ValueError, EOFError, struct.error, TokenError,
    zlib.error, RuntimeError, ...), so no list of types would be complete.
    """
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        reason = str(error).strip() or type(error).__name__
        raise ImportSourceError(f"{name} cannot be read ({reason:.300}).") from None


@contextmanager
def blamed(name: str, opened: AbstractContextManager[IO[bytes]]) -> Iterator[IO[bytes]]:
    """Open a stream, and blame the named file for what fails while it is read."""
    with blaming(name), opened as stream:
        yield stream


def step_and_epoch(number: float, request: Request) -> tuple[int, float | None]:
    """Return step and epoch of a checkpoint from the number in its name.

    Raises:
        ImportSourceError: a step is not an integer; an epoch is not, and the number of steps per epoch is unknown.
    """
    per_epoch = request.steps_per_epoch
    if not 0 <= number <= LARGEST_STEP:
        raise ImportSourceError(f"{number:g} is no {request.numbers}: they run from 0 to 2^53.")
    if request.numbers == "step":
        if not number.is_integer():
            raise ImportSourceError(f"{number:g} is no step: a step is an integer. Are these epochs (--numbers epoch)?")
        return int(number), number / per_epoch if per_epoch else None
    if per_epoch:
        return round(number * per_epoch), number
    if not number.is_integer():
        raise ImportSourceError(f"Epoch {number:g} lies between two: say how many steps one has (--steps-per-epoch).")
    return int(number), number


def refuse_many(count: int, most: int, things: str, owner: str) -> None:
    """Refuse a count that a file only declares, before anything is made for each of them.

    Raises:
        ImportSourceError: it is more than the most.
    """
    if count > most:
        raise ImportSourceError(
            f"It declares {count:,} {things}, and {owner} has at most {most:,}: import it in parts, or leave some out."
        )


def stated_clock(
    n_checkpoints: int, steps: NDArray[Any] | None, epochs: NDArray[Any] | None, request: Request
) -> tuple[list[int], list[float | None], tuple[str, ...]]:
    """Return the steps and epochs of all checkpoints stated by a file, and a note if it states none.

    Raises:
        ImportSourceError: more than ``MOST_CHECKPOINTS``, not one step or epoch per checkpoint, or steps that do not
            increase.
    """
    refuse_many(n_checkpoints, MOST_CHECKPOINTS, "checkpoints", "a run")
    for name, values in (("steps", steps), ("epochs", epochs)):
        if values is not None and values.dtype.kind not in "iuf":
            raise ImportSourceError(f"Its {name} must be numbers, they are {values.dtype}.")
        if values is not None and np.shape(values) != (n_checkpoints,):
            raise ImportSourceError(f"It has {n_checkpoints} checkpoints and {name} of shape {np.shape(values)}.")
    known_epochs: list[float | None] = (
        [None] * n_checkpoints if epochs is None else [float(epoch) if np.isfinite(epoch) else None for epoch in epochs]
    )
    if steps is None and epochs is not None:
        positions = [step_and_epoch(float(epoch), request)[0] for epoch in epochs]
    elif steps is not None:
        if steps.dtype.kind not in "iu":
            raise ImportSourceError("Its steps must be integers.")
        positions = [int(step) for step in steps]
    else:
        note = "It does not say at which steps its checkpoints were: they are numbered 0, 1, 2, ..."
        return list(range(n_checkpoints)), known_epochs, (note,)
    if any(later <= earlier for earlier, later in pairwise(positions)):
        raise ImportSourceError(f"Its steps must rise from checkpoint to checkpoint, they are {positions!r:.100}.")
    if epochs is None and request.steps_per_epoch:
        known_epochs = [step / request.steps_per_epoch for step in positions]
    return positions, known_epochs, ()


def hyperparameters_of(request: Request, run_id: str, *names: str) -> Mapping[str, Scalar]:
    """Return the hyperparameters of a run from the table of runs, by its id or one of its names in the source.

    Raises:
        ImportSourceError: a table was given and does not contain the run.
    """
    if request.runs is None:
        return {}
    for name in (run_id, *names):
        if name in request.runs.rows:
            return request.runs.rows[name]
    raise ImportSourceError(
        f"{request.runs.name} has no row for {run_id!r}: add one, or name another column with --id."
    )
