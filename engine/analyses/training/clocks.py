"""Clock values of all models of a selection, with notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.analyses.material import Material
from engine.analyses.notes import some_names, unfinished_notes
from engine.analyses.options import Choice
from engine.errors import InvalidSpecError
from engine.trajectories.clocks import CLOCKS, Clock, Course, find_clock, largest_fall

CLOCK = Choice("clock", "clock", tuple((clock.key, clock.title) for clock in CLOCKS.values()), "progress")
FROM_PREDICTIONS = ("loss", "arc-length")
"""Clocks that require all predictions, and are therefore cached."""
NOTICED_FALL = 1e-3
"""Share of a clock's range; smaller falls are not reported."""
READING = 0.4
"""Share of an analysis spent on reading the clock, at its beginning."""


@dataclass(frozen=True, slots=True, eq=False)
class ClockReadings:
    """Values of a clock for every model.

    Attributes:
        clock: the row of ``CLOCKS``.
        values: (model,) float64; NaN for runs that did not record the quantity.
        can_be_read: (run,) bool, whether a run recorded it.
        notes: unfinished or omitted runs, and the source of the values, as display text.
        turning: number of runs in which the clock decreases, as display text; empty if none.
    """

    clock: Clock
    values: NDArray[np.float64]
    can_be_read: NDArray[np.bool_]
    notes: tuple[str, ...] = ()
    turning: str = ""

    def of_run(self, material: Material, run: int) -> NDArray[np.float64]:
        """Return (checkpoint,) values of the run at this index of the selection."""
        start = material.starts[run]
        return self.values[start : start + material.counts[run]]


def read_clock(material: Material, key: str) -> ClockReadings:
    """Read the values of a clock for all runs.

    Args:
        material: the selection.
        key: key of ``CLOCKS``.

    Raises:
        InvalidSpecError: no run recorded the quantity of this clock.
    """
    clock, progress = find_clock(key), cache(material.progress)

    def read() -> NDArray[np.float64]:
        return np.concatenate([_read_run(material, clock, run, progress) for run in range(len(material.run_ids))])

    values = material.remember(f"clock-{key}", [], read) if key in FROM_PREDICTIONS else read()
    readings = ClockReadings(clock, values, np.isfinite(values)[material.starts])
    if not readings.can_be_read.any():
        raise InvalidSpecError(f"No selected run recorded its {clock.title}: choose another clock.")
    return replace(readings, notes=tuple(_notes(material, readings)), turning=_turning(material, readings))


def _read_run(
    material: Material, clock: Clock, run: int, progress: Callable[[str], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return (checkpoint,) values; all NaN if one is missing. ``progress`` returns that of all models by definition."""
    if run % 16 == 0:
        material.report(READING * run / len(material.run_ids))
    run_id, count = material.run_ids[run], material.counts[run]
    own = slice(material.starts[run], material.starts[run] + count)
    models = material.models.iloc[own]
    error = f"{material.split}_error"
    course = Course(
        steps=models["step"].to_numpy(),
        epochs=models["epoch"].to_numpy(),
        labels=material.labels,
        predictions=lambda: material.log_probabilities(run_id),
        errors=models[error].to_numpy() if error in models else None,
        progress=lambda definition: progress(definition)[own],
    )
    try:
        return clock.read(course)
    except InvalidSpecError:
        return np.full(count, np.nan)


def _notes(material: Material, readings: ClockReadings) -> list[str]:
    title, notes = readings.clock.title, list(unfinished_notes(material))
    unread = [run_id for run_id, is_read in zip(material.run_ids, readings.can_be_read, strict=True) if not is_read]
    if unread:
        share = f"{len(unread)} of {len(material.run_ids)} runs"
        notes.append(f"{share} recorded no {title} and are left out: {some_names(unread)}.")
    if readings.clock.key != "accuracy":
        return notes
    error = f"{material.split}_error"
    if error not in material.models:
        notes.append(f"The runs recorded no {error}: accuracy is that of the predictions on the study's samples.")
    elif (is_missing := np.logical_or.reduceat(material.models[error].isna().to_numpy(), material.starts)).any():
        share = f"{is_missing.sum()} of {len(is_missing)} runs"
        notes.append(f"{share} lack a {error}: their accuracy is that of the predictions.")
    return notes


def _turning(material: Material, readings: ClockReadings) -> str:
    if not readings.clock.can_turn_back:
        return ""
    spread = float(np.nanmax(readings.values) - np.nanmin(readings.values))
    runs = np.flatnonzero(readings.can_be_read).tolist()
    falls = np.array([largest_fall(readings.of_run(material, run)) for run in runs])
    n_back = int((falls > NOTICED_FALL * spread).sum())
    if not n_back:
        return ""
    return (
        f"The clock turns back in {n_back} of {len(runs)} runs, by {falls.max():.3g} at most: each value counts where "
        "it is first reached."
    )
