"""Hyperparameters and metric names: flat scalars under names that collide with nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

RESERVED = frozenset(
    {"run_id", "n_checkpoints", "status", "checkpoint", "step", "epoch", "time", "split", "progress", "model"}
)
"""Columns of the tables a study makes; `model` is a row of an embedding."""

AUTOMATIC_METRICS = ("train_loss", "train_error", "test_loss", "test_error")

Scalar = str | int | float | bool | None


def parse_hyperparameters(values: Mapping[str, Any]) -> dict[str, Scalar]:
    """Plain Python scalars under valid names; ValueError names the first that is not."""
    parsed = {name: _scalar(name, value) for name, value in values.items()}
    refuse_names(parsed, RESERVED | set(AUTOMATIC_METRICS), "hyperparameter")
    return parsed


def refuse_names(names: Iterable[Any], taken: Iterable[str], what: str) -> None:
    """ValueError for a name that is taken, or that no table heading can carry."""
    for name in names:
        if not isinstance(name, str) or not name.isprintable() or name != name.strip() or not 1 <= len(name) <= 64:
            raise ValueError(f"A {what}'s name must be 1 to 64 printable characters, received {name!r}.")
        if name in taken:
            raise ValueError(f"{name!r} is taken and cannot be the name of a {what}: rename it.")


def _scalar(name: Any, value: Any) -> Scalar:
    # NumPy scalars and zero-dimensional arrays and tensors come from configuration sweeps all the time.
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
    scalar: Scalar = value
    return scalar


def level_text(value: Any) -> str:
    """A value as it is written wherever runs are told apart by it: pills, groups of a figure, links, the browser."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value != value:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    # The shortest text that reads back the same to six digits.
    return f"{float(value):.6g}" if isinstance(value, int | float) else str(value)
