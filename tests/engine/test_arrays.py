"""Byte format of arrays, tables and plain values."""

from __future__ import annotations

import json
import mmap
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from engine import arrays
from engine.arrays import encode
from engine.errors import CacheError

MAGIC = b"TESTING\n"
DTYPES = ["<f2", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "|b1"]


@dataclass(frozen=True)
class Inner:
    values: np.ndarray
    note: str = "ü"


@dataclass(frozen=True)
class Outer:
    inner: Inner
    others: dict[str, np.ndarray] = field(default_factory=dict)
    numbers: tuple[float, ...] = ()


def decode(magic: bytes, blob: bytes | mmap.mmap, build: Callable[[Any], Any] = lambda tree: tree) -> Any:
    return arrays.decode(magic, blob, build)


def made(header: Any, content: bytes = b"", magic: bytes = MAGIC) -> bytes:
    """Bytes of a header, as the layout has them."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    rest = len(text).to_bytes(4, "little") + text + bytes(-(16 + len(text)) % 64) + content
    return magic + zlib.crc32(rest).to_bytes(4, "little") + rest


def test_the_layout_is_magic_checksum_length_header_arrays() -> None:
    one, two = np.array([1, 2, 3], "<u4"), np.array([[0.5], [1.5]], ">f8")
    blob = encode(MAGIC, {"name": "x", "arrays": {"one": one, "two": two}})
    length = int.from_bytes(blob[12:16], "little")
    assert blob[:8] == MAGIC
    assert int.from_bytes(blob[8:12], "little") == zlib.crc32(blob[12:])
    assert json.loads(blob[16 : 16 + length]) == {
        "name": "x",
        "arrays": {"one": {"$array": ["<u4", [3]]}, "two": {"$array": ["<f8", [2, 1]]}},
    }
    start = 16 + length + -(16 + length) % 64
    assert blob[start:] == one.tobytes() + bytes(52) + two.astype("<f8").tobytes() + bytes(48)


@given(
    st.sampled_from(DTYPES).flatmap(lambda name: arrays_of.arrays(name, arrays_of.array_shapes(min_dims=0, min_side=0)))
)
def test_arrays_come_back_exactly_and_read_only(array: np.ndarray) -> None:
    for given_array in (array, array.T, array.astype(array.dtype.newbyteorder(">"))):
        again = decode(MAGIC, encode(MAGIC, given_array))
        assert (again.dtype, again.shape) == (array.dtype, given_array.shape)
        assert again.tobytes() == given_array.astype(array.dtype).tobytes()
        assert not again.flags.writeable


def test_a_dataclass_comes_back_through_build() -> None:
    value = Outer(Inner(np.arange(3)), {"a": np.ones((2, 2))}, (np.float64(0.1), float("nan"), np.int64(3)))  # type: ignore[arg-type]

    def build(fields: dict[str, Any]) -> Outer:
        return Outer(Inner(**fields["inner"]), fields["others"], tuple(fields["numbers"]))

    again = decode(MAGIC, encode(MAGIC, value), build)
    assert again.inner.note == "ü"
    np.testing.assert_array_equal(again.inner.values, np.arange(3))
    np.testing.assert_array_equal(again.others["a"], np.ones((2, 2)))
    np.testing.assert_array_equal(again.numbers, value.numbers)
    with pytest.raises(CacheError, match="KeyError"):
        decode(MAGIC, encode(MAGIC, {}), build)


def test_a_table_comes_back_exactly() -> None:
    table = pd.DataFrame(
        {
            "count": np.arange(3, dtype=np.int16),
            "value": [np.nan, np.inf, -0.0],
            "is it": [True, False, True],
            "$array": pd.Series(["ü", None, "<b>"], dtype=object),
            "kind": pd.Categorical(["p", None, "p"], categories=["q", "p"], ordered=True),
        }
    )
    pd.testing.assert_frame_equal(decode(MAGIC, encode(MAGIC, [table]))[0], table, check_exact=True)
    without_rows = decode(MAGIC, encode(MAGIC, table[:0]))
    pd.testing.assert_frame_equal(without_rows, table[:0], check_exact=True)


@pytest.mark.parametrize(
    "value",
    [
        np.array(["text"]),
        np.array([object()]),
        np.zeros(2, dtype="c16"),
        np.zeros(2, dtype=[("a", "<f4")]),
        pd.DataFrame({"when": pd.to_datetime(["2020-01-01"])}),
        pd.DataFrame({"odd": [[1]]}),
        {1, 2},
    ],
)
def test_other_values_are_refused(value: Any) -> None:
    with pytest.raises(CacheError):
        encode(MAGIC, value)


def test_a_header_for_browsers_has_finite_numbers_only() -> None:
    encode(MAGIC, {"arrays": {"a": np.array([np.nan])}}, is_strict=True)
    with pytest.raises(ValueError, match="JSON"):
        encode(MAGIC, {"a": float("nan")}, is_strict=True)


def test_bytes_of_another_length_are_refused() -> None:
    blob = encode(MAGIC, {"a": np.arange(5, dtype=np.uint8), "t": pd.DataFrame({"x": ["a", "b"]})})
    decode(MAGIC, blob)
    for length in range(len(blob)):
        with pytest.raises(CacheError):
            decode(MAGIC, blob[:length])
    with pytest.raises(CacheError, match="checksum"):
        decode(MAGIC, blob + b"\0")
    with pytest.raises(CacheError, match="lists"):
        decode(MAGIC, made({"$array": ["<f8", [8]]}, bytes(128)))


def test_a_flipped_bit_anywhere_is_refused() -> None:
    blob = encode(MAGIC, {"a": np.arange(5, dtype=np.uint8), "x": 0.5})
    for position in range(len(blob)):
        with pytest.raises(CacheError):
            decode(MAGIC, blob[:position] + bytes([blob[position] ^ 4]) + blob[position + 1 :])


@pytest.mark.parametrize("name", ["|O", "O", "<U9", "|S4", "<M8[s]", "<c16", "f8", ">f8", "|f1", "<V8", "", None, 8])
def test_types_but_plain_numbers_are_refused(name: Any) -> None:
    with pytest.raises(CacheError):
        decode(MAGIC, made({"$array": [name, [1]]}, bytes(64)))


@pytest.mark.parametrize(
    "shape", [[2**60], [2**63], [2**32, 2**32], [-1], [-1, -8], [1.0], [True], ["1"], None, [1] * 99]
)
def test_impossible_shapes_are_refused(shape: Any) -> None:
    with pytest.raises(CacheError):
        decode(MAGIC, made({"$array": ["<f8", shape]}, bytes(64)))


@pytest.mark.parametrize(
    "header",
    [
        {"$array": ["<f8", [2**30]]},
        {"$table": [2**40, [["x", {"dtype": "str", "codes": [], "values": []}]]]},
        {"$table": [2**40, [["x", {"$array": ["<f8", [1]]}]]]},
        {"$table": [1, [["x", {"dtype": "Sparse", "codes": {"$array": ["<i4", [1]]}, "values": ["a"]}]]]},
        {"$table": [1, [["x", {"dtype": "str", "codes": {"$array": ["<i4", [1]]}, "values": []}]]]},
        {"$table": {"a": 1}},
        "[" * 100_000,
        "not JSON",
        "1" * 10_000,
    ],
)  # fmt: skip
def test_nothing_is_allocated_from_declared_sizes(header: Any) -> None:
    blob = made(header, (7).to_bytes(64, "little"))
    tracemalloc.start()
    try:
        with pytest.raises(CacheError):
            decode(MAGIC, blob)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(content: bytes) -> None:
    for blob in (content, MAGIC + content, made(content.decode("latin-1"))):
        try:
            decode(MAGIC, blob)
        except CacheError:
            continue
        json.loads(content.decode("latin-1"))


def test_a_mapped_file_is_read_in_place(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(encode(MAGIC, [np.arange(3), np.arange(2.0)]))
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    numbers, halves = decode(MAGIC, mapped)
    np.testing.assert_array_equal(numbers, [0, 1, 2])
    assert [array.ctypes.data % 64 for array in (numbers, halves)] == [0, 0]


def test_every_array_has_bytes_of_its_own() -> None:
    with pytest.raises(CacheError):
        decode(MAGIC, made([{"$array": ["<f8", [1]]}, {"$array": ["<f8", [1]]}], bytes(64)))
