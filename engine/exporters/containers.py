"""Named arrays into files that other programs read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import optional

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Container:
    """A kind of file.

    Attributes:
        key: its name on the command line.
        suffix: of its files.
        title: for people.
        write: puts named arrays at a path.
        needs: an optional package, empty where there is none.
    """

    key: str
    suffix: str
    title: str
    write: Callable[[Path, Arrays], None]
    needs: str = ""


def _write_npz(path: Path, arrays: Arrays) -> None:
    np.savez(path, **arrays)  # type: ignore[arg-type]


def _write_safetensors(path: Path, arrays: Arrays) -> None:
    library = optional.load("safetensors.numpy", "Writing safetensors", "safetensors")
    library.save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def _write_zarr(path: Path, arrays: Arrays) -> None:
    library = optional.load("zarr", "Writing Zarr", "'zarr>=3,<4'")
    group = library.open_group(path, mode="w-", zarr_format=3)
    for name, array in arrays.items():
        # A chunk per checkpoint, or per model: what is read together.
        chunks = (1, *array.shape[1:]) if array.ndim > 2 else array.shape
        group.create_array(name, data=np.ascontiguousarray(array), chunks=chunks)


def _write_csv(path: Path, arrays: Arrays) -> None:
    """Arrays of one length side by side; a second axis becomes columns, a third a column of its index."""
    import pandas as pd

    parts = {}
    for name, array in arrays.items():
        if array.ndim == 1:
            parts[name] = array
        else:
            parts |= {f"{name}_{column}": array[:, column] for column in range(array.shape[1])}
    # 17 digits are what a float64 needs to be read back as itself, 9 a float32; repr writes no more than that.
    pd.DataFrame(parts).to_csv(path, index=False)


CONTAINERS: Mapping[str, Container] = MappingProxyType(
    {
        entry.key: entry
        for entry in (
            Container("npz", ".npz", "NumPy archive", _write_npz),
            Container("safetensors", ".safetensors", "safetensors", _write_safetensors, "safetensors"),
            Container("csv", ".csv", "CSV tables", _write_csv),
            Container("zarr", ".zarr", "Zarr 3 group", _write_zarr, "zarr"),
        )
    }
)
"""What can be written, by the key that ``python -m engine export --to`` takes."""
