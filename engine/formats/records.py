"""Predictions in untrusted files, read in blocks of bounded memory."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import ImportSourceError
from engine.store.encoding import SUM_TOLERANCE, as_array

BLOCK_BYTES = 1 << 23
"""Size in bytes up to which predictions are read unchecked. Float16 takes nine times as much while it is checked: a
copy in float64, its exponentials and masks."""

RECORD_LIMIT = 1 << 30
"""Size limit of a (sample, class) record in bytes: the largest of the study has 2 MB, ImageNet validation in float64
0.4 GB."""

SCATTERED_LIMIT = 1 << 26
"""Size limit in bytes of a record that no block can be read of, as its rows lie scattered over all of it."""


@dataclass(frozen=True, slots=True)
class Section:
    """Bytes of a file that are read on demand.

    Attributes:
        n_bytes: their number.
        open_at: opens a stream at one of them.
    """

    n_bytes: int
    open_at: Callable[[int], AbstractContextManager[IO[bytes]]]

    @classmethod
    def of(cls, raw: bytes) -> Section:
        """Return bytes in memory as a section."""
        return cls(len(raw), lambda start: io.BytesIO(memoryview(raw)[start:]))


class Record:
    """Predictions of one checkpoint that are too large to read unchecked; they are read once, in blocks or whole.

    Attributes:
        shape: (sample, class).
        dtype: of the numbers.
        n_unread: bytes of it that are left in its stream.
    """

    def __init__(
        self, shape: tuple[int, int], dtype: np.dtype[Any], opener: Callable[[], AbstractContextManager[IO[bytes]]]
    ) -> None:
        self.shape = shape
        self.dtype = dtype
        self.n_unread = math.prod(shape) * dtype.itemsize
        self._opener = opener
        if self.n_unread > RECORD_LIMIT:
            raise ImportSourceError(
                f"Its predictions {shape} of {dtype} have {self.n_unread:,} bytes per checkpoint; at most "
                f"{RECORD_LIMIT:,} are read: save them as float32 or float16, or on fewer samples."
            )

    def blocks(self) -> Iterator[NDArray[Any]]:
        """Yield consecutive (sample, class) blocks of rows."""
        n_samples, n_classes = self.shape
        row_bytes = n_classes * self.dtype.itemsize
        n_rows = max(BLOCK_BYTES // max(row_bytes, 1), 1)
        with self._opener() as stream:
            for start in range(0, n_samples, n_rows):
                yield self._rows(stream, min(n_rows, n_samples - start))

    def whole(self) -> NDArray[Any]:
        """Read all of it."""
        with self._opener() as stream:
            return self._rows(stream, self.shape[0])

    def _rows(self, stream: IO[bytes], count: int) -> NDArray[Any]:
        raw = read_exactly(stream, count * self.shape[1] * self.dtype.itemsize)
        self.n_unread -= len(raw)
        return np.frombuffer(raw, self.dtype).reshape(count, self.shape[1])


def blocks_of(values: Any) -> Iterator[NDArray[Any]]:
    """Yield the predictions of one checkpoint, an array or `Record`, as consecutive blocks of rows."""
    if isinstance(values, Record):
        yield from values.blocks()
        return
    array = as_array(values)
    row_bytes = array[:1].nbytes if array.ndim else 0
    n_rows = max(BLOCK_BYTES // max(row_bytes, 1), 1)
    if array.nbytes <= BLOCK_BYTES:
        yield array
        return
    for start in range(0, len(array), n_rows):
        yield array[start : start + n_rows]


def whole(values: Any) -> NDArray[Any]:
    """Return the predictions of one checkpoint as an array."""
    return values.whole() if isinstance(values, Record) else as_array(values)


class RowSums:
    """Detection of probabilities or log-probabilities: the rows of every split sum to one as exactly one of them.

    Logits are never guessed: numbers that are neither may be logits or damaged.
    """

    def __init__(self) -> None:
        self._is_probability = self._is_logarithm = True

    def see(self, block: NDArray[Any]) -> None:
        """Take in (sample, class) numbers; ImportSourceError if all seen so far are neither."""
        array = np.asarray(block, np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            self._is_probability &= bool((array >= 0).all() and (np.abs(array.sum(axis=1) - 1) <= SUM_TOLERANCE).all())
            self._is_logarithm &= bool((np.abs(np.exp(array).sum(axis=1) - 1) <= SUM_TOLERANCE).all())
        if not self._is_probability and not self._is_logarithm:
            raise _unclear()

    @property
    def kind(self) -> Literal["probabilities", "log_probabilities"]:
        """What the numbers taken in are; ImportSourceError if they may be both."""
        if self._is_probability == self._is_logarithm:
            raise _unclear()
        return "probabilities" if self._is_probability else "log_probabilities"


def _unclear() -> ImportSourceError:
    return ImportSourceError(
        "It is not clear what its numbers are: the rows of its first checkpoint sum to one neither as "
        "probabilities nor as log-probabilities. Say what they are: --kind logits, probabilities or "
        "log_probabilities."
    )


def skip(stream: IO[bytes], n_bytes: int) -> None:
    """Read past bytes of a stream; ValueError if it ends before."""
    # Forward in pieces: a zip member cannot seek, or seeks by reading everything.
    while n_bytes > 0:
        piece = stream.read(min(n_bytes, 1 << 20))
        if not piece:
            raise ValueError(f"it ends {n_bytes:,} bytes too early")
        n_bytes -= len(piece)


def read_exactly(stream: IO[bytes], n_bytes: int) -> bytearray:
    """Read a number of bytes, which take their memory once; ValueError if the stream ends before."""
    # In pieces of a megabyte: a zip member asked for all at once keeps what it has unpacked twice.
    content = bytearray(n_bytes)
    view, done = memoryview(content), 0
    while done < n_bytes:
        piece = stream.read(min(n_bytes - done, 1 << 20))
        if not piece:
            raise ValueError(f"it ends {n_bytes - done:,} bytes too early")
        view[done : done + len(piece)] = piece
        done += len(piece)
    return content
