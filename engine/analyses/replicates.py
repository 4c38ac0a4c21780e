"""Replicates: the columns in which repetitions of a configuration differ.

Any factor of a full grid without repetitions looks like a seed: runs that agree in all else differ in it. What is found
by values is therefore asked about, fractions are not taken, and names of usual settings are neither taken nor asked
about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidSpecError
from engine.store.hyperparameters import configuration_codes, name_words, seed_columns

if TYPE_CHECKING:
    import pandas as pd

AUTOMATIC, NONE = "found", "none"
"""Choices that are no column; a column is written as ``of:`` and its name."""
_COLUMN = "of:"
UNSURE = {"rep", "trial", "fold"}
"""Words in names of seeds that also mean the number of a run in a search, or a part of the data."""
LABELS = {"id", "uid", "uuid", "run", "job", "name", "hash", "path", "folder", "timestamp", "created"}
"""Words that say that a column with a value of its own for every run is the run's label."""
SETTINGS = {
    *("lr", "rate", "learning", "eta", "decay", "momentum", "beta", "gamma", "eps", "epsilon", "warmup", "schedule"),
    *("size", "width", "depth", "dim", "hidden", "units", "layer", "layers", "blocks", "channels", "filters", "heads"),
    *("kernel", "stride", "rank", "length", "window", "parameters", "params", "weight", "norm", "bias", "dropout"),
    *("batch", "epoch", "epochs", "step", "steps", "samples", "data", "noise", "temperature", "clip", "bits"),
    *("architecture", "arch", "model", "network", "net", "optimizer", "optimiser", "optim", "dataset", "task", "loss"),
    *("activation", "patience", "use", "is", "has", "with"),
}  # fmt: skip
"""Words in names of usual settings, whatever their values."""
LEAST_REPEATED = 0.5
"""Least share of runs that must agree with another without a column for the column to be found by its values."""


@dataclass(frozen=True, slots=True)
class Replicates:
    """Role of the replicate columns among some runs.

    Attributes:
        columns: those in which repetitions differ; runs that agree in all others are one configuration.
        how: ``"name"``, ``"values"``, ``"chosen"`` or ``"none"``.
        question: what to ask where it is in doubt; empty where it is not.
    """

    columns: tuple[str, ...] = ()
    how: str = "none"
    question: str = ""

    @property
    def sentence(self) -> str:
        """What the figures take for repetitions, and why."""
        names = " and ".join(self.columns)
        why = {
            "name": "as its name says" if len(self.columns) == 1 else "as their names say",
            "values": "since runs that agree in all else differ there",
            "chosen": "as chosen",
        }
        if not self.columns:
            return "No hyperparameter tells repetitions apart: runs that differ in anything are configurations."
        return f"Repetitions of a configuration differ in {names}, {why[self.how]}."


def find_replicates(runs: pd.DataFrame, differing: Sequence[str], choice: str = AUTOMATIC) -> Replicates:
    """Return which columns tell repetitions of a configuration apart.

    A name decides first (:func:`seed_columns`). Where no runs agree in all else, columns do by their values: labels of
    runs, and whole numbers without which half of the runs agree with another. Both may be wrong and are asked about.

    Args:
        runs: one row per run, with the hyperparameters as columns: all runs of a study, since a few that differ in one
            setting look like repetitions.
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
    named = seed_columns(differing)
    rest = [name for name in differing if name not in named]
    repeated = _share_repeated([configuration_codes(runs, rest)])
    # A name is believed if it makes any repetition; without a name, a few runs recorded twice do not end the search.
    if repeated > 0 if named else repeated >= LEAST_REPEATED:
        return Replicates(named, "name" if named else "none", _doubt_of_names(named))
    return _by_values(runs, rest, named)


def choices(differing: Sequence[str], found: Replicates) -> tuple[tuple[str, str], ...]:
    """Return the (value, words) pairs among which a person chooses."""
    automatic = " and ".join(found.columns).replace("_", " ") or "nothing"
    words = {"name": "by name", "values": "by its values", "none": "nothing was found"}[found.how]
    automatic = f"{automatic} ({words})" if found.columns else f"nothing found{', in doubt' * bool(found.question)}"
    others = [(f"{_COLUMN}{name}", name.replace("_", " ")) for name in differing]
    return ((AUTOMATIC, automatic), *others, (NONE, "nothing"))


def _by_values(runs: pd.DataFrame, rest: Sequence[str], named: tuple[str, ...]) -> Replicates:
    """Return what values say where few runs agree in the rest: all that differs but seeds by name."""
    codes = {name: configuration_codes(runs, [name]) for name in rest}

    def is_repeated_without(left_out: Sequence[str]) -> bool:
        return _share_repeated([codes[name] for name in rest if name not in left_out]) >= LEAST_REPEATED

    unusual = [name for name in rest if not SETTINGS & set(name_words(name))]
    unique = [name for name in unusual if codes[name].max() + 1 == len(runs)]
    labels = [name for name in unique if LABELS & set(name_words(name)) or not _is_fractional(runs[name])]
    if labels and is_repeated_without(labels):
        unsure = [name for name in labels if not LABELS & set(name_words(name))]
        return Replicates((*named, *labels), "values" if unsure else "name", _taken(unsure) or _doubt_of_names(named))
    doubtful = [name for name in unusual if (name in unique or _is_whole(runs[name])) and is_repeated_without([name])]
    if named:
        return Replicates(named, "name", _not_taken(doubtful) or _doubt_of_names(named))
    whole = [name for name in doubtful if _is_whole(runs[name])]
    counted = [name for name in whole if _is_counted(runs[name])]
    # Of several, the one that is numbered as seeds are; two such could each be the other's seed.
    taken = next((names for names in (whole, counted) if len(names) == 1), [])
    return Replicates(tuple(taken), "values", _taken(taken)) if taken else Replicates(question=_not_taken(doubtful))


def _doubt_of_names(named: Sequence[str]) -> str:
    unsure = [name for name in named if UNSURE & set(name_words(name))]
    if not unsure:
        return ""
    return (
        f"Does {' or '.join(unsure)} only tell repetitions apart? It is taken to, by name. If runs differ in data or "
        "settings there, choose “nothing”."
    )


def _taken(names: Sequence[str]) -> str:
    if not names:
        return ""
    return (
        f"Does {' and '.join(names)} only tell repetitions apart? It is taken to, since runs that agree in all else "
        "differ there. If it is a hyperparameter, choose “nothing”."
    )


def _not_taken(names: Sequence[str]) -> str:
    return f"Does {' or '.join(names)} only tell repetitions apart? If so, choose it." if names else ""


def _share_repeated(codes: Sequence[NDArray[np.int64]]) -> float:
    """Return the share of the runs that agree with another in all (run,) codes; of all if there are no codes."""
    if not codes:
        return 1.0
    _, places, counts = np.unique(np.stack(codes, axis=1), axis=0, return_inverse=True, return_counts=True)
    return float((counts[places.reshape(-1)] > 1).mean()) if len(places) else 0.0


def _present(column: pd.Series) -> list[object]:
    return [value for value in column.tolist() if value is not None and value == value]


def _is_whole(column: pd.Series) -> bool:
    """Return whether all values are whole numbers; a missing one makes whole numbers floats in a table."""
    present = _present(column)
    are_numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in present)
    return are_numbers and not _is_fractional(column)


def _is_fractional(column: pd.Series) -> bool:
    """Return whether a column holds numbers that are not whole: a random search's learning rate, not a seed."""
    return any(isinstance(value, float) and not value.is_integer() for value in _present(column))


def _is_counted(column: pd.Series) -> bool:
    """Return whether whole numbers are 0, 1, ... or 1, 2, ... without a gap, as seeds are often numbered."""
    levels = {int(value) for value in _present(column)}  # type: ignore[call-overload]
    return min(levels, default=-1) in (0, 1) and max(levels) - min(levels) + 1 == len(levels)
