"""Hyperparameters: flat scalars, their names, configurations and seeds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.store.documents import NOT_DRAWABLE, drawable

if TYPE_CHECKING:
    import pandas as pd

TAKEN = {
    *("run_id", "n_checkpoints", "status", "checkpoint", "step", "epoch", "time", "split", "progress", "model"),
    *("train_loss", "train_error", "test_loss", "test_error"),
}
"""Columns of a study's tables, automatic metrics included; `model` is a row index of an embedding."""

Scalar = str | int | float | bool | None
_TOKENS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SEEDS = {"seed", "rng", "replica", "replicate", "replication", "rep", "repeat", "repetition", "trial", "fold"}
_COUNTERS = {"id", "idx", "index", "no", "nr", "num", "number"}
_TOTALS = {"n", "num", "number", "max", "min", "total", "per"}
"""First words of a number of seeds, which is no seed."""


def parse_hyperparameters(values: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return plain Python scalars under valid names; ValueError names the first invalid entry."""
    parsed = {name: _scalar(name, value) for name, value in values.items()}
    refuse_names(parsed, TAKEN, "hyperparameter")
    return parsed


def refuse_names(names: Iterable[Any], taken: Iterable[str], what: str) -> None:
    """Raise ValueError for a name that is taken or not valid as a column heading."""
    for name in names:
        if not isinstance(name, str) or not name.isprintable() or name != name.strip() or not 1 <= len(name) <= 64:
            raise ValueError(f"A {what}'s name must be 1 to 64 printable characters, received {name!r}.")
        if name in taken:
            raise ValueError(f"{name!r} is taken and cannot be the name of a {what}: rename it.")


def _scalar(name: Any, value: Any) -> Scalar:
    # Configuration sweeps often pass NumPy scalars and zero-dimensional arrays and tensors.
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    is_scalar = value is None or isinstance(value, str | bool | int | float)
    if not is_scalar or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(
            f"Hyperparameter {name!r} must be a finite number, a string, a bool or None, received {value!r}: "
            "write it as a string, or as several hyperparameters."
        )
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"Hyperparameter {name!r} must fit into 64 bits, received {value}: write it as a string.")
    if isinstance(value, str) and drawable(value) != value:
        raise ValueError(f"Hyperparameter {name!r} {NOT_DRAWABLE}, received {value!r}.")
    scalar: Scalar = value
    return scalar


def level_text(value: Any) -> str:
    """Return the text of a value wherever runs are grouped by it: filter pills, figures, links, browser."""
    import pandas as pd

    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value != value:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    # Shortest text that reproduces the value to six digits.
    return f"{float(value):.6g}" if isinstance(value, int | float) else str(value)


def is_differing(values: Sequence[Any]) -> bool:
    """Return whether a hyperparameter has more than one distinct value."""
    # 1, 1.0 and True are equal in Python; 1 and 1.0 are the same learning rate, True is not.
    return len({(isinstance(value, bool), value) for value in values}) > 1


def seed_columns(names: Iterable[str]) -> tuple[str, ...]:
    """Return the hyperparameters that, by name, distinguish repetitions and not configurations.

    The last word of such a name, an index or number aside, is ``seed``, ``rng``, ``replica``, ``replicate``,
    ``replication``, ``rep``, ``repeat``, ``repetition``, ``trial`` or ``fold``: ``init_seed``, ``randomSeed``,
    ``trial_no``, ``seed2``. ``random_state`` is one as well.
    """
    return tuple(name for name in names if _is_seed(name))


def name_words(name: str) -> list[str]:
    """Return the words of a hyperparameter's name in lower case, digits left out: ``randomSeed2`` has two."""
    return [word.lower() for word in _TOKENS.findall(name)]


def _is_seed(name: str) -> bool:
    words = name_words(name)
    if words[:1] and words[0] in _TOTALS:
        return False
    while len(words) > 1 and words[-1] in _COUNTERS:
        words.pop()
    return bool(words) and (words[-1] in _SEEDS or words[-2:] == ["random", "state"])


def configuration_codes(runs: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.int64]:
    """Return the configuration index of each run, numbered from zero by first occurrence.

    Args:
        runs: one row per run, with the hyperparameters as columns.
        columns: those that make a configuration, all but the replicates'; a missing value counts as a value.

    Returns:
        (run,) equal for runs that agree in all of ``columns``.
    """
    values = [runs[name].tolist() for name in columns]
    codes: dict[tuple[Any, ...], int] = {}
    rows = zip(*values, strict=True) if values else [()] * len(runs)
    # True == 1 in Python, so booleans are tagged.
    keys = [tuple((isinstance(value, bool), None if value != value else value) for value in row) for row in rows]
    return np.array([codes.setdefault(key, len(codes)) for key in keys], dtype=np.int64)
