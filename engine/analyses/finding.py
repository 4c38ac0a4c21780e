"""Findings: tables, arrays, numbers and notes of an analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from numpy.typing import NDArray

MAGIC = b"FINDING2"
"""Magic of a finding's bytes; see :mod:`engine.arrays`."""


@dataclass(frozen=True, slots=True)
class Basis:
    """Data that a finding is based on.

    Attributes:
        n_runs, n_checkpoints, n_samples: sizes of the selection and its split.
        n_configurations: number of distinct combinations of the hyperparameters other than seeds.
        n_seeds: the most runs of one configuration.
        seconds: duration of the computation.
    """

    n_runs: int = 0
    n_checkpoints: int = 0
    n_samples: int = 0
    n_configurations: int = 0
    n_seeds: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """Result of an analysis.

    Attributes:
        tables: data of the figures by name, each complete for export; rows of a run have its ``run_id``.
        arrays: data that are not tables, such as matrices.
        numbers: headline figures by display name.
        notes: omissions, decisions and caveats, as display text.
        basis: data it is based on; filled in by the caller of the analysis.
    """

    tables: Mapping[str, pd.DataFrame]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    numbers: Mapping[str, float | int | str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    basis: Basis = Basis()

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Finding:
        """Return the finding of its decoded fields."""
        return cls(**{**fields, "notes": tuple(fields["notes"]), "basis": Basis(**fields["basis"])})

    @property
    def n_bytes(self) -> int:
        """Approximate size in memory, in bytes."""
        tables = sum(int(table.memory_usage(index=False).sum()) for table in self.tables.values())
        return tables + sum(array.nbytes for array in self.arrays.values())
