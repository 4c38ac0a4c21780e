"""What can be chosen about an analysis: each option parses what it is given, and says what it offers.

An option's value is text, a number or a tuple of texts, so that it can travel in an address and name a cache entry.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from engine.configurations import seed_columns
from engine.errors import InvalidSpecError
from engine.hyperparameters import level_text

Value = str | float | int | tuple[str, ...]

IGNORANCE, TRUTH = "P0", "P*"
"""The models that are no checkpoint."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What options are parsed against.

    Attributes:
        runs: the selected runs, indexed by run_id: hyperparameters and ``n_checkpoints``.
        differing: hyperparameters that differ among them, seeds last.
    """

    runs: pd.DataFrame
    differing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few things.

    Attributes:
        key, title: how it is named in addresses, and for people.
        values: (value, words) of each.
        default: one of the values.
    """

    key: str
    title: str
    values: tuple[tuple[str, str], ...]
    default: str

    def parse(self, value: Any, offer: Offer, chosen: Mapping[str, Value]) -> Value:
        """Return the value, or the default for None; InvalidSpecError for anything else."""
        known = [name for name, _ in self.values]
        return _one_of(self.key, self.default if value is None else value, known)

    def alternatives(self, offer: Offer, chosen: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
        """(value, words) of all there are."""
        return self.values


@dataclass(frozen=True, slots=True)
class Number:
    """A number within bounds.

    Attributes:
        key, title: how it is named in addresses, and for people.
        low, high: both allowed.
        default: within them.
        is_whole: whether it is an integer.
    """

    key: str
    title: str
    low: float
    high: float
    default: float
    is_whole: bool = False

    def parse(self, value: Any, offer: Offer, chosen: Mapping[str, Value]) -> Value:
        """Return the value, or the default for None; InvalidSpecError for anything else."""
        value = self.default if value is None else value
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or not self.low <= value <= self.high or (self.is_whole and value != int(value)):
            kind = "a whole number" if self.is_whole else "a number"
            raise InvalidSpecError(f"{self.key} must be {kind} from {self.low:g} to {self.high:g}, received {value!r}.")
        return int(value) if self.is_whole else float(value)

    def alternatives(self, offer: Offer, chosen: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
        """Nothing: it is typed."""
        return ()


@dataclass(frozen=True, slots=True)
class Column:
    """A hyperparameter that differs among the selected runs; by default the first that is no seed.

    Attributes:
        key, title: how it is named in addresses, and for people.
        default: preferred where it differs.
    """

    key: str
    title: str
    default: str = "architecture"

    def parse(self, value: Any, offer: Offer, chosen: Mapping[str, Value]) -> Value:
        """Return the name of a column, empty where none differs; InvalidSpecError for one that does not."""
        if not value:
            return self.default if self.default in offer.differing else next(iter(offer.differing), "")
        return _one_of(self.key, value, offer.differing)

    def alternatives(self, offer: Offer, chosen: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
        """(value, words) of all there are."""
        return _in_words(offer.differing)


@dataclass(frozen=True, slots=True)
class Columns:
    """Several hyperparameters that differ among the selected runs; by default all that are no seeds.

    Attributes:
        key, title: how they are named in addresses, and for people.
    """

    key: str
    title: str

    def parse(self, value: Any, offer: Offer, chosen: Mapping[str, Value]) -> Value:
        """Return the names in the study's order; InvalidSpecError for a column that does not differ."""
        if not value:
            seeds = set(seed_columns(offer.differing))
            return tuple(name for name in offer.differing if name not in seeds)
        if not isinstance(value, (list, tuple)):
            raise InvalidSpecError(f"{self.key} must be a list of hyperparameters, received {value!r}.")
        wanted = {str(_one_of(self.key, name, offer.differing)) for name in value}
        return tuple(name for name in offer.differing if name in wanted)

    def alternatives(self, offer: Offer, chosen: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
        """(value, words) of all there are."""
        return _in_words(offer.differing)


@dataclass(frozen=True, slots=True)
class Level:
    """One value of a hyperparameter, as text.

    Attributes:
        key, title: how it is named in addresses, and for people.
        of: key of the :class:`Column` it is a value of, which stands before it.
    """

    key: str
    title: str
    of: str

    def parse(self, value: Any, offer: Offer, chosen: Mapping[str, Value]) -> Value:
        """Return the level, by default the most frequent one; InvalidSpecError where no selected run has it."""
        column = str(chosen[self.of])
        if not column:
            return ""
        levels = levels_of(offer.runs[column])
        return _one_of(self.key, value or levels.value_counts(sort=True).index[0], sorted(set(levels)))

    def alternatives(self, offer: Offer, chosen: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
        """(value, words) of all there are."""
        column = str(chosen[self.of])
        return tuple((level, level) for level in sorted(set(levels_of(offer.runs[column])))) if column else ()


@dataclass(frozen=True, slots=True)
class Model:
    """Ignorance ``"P0"``, truth ``"P*"``, or a checkpoint of a selected run as ``"run_id:checkpoint"``.

    Attributes:
        key, title: how it is named in addresses, and for people.
        default: one of the former.
    """

    key: str
    title: str
    default: str

    def parse(self, value: Any, offer: Offer, chosen: Mapping[str, Value]) -> Value:
        """Return the name of the model; InvalidSpecError where there is no such one."""
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
        """(value, words) of those that are no checkpoint, and of the one that is chosen; there are too many others."""
        named = (IGNORANCE, "ignorance P0"), (TRUTH, "truth P*")
        value = str(chosen[self.key])
        return named if value in (IGNORANCE, TRUTH) else (*named, (value, value))


Option = Choice | Number | Column | Columns | Level | Model


def levels_of(column: pd.Series) -> pd.Series:
    """The values of a hyperparameter as text, the same text wherever it is shown or asked for."""
    return column.map(level_text)


def _in_words(columns: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((name, name.replace("_", " ")) for name in columns)


def _one_of(key: str, value: Any, known: Any) -> str:
    if value not in known:
        names = ", ".join(map(repr, list(known)[:12])) or "nothing: no hyperparameter differs among the selected runs"
        raise InvalidSpecError(f"{key} must be one of {names}; received {str(value)[:100]!r}.")
    return str(value)
