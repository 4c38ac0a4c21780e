"""What every importer speaks: the request that goes in, and the runs and refusals that come out."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.errors import EngineError, ImportSourceError
from engine.hyperparameters import Scalar
from engine.importers.run_tables import RunTable
from engine.manifest import NAME


class Checkpoint(NamedTuple):
    """One checkpoint on its way in: (sample, class) predictions by split."""

    step: int
    epoch: float | None
    predictions: Mapping[str, NDArray[np.floating[Any]]]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of an importer.

    Attributes:
        source: file or folder.
        n_samples: size of the probe set of each split that is to come in.
        default_split: which split an array belongs to whose name does not say it.
        n_classes: of the study; None where it is not there yet and nobody said.
        runs: the runs' hyperparameters by id; None where no table was given.
        numbers: what the numbers in file names count, ``"epoch"`` or ``"step"``.
        steps_per_epoch: updates in one pass over the training set, where known.
        build: ``module:function`` that builds a network from hyperparameters, for saved weights.
        inputs: file with the probe sets' inputs, for saved weights.
    """

    source: Path
    n_samples: Mapping[str, int]
    default_split: str
    n_classes: int | None = None
    runs: RunTable | None = None
    numbers: str = "epoch"
    steps_per_epoch: int | None = None
    build: str | None = None
    inputs: Path | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that a source offers; nothing of it has been read but its declarations.

    Attributes:
        run_id: what it will be called.
        source: where it comes from, inside the source.
        hyperparameters: flat scalars.
        shapes: declared (sample, class) by split.
        n_checkpoints: how many `read` will give.
        read: its checkpoints in order, read one at a time.
        notes: what was decided on the way, for people.
        digest: SHA-256 of what the run is made from; empty where the predictions themselves are to be digested.
        kind: of its numbers, where the importer makes them itself; empty where they are to be looked at.
    """

    run_id: str
    source: str
    hyperparameters: Mapping[str, Scalar]
    shapes: Mapping[str, tuple[int, int]]
    n_checkpoints: int
    read: Callable[[], Iterator[Checkpoint]]
    notes: tuple[str, ...] = field(default=())
    digest: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something in the source that does not come in, and why."""

    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


def run_id_of(text: str) -> str:
    """A run id as near to a file's or a column's name as folder names allow."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:128].rstrip("-._")
    if not NAME.fullmatch(name):
        raise ImportSourceError(f"{text!r} makes no run id: a run is named by {NAME.pattern}. Rename it.")
    return name


def digest_of(*parts: Any) -> str:
    """SHA-256 of JSON-able facts, in a canonical form."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


@contextmanager
def blaming(name: str) -> Iterator[None]:
    """Turn whatever a damaged file makes its reader raise into an `ImportSourceError` that names the file.

    Readers of foreign formats raise nearly anything on damaged bytes (ValueError, EOFError, struct.error, TokenError,
    zlib.error, RuntimeError, ...), so that a list of types would always lack one.
    """
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        reason = str(error).strip() or type(error).__name__
        raise ImportSourceError(f"{name} cannot be read ({reason:.300}).") from None
