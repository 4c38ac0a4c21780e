"""Tables of runs and of checkpoints, with the narrowest suitable column types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from engine.store.run import RunFolder


def run_table(runs: Sequence[RunFolder], hyperparameters: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """Return one row per run, indexed by run_id: hyperparameters, n_checkpoints, status, last value of each metric."""
    columns = {name: _column([run.hyperparameters.get(name) for run in runs]) for name in hyperparameters}
    columns["n_checkpoints"] = pd.Series([run.n_checkpoints for run in runs], dtype=np.int64)
    columns["status"] = pd.Series([run.status for run in runs], dtype=object)
    for name in metrics:
        columns[name] = pd.Series([_last(run.journal.metrics.get(name)) for run in runs], dtype=np.float64)
    table = pd.DataFrame(columns)
    table.index = pd.Index([run.run_id for run in runs], dtype=object, name="run_id")
    return table


def checkpoint_table(runs: Sequence[RunFolder], metrics: Sequence[str]) -> pd.DataFrame:
    """Return one row per model in run order: run_id, checkpoint, step, epoch, time, metrics (NaN if missing)."""
    counts = [run.n_checkpoints for run in runs]
    journals = [run.journal for run in runs]
    columns: dict[str, Any] = {
        "run_id": np.repeat(np.array([run.run_id for run in runs], dtype=object), counts),
        "checkpoint": _joined([np.arange(count, dtype=np.int64) for count in counts], np.int64),
        "step": _joined([journal.steps for journal in journals], np.int64),
        "epoch": _joined([journal.epochs for journal in journals], np.float64),
        "time": _joined([journal.times for journal in journals], np.float64),
    }
    for name in metrics:
        columns[name] = _joined([j.metrics.get(name, np.full(len(j), np.nan)) for j in journals], np.float64)
    return pd.DataFrame(columns)


def _column(values: list[Any]) -> pd.Series:
    """Return a column of the narrowest dtype: bool, int64, float64 (missing: NaN), else object (missing: None)."""
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return pd.Series(values, dtype=np.bool_)
    if kinds == {int}:
        return pd.Series(values, dtype=np.int64)
    if kinds <= {int, float, type(None)} and kinds != {type(None)}:
        return pd.Series(values, dtype=np.float64)
    return pd.Series(values, dtype=object)


def _last(values: Any) -> float:
    return float("nan") if values is None or not len(values) else float(values[-1])


def _joined(parts: Sequence[Any], dtype: Any) -> Any:
    return np.concatenate([np.empty(0, dtype), *parts])
