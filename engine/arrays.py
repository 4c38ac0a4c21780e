"""Binary format of arrays, tables and plain values, on disk and to the page.

Layout: eight bytes of magic; the CRC-32 of all that follows and the length of the header, each in four little-endian
bytes; the header, JSON in UTF-8; the arrays, little-endian in C order, in the order of their mention in the header.
Every array begins at a multiple of 64 bytes. The header is the value, with ``{"$array": [dtype, shape]}`` in place of
an array and ``{"$table": [n_rows, [[name, column], ...]]}`` in place of a table; a text column is an array of codes
into a list of distinct values. The format cannot name a type to construct or code to run.

``assets/values/scene.mjs`` reads the arrays of a header's entry ``arrays``.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import zlib
from collections.abc import Callable, Mapping
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from engine.errors import CacheError

if TYPE_CHECKING:
    import pandas as pd

_START = 16
_ALIGNMENT = 64
_DTYPE = re.compile(r"[<|][fiu][1248]|\|b1")
_TEXT_DTYPES = ("str", "object", "category")

Value = TypeVar("Value")


def encode(magic: bytes, value: Any, is_strict: bool = False) -> bytes:
    """Return the bytes of a value.

    Args:
        magic: eight bytes that identify the content.
        value: tree of mappings, sequences, dataclasses, scalars, arrays (numeric or boolean) and tables.
        is_strict: refuse NaN and infinities outside arrays and tables, which JavaScript does not read.

    Raises:
        CacheError: a part of the value is none of these, or a column of a table neither numeric, boolean nor text.
        ValueError: a scalar is not finite although `is_strict`.
    """
    blocks: list[bytes | memoryview] = []

    def take_apart(part: Any) -> Any:
        if isinstance(part, np.ndarray):
            portable = np.ascontiguousarray(part, dtype=part.dtype.newbyteorder("<"))
            if not _DTYPE.fullmatch(portable.dtype.str):
                raise CacheError(f"An array has the dtype {part.dtype}: keep numbers or booleans in an array.")
            blocks.extend((portable.data, _padding(portable.nbytes)))
            return {"$array": [portable.dtype.str, part.shape]}
        if isinstance(part, np.generic):
            return part.item()
        if isinstance(part, Mapping):
            return dict(part)
        if dataclasses.is_dataclass(part):
            return {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
        return _encode_table(part)

    header = json.dumps(value, default=take_apart, allow_nan=not is_strict, separators=(",", ":")).encode()
    parts = [len(header).to_bytes(4, "little"), header, _padding(_START + len(header)), *blocks]
    crc = reduce(lambda crc, part: zlib.crc32(part, crc), parts, 0)
    return b"".join([magic, crc.to_bytes(4, "little"), *parts])


def aligned_bytes(size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return an uninitialised buffer that begins at a multiple of 64 bytes, as the arrays in it then do."""
    room = np.empty(size + _ALIGNMENT, dtype=np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    return room[start : start + size]


def decode(magic: bytes, blob: bytes | memoryview, build: Callable[[Any], Value]) -> Value:
    """Return what `build` makes of the value of these bytes; arrays are read-only views into `blob`.

    Args:
        magic: as given to :func:`encode`.
        blob: the bytes, which nothing else changes.
        build: called with the decoded tree, in which a dataclass is a dict of its fields and a tuple a list.

    Raises:
        CacheError: `blob` has another magic, is damaged, lists an array that is not numeric or boolean, or `build`
            fails.
    """
    if blob[:8] != magic:
        raise CacheError(f"The bytes do not begin with {magic!r}: compute it again.")
    length = int.from_bytes(blob[12:_START], "little")
    offset = _START + length + len(_padding(_START + length))

    # Called for objects in the order in which they end: as arrays hold no objects, in the order of their mention.
    def put_together(part: dict[str, Any]) -> Any:
        nonlocal offset
        if "$array" in part:
            text, shape = part["$array"]
            if not _DTYPE.fullmatch(text) or any(type(extent) is not int or extent < 0 for extent in shape):
                raise CacheError(f"No array has the dtype {text!r} and the shape {shape!r}.")
            dtype, count = np.dtype(text), math.prod(shape)
            # frombuffer raises if the bytes are too short: nothing is allocated from sizes declared in the header.
            array = np.frombuffer(blob, dtype, count, offset).reshape(shape)
            offset += array.nbytes + len(_padding(array.nbytes))
            return array
        if "$table" in part:
            return _decode_table(*part["$table"])
        return part

    try:
        if zlib.crc32(memoryview(blob)[12:]) != int.from_bytes(blob[8:12], "little"):
            raise CacheError("The bytes do not have their checksum: compute it again.")
        value = json.loads(bytes(blob[_START : _START + length]), object_hook=put_together)
        if offset != len(blob):
            raise CacheError(f"There are {len(blob)} bytes, and the header lists {offset}: compute it again.")
        return build(value)
    except CacheError:
        raise
    except Exception as error:
        raise CacheError(f"The bytes cannot be decoded ({type(error).__name__}: {error}): compute it again.") from error


def _encode_table(table: Any) -> Any:
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise CacheError(f"A {type(table).__name__} cannot be encoded.")
    return {"$table": [len(table), [[name, _encode_column(column)] for name, column in table.items()]]}


def _decode_table(n_rows: int, columns: list[Any]) -> pd.DataFrame:
    import pandas as pd

    decoded = {name: _decode_column(column) for name, column in columns}
    # pandas would stretch a shorter column to the declared rows.
    if any(len(column) != n_rows for column in decoded.values()):
        raise CacheError(f"A column of a table does not have its {n_rows} rows: compute it again.")
    return pd.DataFrame(decoded, index=pd.RangeIndex(n_rows))


def _encode_column(column: pd.Series) -> Any:
    import pandas as pd

    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiub":
        return column.to_numpy()
    dtype = str(column.dtype)
    text = column.astype(object)
    if dtype not in _TEXT_DTYPES or pd.api.types.infer_dtype(text, skipna=True) not in ("string", "empty"):
        raise CacheError(f"The column {column.name!r} has the dtype {dtype}: keep numbers or text in a table.")
    codes, values = pd.factorize(text)
    entry = {"dtype": dtype, "codes": codes.astype(np.int32), "values": list(values)}
    if dtype == "category":
        entry |= {"categories": list(column.cat.categories), "ordered": bool(column.cat.ordered)}
    return entry


def _decode_column(column: Any) -> Any:
    import pandas as pd

    if isinstance(column, np.ndarray):
        return column
    if column["dtype"] not in _TEXT_DTYPES:
        raise CacheError(f"A column has the unknown dtype {column['dtype']!r}: compute it again.")
    text = np.array([*column["values"], None], dtype=object)[column["codes"]]
    if column["dtype"] != "category":
        return pd.Series(text, dtype=column["dtype"])
    if any(value not in column["categories"] for value in column["values"]):
        raise CacheError("A column holds a value that is none of its categories: compute it again.")
    return pd.Categorical(text, categories=column["categories"], ordered=column["ordered"])


def _padding(n_bytes: int) -> bytes:
    return bytes(-n_bytes % 64)
