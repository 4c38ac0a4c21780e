"""Which runs are repetitions of one another: configurations, and the seeds within them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_SEED = re.compile(r"(?i)(?:.*_)?(?:seed|replica|replicate|repeat|trial|fold)(?:_(?:id|index|no))?")


def seed_columns(names: Iterable[str]) -> tuple[str, ...]:
    """Return the hyperparameters that tell repetitions apart rather than configurations, by their names.

    A name is one of ``seed``, ``replica``, ``replicate``, ``repeat``, ``trial``, ``fold``, in any case, with whatever
    stands before an underscore, such as ``init_seed``.
    """
    return tuple(name for name in names if _SEED.fullmatch(name))


def configuration_codes(runs: pd.DataFrame, hyperparameters: Sequence[str]) -> NDArray[np.int64]:
    """Return which configuration each run has, counted from zero in the order of their first runs.

    Args:
        runs: one row per run, with the hyperparameters as columns.
        hyperparameters: all of them; those that name seeds are passed over, and a missing value is a value.

    Returns:
        (run,) equal for runs whose hyperparameters are equal up to the seeds.
    """
    seeds = set(seed_columns(hyperparameters))
    columns = [runs[name].tolist() for name in hyperparameters if name not in seeds]
    codes: dict[tuple[Any, ...], int] = {}
    rows = zip(*columns, strict=True) if columns else [()] * len(runs)
    # Numbers and truth values are told apart: True == 1 in Python.
    keys = [tuple((isinstance(value, bool), None if value != value else value) for value in row) for row in rows]
    return np.array([codes.setdefault(key, len(codes)) for key in keys], dtype=np.int64)
