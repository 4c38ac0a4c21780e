"""Arrays and tables of numbers and text as bytes that hold data only.

The bytes are, in this order: eight bytes that say what they are of; the length of the header as eight little-endian
bytes; the header, JSON in UTF-8; the arrays it lists, C-ordered little-endian, each padded to eight bytes. A column of
text is an array of codes into a list of distinct values in the header. Nothing in it can name a type to build or code
to run.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.errors import CacheError

Arrays = dict[str, NDArray[Any]]
MAGIC_LENGTH = 8

_ALIGNMENT = 8
_DTYPE = re.compile(r"[<|][fiu][1248]|\|b1")
_TEXT_DTYPES = ("str", "object", "category")


def encode_arrays(magic: bytes, header: dict[str, Any], arrays: Arrays) -> bytes:
    """Return the bytes of a header and the arrays it speaks of.

    Args:
        magic: eight bytes that say what this is.
        header: JSON; the entry ``arrays`` is added.
        arrays: by name; of numbers or truth values.
    """
    portable = {name: _portable(array) for name, array in arrays.items()}
    listed = [{"name": name, "dtype": a.dtype.str, "shape": a.shape} for name, a in portable.items()]
    text = json.dumps({**header, "arrays": listed}, default=np.generic.item).encode()
    parts = [magic, len(text).to_bytes(8, "little"), _padded(text), *(_padded(a.tobytes()) for a in portable.values())]
    return b"".join(parts)


def decode_arrays(magic: bytes, blob: bytes) -> tuple[dict[str, Any], Arrays]:
    """Return header and arrays of these bytes; the arrays are read-only views into them.

    Raises:
        CacheError: they do not begin with ``magic``, or list what is no array of numbers.
        ValueError: they end too early, or are no JSON.
    """
    start = MAGIC_LENGTH + 8
    if blob[:MAGIC_LENGTH] != magic:
        raise CacheError(f"The bytes do not begin with {magic!r}: compute it again.")
    length = int.from_bytes(blob[MAGIC_LENGTH:start], "little")
    header = json.loads(blob[start : start + length])
    offset = start + length + -length % _ALIGNMENT
    arrays = {}
    for entry in header["arrays"]:
        if not _DTYPE.fullmatch(entry["dtype"]) or any(
            type(extent) is not int or extent < 0 for extent in entry["shape"]
        ):
            raise CacheError(f"No array has the dtype {entry['dtype']!r} and the shape {entry['shape']!r}.")
        dtype, count = np.dtype(entry["dtype"]), math.prod(entry["shape"])
        # Raises where the bytes end too early: nothing is allocated on the header's word.
        arrays[entry["name"]] = np.frombuffer(blob, dtype, count, offset).reshape(entry["shape"])
        offset += count * dtype.itemsize + -(count * dtype.itemsize) % _ALIGNMENT
    return header, arrays


def encode_table(table: pd.DataFrame, prefix: str, arrays: Arrays) -> list[dict[str, Any]]:
    """Return the header's entries for the columns of a table; their values go to ``arrays`` under names with a prefix.

    Raises:
        CacheError: a column of another kind than numbers, truth values and text.
    """
    return [_encode_column(table.iloc[:, i], f"{prefix}{i}", arrays) for i in range(table.shape[1])]


def decode_table(entries: list[dict[str, Any]], n_rows: int, arrays: Arrays) -> pd.DataFrame:
    """Return the table of these entries.

    Raises:
        CacheError: a column of an unknown kind.
    """
    columns = {entry["name"]: _decode_column(entry, arrays) for entry in entries}
    return pd.DataFrame(columns, index=pd.RangeIndex(n_rows))


def _encode_column(column: pd.Series, array_name: str, arrays: Arrays) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": column.name, "array": array_name}
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiub":
        arrays[array_name] = column.to_numpy()
        return entry
    dtype = str(column.dtype)
    codes, values = pd.factorize(column.astype(object))
    if dtype not in _TEXT_DTYPES or not all(isinstance(value, str) for value in values):
        raise CacheError(f"The column {column.name!r} has the dtype {dtype}: keep numbers or text in a table.")
    arrays[array_name] = codes.astype(np.int32)
    entry |= {"dtype": dtype, "values": list(values)}
    if dtype == "category":
        entry |= {"categories": list(column.cat.categories), "ordered": bool(column.cat.ordered)}
    return entry


def _decode_column(entry: dict[str, Any], arrays: Arrays) -> Any:
    array = arrays[entry["array"]]
    if "values" not in entry:
        return array
    if entry["dtype"] not in _TEXT_DTYPES:
        raise CacheError(f"A column has the unknown dtype {entry['dtype']!r}: compute it again.")
    text = np.array([*entry["values"], None], dtype=object)[array]
    if entry["dtype"] == "category":
        return pd.Categorical(text, categories=entry["categories"], ordered=entry["ordered"])
    return pd.Series(text, dtype=entry["dtype"])


def _portable(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % _ALIGNMENT)
