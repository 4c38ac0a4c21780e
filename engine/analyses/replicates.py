"""Replicates: the columns in which repetitions of a configuration differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.errors import InvalidSpecError
from engine.store.hyperparameters import configuration_codes, level_text, seed_columns

if TYPE_CHECKING:
    import pandas as pd

AUTOMATIC, NONE = "found", "none"
"""Choices that are no column; a column is written as ``of:`` and its name."""
_COLUMN = "of:"


@dataclass(frozen=True, slots=True)
class Replicates:
    """Role of the replicate columns among some runs.

    Attributes:
        columns: those in which repetitions differ; runs that agree in all others are one configuration.
        how: ``"name"``, ``"values"`` (a value of its own for every run), ``"chosen"`` or ``"none"``.
        question: what to ask where it is in doubt; empty where it is not.
    """

    columns: tuple[str, ...]
    how: str
    question: str = ""

    @property
    def sentence(self) -> str:
        """What the figures take for repetitions, and why."""
        names = " and ".join(self.columns)
        why = {
            "name": "as its name says" if len(self.columns) == 1 else "as their names say",
            "values": "since every run has a value of its own there and runs agree in all else",
            "chosen": "as chosen",
        }
        if not self.columns:
            return "No hyperparameter tells repetitions apart: runs that differ in anything are configurations."
        return f"Repetitions of a configuration differ in {names}, {why[self.how]}."


def find_replicates(runs: pd.DataFrame, differing: Sequence[str], choice: str = AUTOMATIC) -> Replicates:
    """Return which columns tell repetitions of a configuration apart.

    A name decides first (:func:`seed_columns`). Else the columns that are text or whole numbers with a value of its own
    for every run do, if runs without them agree: names of runs, or seeds called otherwise. Both may be wrong, so a
    column that is found by its values is asked about, and so is one that could be a repetition's number.

    Args:
        runs: one row per run, with the hyperparameters as columns.
        differing: those that differ among the runs.
        choice: ``"found"``, ``"none"``, or ``"of:"`` and a column of ``runs``.

    Raises:
        InvalidSpecError: a choice that is not offered.
    """
    if choice == NONE:
        return Replicates((), "chosen")
    if choice != AUTOMATIC:
        name = choice.removeprefix(_COLUMN)
        # One that differs no more among the filtered runs does no harm: the choice is kept while filters change.
        if name == choice or name not in runs:
            raise InvalidSpecError(
                f"replicates must be {AUTOMATIC!r}, {NONE!r} or {_COLUMN!r} and a hyperparameter, received "
                f"{choice[:100]!r}."
            )
        return Replicates((name,), "chosen")
    if named := seed_columns(differing):
        return Replicates(named, "name")
    unique = [name for name in differing if runs[name].map(level_text).nunique() == len(runs)]
    exact = [name for name in unique if not _is_fractional(runs[name])]
    if exact and _share_repeated(runs, [name for name in differing if name not in exact]) >= 0.5:
        question = (
            f"Does {' and '.join(exact)} only tell repetitions apart? Every run has a value of its own there. If it is "
            "a hyperparameter, choose “nothing”."
        )
        return Replicates(tuple(exact), "values", question)
    doubtful = unique or [name for name in differing if _is_counter(runs, name, differing)]
    asked = [n for n in doubtful if _share_repeated(runs, [other for other in differing if other != n]) >= 0.5]
    question = f"Does {' or '.join(asked)} only tell repetitions apart? If so, choose it." if asked else ""
    return Replicates((), "none", question)


def choices(differing: Sequence[str], found: Replicates) -> tuple[tuple[str, str], ...]:
    """Return the (value, words) pairs among which a person chooses."""
    automatic = " and ".join(found.columns).replace("_", " ") or "nothing"
    words = {"name": "by name", "values": "by its values", "none": "nothing was found"}[found.how]
    automatic = f"{automatic} ({words})" if found.columns else f"nothing found{', in doubt' * bool(found.question)}"
    others = [(f"{_COLUMN}{name}", name.replace("_", " ")) for name in differing]
    return ((AUTOMATIC, automatic), *others, (NONE, "nothing"))


def _share_repeated(runs: pd.DataFrame, columns: Sequence[str]) -> float:
    """Return the share of the runs that agree with another in these columns."""
    codes = configuration_codes(runs, columns)
    counts = np.bincount(codes)
    return float((counts[codes] > 1).mean())


def _is_fractional(column: pd.Series) -> bool:
    """Return whether a column holds numbers that are not whole: a random search's learning rate, not a seed."""
    return any(isinstance(value, float) and value == value and value != int(value) for value in column.tolist())


def _is_counter(runs: pd.DataFrame, name: str, differing: Sequence[str]) -> bool:
    """Return whether whole numbers count the runs of every group that agrees in all else: 0, 1, ... or 1, 2, ...

    A grid of 1, 2 and 3 layers looks the same, so this is a question and no finding.
    """
    values = runs[name].tolist()
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return False
    codes = configuration_codes(runs, [other for other in differing if other != name])
    groups = [sorted(np.asarray(values)[codes == code].tolist()) for code in range(codes.max() + 1)]
    return max(map(len, groups)) > 1 and all(group in _countings(len(group)) for group in groups)


def _countings(n: int) -> tuple[list[int], list[int]]:
    return list(range(n)), list(range(1, n + 1))
