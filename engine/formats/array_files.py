"""Reader of .npy, .npz and .safetensors files with bounded allocation."""

from __future__ import annotations

import io
import math
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from engine import machine
from engine.errors import ImportSourceError
from engine.formats.candidates import blaming
from engine.store import files

SUFFIXES = (".npy", ".npz", ".safetensors")
RECORD_LIMIT = 1 << 30
"""Size limit of a (sample, class) record in bytes: the largest of the study has 2 MB, ImageNet validation in float64
0.4 GB."""

LARGEST_INFLATION = 200
"""Limit of the compression ratio. Real predictions reach 2; saturated ones about 50; a zip bomb 1,000."""

SMALL = 1 << 22
"""Bytes below which the compression ratio is not checked."""

_HEADER_LIMIT = 10_000
_ITEM_SIZES = {"f": (2, 4, 8), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8)}


@dataclass(frozen=True, slots=True)
class StoredArray:
    """Declaration of an array in a file, with access to its records.

    Attributes:
        name: its name in the file; the file's stem if it is the only array.
        shape, dtype: as declared, checked against the size of its data.
        is_fortran: whether the first axis varies fastest.
        opener: opens a stream of its bytes.
        first_record: index of its first record in the stream; not 0 for one run of a file of many.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool
    opener: Callable[[], AbstractContextManager[IO[bytes]]]
    first_record: int = 0

    def part(self, index: int) -> StoredArray:
        """Return the subarray at an index of the first axis."""
        shape = self.shape[1:]
        return replace(self, shape=shape, first_record=self.first_record + index * math.prod(shape[:-2]))

    def records(self) -> Iterator[NDArray[Any]]:
        """Yield the (sample, class) arrays over the last two axes, in order."""
        record_shape = self.shape[-2:]
        if self.is_fortran and len(self.shape) > 2:
            raise ImportSourceError(
                f"{self.name} is in Fortran order, so that no checkpoint lies in one piece: "
                "save it again with numpy.save(path, numpy.ascontiguousarray(array))."
            )
        n_bytes = math.prod(record_shape) * self.dtype.itemsize
        if n_bytes > RECORD_LIMIT:
            raise ImportSourceError(f"{self.name} has records of {n_bytes:,} bytes; at most {RECORD_LIMIT:,} are read.")
        with self.opener() as stream, blaming(self.name):
            _skip(stream, self.first_record * n_bytes)
            for _ in range(math.prod(self.shape[:-2])):
                raw = _read_exactly(stream, n_bytes)
                yield np.frombuffer(raw, self.dtype).reshape(record_shape, order="F" if self.is_fortran else "C")

    def whole(self) -> NDArray[Any]:
        """Read the whole array; for small ones: labels, steps, inputs."""
        n_bytes = math.prod(self.shape) * self.dtype.itemsize
        if n_bytes > RECORD_LIMIT:
            raise ImportSourceError(f"{self.name} has {n_bytes:,} bytes; at most {RECORD_LIMIT:,} are read at once.")
        with self.opener() as stream, blaming(self.name):
            raw = _read_exactly(stream, n_bytes)
            return np.frombuffer(raw, self.dtype).reshape(self.shape, order="F" if self.is_fortran else "C")


def stored_arrays(path: Path) -> dict[str, StoredArray]:
    """Return the arrays of a .npy, .npz or .safetensors file by name, declarations checked against the file's size.

    Raises:
        ImportSourceError: damaged, of another format, pickled, or larger than the file or the limits allow.
        MissingPackageError: safetensors is not installed.
    """
    with blaming(path.name):
        if path.suffix == ".npy":
            return {path.stem: _npy(path)}
        if path.suffix == ".npz":
            return _npz(path)
        if path.suffix == ".safetensors":
            return _safetensors(path)
    raise ImportSourceError(f"{path.name} is none of {', '.join(SUFFIXES)}.")


def checked_members(archive: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    """Return the members of a zip file by name; refuse an archive that unpacks to far more than its size."""
    members = {info.filename: info for info in archive.infolist() if not info.is_dir()}
    for info in members.values():
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ImportSourceError(f"{name}: its member {info.filename!r:.80} is encrypted or packed in a rare way.")
    # Summed over members, so that members that share bytes are each counted.
    packed = os.fstat(archive.fp.fileno()).st_size if archive.fp else 0
    declared = sum(info.file_size for info in members.values())
    if declared > max(SMALL, LARGEST_INFLATION * packed):
        raise ImportSourceError(
            f"{name} has {packed:,} bytes and would unpack to {declared:,}: more than {LARGEST_INFLATION} times "
            "as much is taken for a zip bomb. If it is yours, save it with numpy.savez, uncompressed."
        )
    return members


@contextmanager
def opened_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an untrusted zip file."""
    with opened_stream(path) as stream, zipfile.ZipFile(stream) as archive:
        yield archive


@contextmanager
def opened_stream(path: Path) -> Iterator[io.BufferedReader]:
    """Open a regular file without following a symbolic link."""
    with files.opened(path) as (descriptor, _), os.fdopen(os.dup(descriptor), "rb") as stream:
        yield stream


def _npy(path: Path) -> StoredArray:
    with opened_stream(path) as stream:
        shape, is_fortran, dtype = _header(stream)
        start, size = stream.tell(), os.fstat(stream.fileno()).st_size
    # Bytes after the declared shape are allowed: a file that is being appended to has them.
    _expect_size(shape, dtype, size - start, exact=False)
    return StoredArray(path.stem, shape, dtype, is_fortran, partial(_file_from, path, start))


@contextmanager
def _file_from(path: Path, start: int) -> Iterator[IO[bytes]]:
    with opened_stream(path) as stream:
        stream.seek(start)
        yield stream


def _npz(path: Path) -> dict[str, StoredArray]:
    arrays = {}
    with opened_archive(path) as archive:
        for member, info in checked_members(archive, path.name).items():
            if not member.endswith(".npy"):
                raise ValueError(f"its member {member!r:.80} is no .npy")
            name = member.removesuffix(".npy")
            with archive.open(info) as stream:
                shape, is_fortran, dtype = _header(stream)
                start = stream.tell()
            _expect_size(shape, dtype, info.file_size - start, exact=True)
            arrays[name] = StoredArray(name, shape, dtype, is_fortran, partial(_member_from, path, member, start))
    return arrays


@contextmanager
def _member_from(path: Path, member: str, start: int) -> Iterator[IO[bytes]]:
    with blaming(path.name), opened_archive(path) as archive, archive.open(member) as stream:
        _skip(stream, start)
        yield stream


def _safetensors(path: Path) -> dict[str, StoredArray]:
    library = machine.load_optional("safetensors", f"Reading {path.name}")
    with files.opened(path):  # no link, no pipe
        pass
    arrays = {}
    with library.safe_open(path, framework="numpy") as file:
        for name in file.keys():  # noqa: SIM118 - no mapping
            piece = file.get_slice(name)
            code = piece.get_dtype()
            if code not in _SAFETENSORS_DTYPES:
                raise ValueError(f"its array {name!r:.80} has dtype {code}; floats of 16, 32 or 64 bits are read")
            shape, dtype = tuple(piece.get_shape()), np.dtype(_SAFETENSORS_DTYPES[code])
            arrays[name] = StoredArray(name, shape, dtype, False, partial(_rows_of, library, path, name))
    return arrays


_SAFETENSORS_DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I64": "<i8", "I32": "<i4", "U8": "<u1"}


@contextmanager
def _rows_of(library: Any, path: Path, name: str) -> Iterator[IO[bytes]]:
    with library.safe_open(path, framework="numpy") as file:
        piece = file.get_slice(name)
        n_rows = piece.get_shape()[0] if piece.get_shape() else 0
        yield stream_of(np.ascontiguousarray(piece[row : row + 1]).tobytes() for row in range(n_rows))


def stream_of(pieces: Iterator[bytes]) -> IO[bytes]:
    """Return a stream of pieces that are made one at a time, when they are read."""
    return cast(IO[bytes], _Pieces(pieces))


class _Pieces:
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, n_bytes: int) -> bytes:
        while len(self._rest) < n_bytes and (piece := next(self._pieces, b"")):
            self._rest += piece
        taken, self._rest = self._rest[:n_bytes], self._rest[n_bytes:]
        return taken


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"it is a .npy of format {version[0]}.{version[1]}, and 1.0 and 2.0 are read")
    shape, is_fortran, dtype = readers[version](stream, max_header_size=_HEADER_LIMIT)
    if dtype.hasobject:
        raise ValueError("it holds pickled Python objects, which are never loaded")
    if dtype.names or dtype.itemsize not in _ITEM_SIZES.get(dtype.kind, ()):
        raise ValueError(f"it has dtype {dtype}; floats of 16, 32 or 64 bits (and integers for labels) are read")
    if not all(axis >= 0 for axis in shape):
        raise ValueError(f"it declares the shape {shape}")
    return shape, bool(is_fortran), dtype


def _expect_size(shape: tuple[int, ...], dtype: np.dtype[Any], available: int, *, exact: bool) -> None:
    # Python integers: a declared 2^62 by 2^62 does not overflow.
    needed = math.prod(shape) * dtype.itemsize
    if needed > available or (exact and needed != available):
        raise ValueError(f"it declares {shape} of {dtype}, {needed:,} bytes, and holds {available:,}")


def _skip(stream: IO[bytes], n_bytes: int) -> None:
    # Forward in pieces: a zip member cannot seek, or seeks by reading everything.
    while n_bytes > 0:
        piece = stream.read(min(n_bytes, 1 << 20))
        if not piece:
            raise ValueError(f"it ends {n_bytes:,} bytes too early")
        n_bytes -= len(piece)


def _read_exactly(stream: IO[bytes], n_bytes: int) -> bytes:
    pieces = []
    while n_bytes:
        piece = stream.read(n_bytes)
        if not piece:
            raise ValueError(f"it ends {n_bytes:,} bytes too early")
        pieces.append(piece)
        n_bytes -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
