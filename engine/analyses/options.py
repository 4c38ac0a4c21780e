"""Options of analyses: parsing and available values.

The value of an option is text, a number or a tuple of texts, so that it can be part of an address and a cache key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from engine.analyses.replicates import AUTOMATIC, Replicates, choices, find_replicates
from engine.errors import InvalidSpecError
from engine.store.hyperparameters import level_text

Value = str | float | int | tuple[str, ...]

IGNORANCE, TRUTH = "P0", "P*"
"""Names of the models that are not checkpoints."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Runs and columns that options are parsed against.

    Attributes:
        runs: the selected runs, indexed by run_id: hyperparameters and ``n_checkpoints``.
        differing: hyperparameters that differ among the runs, replicates last.
        found: columns in which repetitions differ, found among all runs of the study.
    """

    runs: pd.DataFrame
    differing: tuple[str, ...]
    found: Replicates

    def replicates(self, chosen: Mapping[str, Value]) -> Replicates:
        """Return the columns in which repetitions differ, found or as an option of these says."""
        choice = str(chosen.get(REPLICATES.key, AUTOMATIC))
        return self.found if choice == AUTOMATIC else find_replicates(self.runs, self.differing, choice)


@dataclass(frozen=True, slots=True)
class Option:
    """An option of an analysis.

    Attributes:
        key, title: identifier in addresses, display name.
    """

    key: str
    title: str

    def parse(self, value: Any, offer: Offer, chosen: Mapping[str, Value]) -> Value:
        """Return the value, or the default for None or an empty one; InvalidSpecError for any that is not offered."""
        raise NotImplementedError

    def alternatives(self, offer: Offer, chosen: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
        """Return all (value, display text) pairs; none for a value that is typed."""
        return ()

    def asked(self, offer: Offer, chosen: Mapping[str, Value]) -> str:
        """Return the words before its control: the title, or a question where the value is in doubt."""
        return self.title


@dataclass(frozen=True, slots=True)
class Choice(Option):
    """Option with one of several fixed values.

    Attributes:
        values: (value, display text) pairs.
        default: one of the values.
    """

    values: tuple[tuple[str, str], ...]
    default: str

    def parse(self, value: Any, offer: Offer, chosen: Mapping[str, Value]) -> Value:
        return _one_of(self.key, self.default if value is None else value, [name for name, _ in self.values])

    def alternatives(self, offer: Offer, chosen: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
        return self.values


@dataclass(frozen=True, slots=True)
class Number(Option):
    """Option with a number within bounds.

    Attributes:
        low, high: inclusive bounds.
        default: default value.
        is_whole: whether it is an integer.
    """

    low: float
    high: float
    default: float
    is_whole: bool = False

    def parse(self, value: Any, offer: Offer, chosen: Mapping[str, Value]) -> Value:
        value = self.default if value is None else value
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or not self.low <= value <= self.high or (self.is_whole and value != int(value)):
            kind = "a whole number" if self.is_whole else "a number"
            raise InvalidSpecError(f"{self.key} must be {kind} from {self.low:g} to {self.high:g}, received {value!r}.")
        return int(value) if self.is_whole else float(value)


@dataclass(frozen=True, slots=True)
class Role(Option):
    """Option with the column in which repetitions of a configuration differ; by default what is found."""

    def parse(self, value: Any, offer: Offer, chosen: Mapping[str, Value]) -> Value:
        choice = str(value or AUTOMATIC)
        offer.replicates({self.key: choice})
        return choice

    def alternatives(self, offer: Offer, chosen: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
        offered, value = choices(offer.differing, offer.found), str(chosen[self.key])
        is_listed = any(value == each for each, _ in offered)
        return offered if is_listed else (*offered, (value, " and ".join(offer.replicates(chosen).columns)))

    def asked(self, offer: Offer, chosen: Mapping[str, Value]) -> str:
        return offer.replicates(chosen).question or self.title


REPLICATES = Role("replicates", "repetitions differ in")
"""First option of every analysis that groups runs into configurations."""


@dataclass(frozen=True, slots=True)
class Columns(Option):
    """Option with several hyperparameters that differ among the selected runs, in the study's order; by default all
    but the replicates'."""

    def parse(self, value: Any, offer: Offer, chosen: Mapping[str, Value]) -> Value:
        if not value:
            replicates = set(offer.replicates(chosen).columns)
            return tuple(name for name in offer.differing if name not in replicates)
        if not isinstance(value, (list, tuple)):
            raise InvalidSpecError(f"{self.key} must be a list of hyperparameters, received {value!r}.")
        wanted = {str(_one_of(self.key, name, offer.differing)) for name in value}
        return tuple(name for name in offer.differing if name in wanted)

    def alternatives(self, offer: Offer, chosen: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
        return tuple((name, name.replace("_", " ")) for name in offer.differing)


@dataclass(frozen=True, slots=True)
class Column(Columns):
    """Option with a hyperparameter that differs among the selected runs, empty if none does; by default the first that
    is no replicate's.

    Attributes:
        default: preferred hyperparameter, if it differs.
    """

    default: str = "architecture"

    def parse(self, value: Any, offer: Offer, chosen: Mapping[str, Value]) -> Value:
        if not value:
            replicates = offer.replicates(chosen).columns
            first = next((name for name in offer.differing if name not in replicates), next(iter(offer.differing), ""))
            return self.default if self.default in offer.differing else first
        return _one_of(self.key, value, offer.differing)


@dataclass(frozen=True, slots=True)
class Level(Option):
    """Option with one value of a hyperparameter, as text; by default the most frequent one.

    Attributes:
        of: key of the preceding :class:`Column` option that names the hyperparameter.
    """

    of: str

    def parse(self, value: Any, offer: Offer, chosen: Mapping[str, Value]) -> Value:
        if not (column := str(chosen[self.of])):
            return ""
        levels = levels_of(offer.runs[column])
        return _one_of(self.key, value or levels.value_counts(sort=True).index[0], sorted(set(levels)))

    def alternatives(self, offer: Offer, chosen: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
        column = str(chosen[self.of])
        return tuple((level, level) for level in sorted(set(levels_of(offer.runs[column])))) if column else ()


@dataclass(frozen=True, slots=True)
class Model(Option):
    """Option with a model: ``"P0"``, ``"P*"``, or a checkpoint of a selected run as ``"run_id:checkpoint"``.

    Attributes:
        default: ``"P0"`` or ``"P*"``.
    """

    default: str

    def parse(self, value: Any, offer: Offer, chosen: Mapping[str, Value]) -> Value:
        name = value or self.default
        if name in (IGNORANCE, TRUTH):
            return str(name)
        run_id, _, checkpoint = str(name).rpartition(":")
        if run_id in offer.runs.index and checkpoint.isascii() and checkpoint.isdecimal() and len(checkpoint) < 10:
            n_checkpoints = int(offer.runs.loc[run_id, "n_checkpoints"])
            if int(checkpoint) < n_checkpoints:
                return f"{run_id}:{int(checkpoint)}"
        raise InvalidSpecError(
            f"{self.key} must be {IGNORANCE}, {TRUTH} or a checkpoint of a selected run as run_id:number, counted from "
            f"zero, received {str(name)[:100]!r}."
        )

    def alternatives(self, offer: Offer, chosen: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
        # All checkpoints would be too many: only the chosen one.
        named = (IGNORANCE, "ignorance P0"), (TRUTH, "truth P*")
        value = str(chosen[self.key])
        return named if value in (IGNORANCE, TRUTH) else (*named, (value, value))


def levels_of(column: pd.Series) -> pd.Series:
    """Return the values of a hyperparameter as text, as displayed and requested everywhere."""
    return column.map(level_text)


def _one_of(key: str, value: Any, known: Any) -> str:
    if value not in known:
        names = ", ".join(map(repr, list(known)[:12])) or "nothing: no hyperparameter differs among the selected runs"
        raise InvalidSpecError(f"{key} must be one of {names}; received {str(value)[:100]!r}.")
    return str(value)
