"""What an importer needs beside the arrays: when each checkpoint was, and what the run was trained with."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ImportSourceError
from engine.hyperparameters import Scalar
from engine.importers.candidate import Request
from engine.journal import LARGEST_STEP

UNKNOWN_STEPS = "It does not say at which steps its checkpoints were: they are numbered 0, 1, 2, ..."


def step_and_epoch(number: float, request: Request) -> tuple[int, float | None]:
    """Step and epoch of a checkpoint whose name carries a number.

    Raises:
        ImportSourceError: a step that is no integer; an epoch that is none, where nobody said how many steps one has.
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


def stated_clock(
    n_checkpoints: int, steps: NDArray[Any] | None, epochs: NDArray[Any] | None, request: Request
) -> tuple[list[int], list[float | None], tuple[str, ...]]:
    """Steps and epochs of all checkpoints from what a file states, and a note where it states nothing.

    Raises:
        ImportSourceError: as many steps or epochs as there are checkpoints are needed; steps rise.
    """
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
        return list(range(n_checkpoints)), known_epochs, (UNKNOWN_STEPS,)
    if any(later <= earlier for earlier, later in pairwise(positions)):
        raise ImportSourceError(f"Its steps must rise from checkpoint to checkpoint, they are {positions!r:.100}.")
    if epochs is None and request.steps_per_epoch:
        known_epochs = [step / request.steps_per_epoch for step in positions]
    return positions, known_epochs, ()


def hyperparameters_of(request: Request, run_id: str, *names: str) -> Mapping[str, Scalar]:
    """The row of the table of runs that belongs to a run, under its id or under one of its names in the source.

    Raises:
        ImportSourceError: a table was given, and the run is not in it.
    """
    if request.runs is None:
        return {}
    for name in (run_id, *names):
        if name in request.runs.rows:
            return request.runs.rows[name]
    raise ImportSourceError(
        f"{request.runs.name} has no row for {run_id!r}: add one, or name another column with --id."
    )
