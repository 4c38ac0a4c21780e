"""The answer of an analysis: tables and numbers with what must be known to read them; and its bytes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.array_bytes import Arrays, decode_arrays, decode_table, encode_arrays, encode_table
from engine.errors import CacheError

_MAGIC = b"FINDING1"


@dataclass(frozen=True, slots=True)
class Basis:
    """What a finding rests on.

    Attributes:
        n_runs, n_checkpoints, n_samples: of the selection and its split.
        n_configurations: different hyperparameters, seeds apart.
        n_seeds: the most runs that one configuration has.
        seconds: what the computation took when it was made.
    """

    n_runs: int = 0
    n_checkpoints: int = 0
    n_samples: int = 0
    n_configurations: int = 0
    n_seeds: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What an analysis found.

    Attributes:
        tables: data of the figures by name, each fit to be taken away as it is; rows that belong to a run have its
            ``run_id``.
        arrays: what is no table, such as matrices.
        numbers: headline figures by name in words.
        notes: what was left out, decided, or must be known to read the figures, for people.
        basis: what it rests on; filled in by whoever had it computed.
    """

    tables: Mapping[str, pd.DataFrame]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    numbers: Mapping[str, float | int | str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    basis: Basis = Basis()

    @property
    def n_bytes(self) -> int:
        """About how much memory it takes."""
        tables = sum(int(table.memory_usage(index=False).sum()) for table in self.tables.values())
        return tables + sum(array.nbytes for array in self.arrays.values())


def encode_finding(finding: Finding) -> bytes:
    """Return the bytes of a finding; see :mod:`engine.array_bytes`.

    Raises:
        CacheError: a table has a column that is neither of numbers nor of text.
    """
    arrays: Arrays = {f"array:{name}": np.asarray(array) for name, array in finding.arrays.items()}
    header = {
        "tables": [
            {"name": name, "n_rows": len(table), "columns": encode_table(table, f"table:{name}:", arrays)}
            for name, table in finding.tables.items()
        ],
        "matrices": list(finding.arrays),
        "numbers": [[name, _plain(value)] for name, value in finding.numbers.items()],
        "notes": list(finding.notes),
        "basis": dataclasses.asdict(finding.basis),
    }
    return encode_arrays(_MAGIC, header, arrays)


def decode_finding(blob: bytes) -> Finding:
    """Return the finding of these bytes, exactly as it was encoded.

    Raises:
        CacheError: these are not the bytes of a finding.
    """
    try:
        header, arrays = decode_arrays(_MAGIC, blob)
        return Finding(
            tables={
                table["name"]: decode_table(table["columns"], table["n_rows"], arrays) for table in header["tables"]
            },
            arrays={name: arrays[f"array:{name}"] for name in header["matrices"]},
            numbers=dict(header["numbers"]),
            notes=tuple(header["notes"]),
            basis=Basis(**header["basis"]),
        )
    except CacheError:
        raise
    except Exception as error:
        raise CacheError(f"The bytes are no finding ({type(error).__name__}: {error}): compute it again.") from error


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
