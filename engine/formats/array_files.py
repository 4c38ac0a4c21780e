"""Reader of .npy, .npz and .safetensors files with bounded allocation."""

from __future__ import annotations

import io
import math
import os
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ImportSourceError
from engine.formats.candidates import blamed, blaming
from engine.formats.records import BLOCK_BYTES, SCATTERED_LIMIT, Record, Section, read_exactly, skip
from engine.store import files
from engine.store.documents import strict_json

SUFFIXES = (".npy", ".npz", ".safetensors")
LARGEST_INFLATION = 200
"""Limit of the compression ratio. Real predictions reach 2; saturated ones about 50; a zip bomb 1,000."""

SMALL = 1 << 22
"""Bytes below which the compression ratio is not checked."""

DIRECTORY_LIMIT = 1 << 22
"""Size limit in bytes of a container's list of its arrays, some 40,000. It takes up to 25 times as much memory."""

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

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def part(self, index: int) -> StoredArray:
        """Return the subarray at an index of the first axis."""
        shape = self.shape[1:]
        return replace(self, shape=shape, first_record=self.first_record + index * math.prod(shape[:-2]))

    def records(self) -> Iterator[NDArray[Any] | Record]:
        """Yield the (sample, class) arrays over the last two axes, in order; large ones as yet unread `Record`s."""
        n_samples, n_classes = self.shape[-2:]
        if self.is_fortran and len(self.shape) > 2:
            raise ImportSourceError(
                f"{self.name} is in Fortran order, so that no checkpoint lies in one piece: "
                "save it again with numpy.save(path, numpy.ascontiguousarray(array))."
            )
        if self.is_fortran:
            yield self.whole(SCATTERED_LIMIT)
            return
        n_bytes = n_samples * n_classes * self.dtype.itemsize
        with self.opener() as stream, blaming(self.name):
            skip(stream, self.first_record * n_bytes)
            for _ in range(math.prod(self.shape[:-2])):
                record = Record((n_samples, n_classes), self.dtype, lambda: blamed(self.name, nullcontext(stream)))
                yield record if n_bytes > BLOCK_BYTES else record.whole()
                skip(stream, record.n_unread)

    def whole(self, limit: int) -> NDArray[Any]:
        """Read the whole array, of at most `limit` bytes; for small ones: labels, steps, inputs."""
        if self.n_bytes > limit:
            advice = ": save it again with numpy.save(path, numpy.ascontiguousarray(array))" if self.is_fortran else ""
            raise ImportSourceError(
                f"{self.name} has {self.n_bytes:,} bytes, {self.shape} of {self.dtype}; at most {limit:,} are read at "
                f"once{advice}."
            )
        with self.opener() as stream, blaming(self.name):
            raw = read_exactly(stream, self.n_bytes)
            return np.frombuffer(raw, self.dtype).reshape(self.shape, order="F" if self.is_fortran else "C")


def stored_arrays(path: Path) -> dict[str, StoredArray]:
    """Return the arrays of a .npy, .npz or .safetensors file by name, declarations checked against the file's size.

    Raises:
        ImportSourceError: damaged, of another format, pickled, or larger than the file or the limits allow.
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
    """Open an untrusted zip file; its list of members is not read before its size is known."""
    with (
        blaming(path.name),
        files.opened(path) as (descriptor, _),
        _BoundedReads(io.FileIO(os.dup(descriptor))) as stream,
        # zipfile reads the list in one piece and makes an object of some 600 bytes for each entry of 46 or more.
        zipfile.ZipFile(stream) as archive,
    ):
        stream.limit = None
        yield archive


class _BoundedReads(io.BufferedReader):
    """Stream that refuses to read more at once than a limit, as long as it has one."""

    limit: int | None = DIRECTORY_LIMIT

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as `io.BufferedReader` does."""
        if self.limit is not None and size is not None and size > self.limit:
            raise ValueError(
                f"its list of members has {size:,} bytes, and at most {self.limit:,} are read: keep fewer in a file"
            )
        return super().read(size)


@contextmanager
def opened_stream(path: Path) -> Iterator[io.BufferedReader]:
    """Open a regular file without following a symbolic link."""
    with files.opened(path) as (descriptor, _), os.fdopen(os.dup(descriptor), "rb") as stream:
        yield stream


def file_section(path: Path) -> Section:
    """Return the bytes of a file."""
    with files.opened(path) as (_, size):
        return Section(size, lambda start: _file_from(path, start))


def member_section(path: Path, info: zipfile.ZipInfo, *, in_place: bool = False) -> Section:
    """Return the bytes of a member of a zip file, which `checked_members` let pass.

    Args:
        path: the file.
        info: the member.
        in_place: the checksum is checked now, and parts are read from where they are stored; otherwise the member is
            unpacked up to a part, and to its end for its checksum, as often as one is read.
    """
    unpacked = Section(info.file_size, partial(_checked_member_from, path, info.filename))
    if not in_place or info.compress_type != zipfile.ZIP_STORED:
        return unpacked
    with unpacked.open_at(0), opened_stream(path) as stream:
        # The lengths of name and extra field stand at the end of the 30 bytes before these.
        stream.seek(info.header_offset + 26)
        begin = info.header_offset + 30 + sum(struct.unpack("<HH", read_exactly(stream, 4)))
    return Section(info.file_size, lambda start: _file_from(path, begin + start))


@contextmanager
def _checked_member_from(path: Path, member: str, start: int) -> Iterator[IO[bytes]]:
    with _member_from(path, member, start) as stream:
        yield stream
        while stream.read(1 << 20):
            pass


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
        skip(stream, start)
        yield stream


def _safetensors(path: Path) -> dict[str, StoredArray]:
    # The library maps the file, which ends this process if another program cuts the file short.
    with opened_stream(path) as stream:
        length = int.from_bytes(read_exactly(stream, 8), "little")
        available = os.fstat(stream.fileno()).st_size - 8 - length
        if length > DIRECTORY_LIMIT:
            raise ValueError(f"its list of arrays has {length:,} bytes; at most {DIRECTORY_LIMIT:,} are read")
        entries = strict_json(bytes(read_exactly(stream, length)), "its list of arrays")
    arrays = {}
    for name, entry in entries.items():
        if name == "__metadata__":
            continue
        code, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        if code not in _SAFETENSORS_DTYPES:
            raise ValueError(f"its array {name!r:.80} has dtype {code!r:.20}; floats of 16, 32 or 64 bits are read")
        if len(shape) > 8 or not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
            raise ValueError(f"its array {name!r:.80} declares the shape {shape!r:.80} at {begin!r:.20}")
        dtype = np.dtype(_SAFETENSORS_DTYPES[code])
        _expect_size(tuple(shape), dtype, min(end, available) - begin, exact=True)
        start = 8 + length + begin
        arrays[name] = StoredArray(name, tuple(shape), dtype, False, partial(_file_from, path, start))
    return arrays


_SAFETENSORS_DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I64": "<i8", "I32": "<i4", "U8": "<u1"}


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): (2, np.lib.format.read_array_header_1_0), (2, 0): (4, np.lib.format.read_array_header_2_0)}
    if version not in readers:
        raise ValueError(f"it is a .npy of format {version[0]}.{version[1]}, and 1.0 and 2.0 are read")
    width, reader = readers[version]
    # numpy reads as many bytes as are declared, and compares them with its limit afterwards.
    declared = read_exactly(stream, width)
    length = int.from_bytes(declared, "little")
    if length > _HEADER_LIMIT:
        raise ValueError(f"it declares a header of {length:,} bytes; at most {_HEADER_LIMIT:,} are read")
    header = io.BytesIO(declared + read_exactly(stream, length))
    shape, is_fortran, dtype = reader(header, max_header_size=_HEADER_LIMIT)
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
