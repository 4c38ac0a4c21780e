"""Opcodes of an untrusted pickle, whose long strings stay in the file."""

from __future__ import annotations

import codecs
import pickletools
import sys
from collections.abc import Callable, Container, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Any, cast

import numpy as np

from engine.formats.records import Section, skip

OBJECT_BYTES = 150
"""Memory of an opcode: what it makes, its place on the stack and, half of the time, in the memo. An empty dictionary
has 80 bytes, its place 9, its entry in the memo 130."""

BUDGET_BYTES = 1 << 27
"""Memory for what a pickle holds beside its arrays: some 900,000 opcodes; a run of the study has 20,000."""

_OPCODES = {opcode.code: opcode for opcode in pickletools.opcodes}
_KEPT = 1 << 12
"""Length in bytes up to which a string is read at once."""
_LONGEST_LINE = 1 << 12
_COUNTED = {
    **dict.fromkeys(("SHORT_BINBYTES", "SHORT_BINUNICODE", "LONG1"), 1),
    **dict.fromkeys(("BINBYTES", "BINUNICODE", "LONG4"), 4),
    **dict.fromkeys(("BINBYTES8", "BINUNICODE8", "BYTEARRAY8"), 8),
}
"""Bytes of the length that stands before a string or a long integer."""


class Budget:
    """Memory that is left for what a file holds."""

    def __init__(self) -> None:
        self._n_bytes = BUDGET_BYTES

    def spend(self, n_bytes: int) -> None:
        """Take memory from the budget; ValueError if there is not as much."""
        self._n_bytes -= n_bytes
        if self._n_bytes < 0:
            raise ValueError(
                f"beside its arrays it holds more than {BUDGET_BYTES:,} bytes of objects: keep lists of numbers as "
                "arrays, or leave out what is no prediction"
            )


class Text:
    """Long text that stays in the file."""

    def __init__(self, section: Section, n_characters: int) -> None:
        self._section = section
        self._n_characters = n_characters

    def encoded(self) -> Section:
        """Return the bytes that the text stands for where it has a character for each."""
        return Section(self._n_characters, self._open_at)

    @contextmanager
    def _open_at(self, start: int) -> Iterator[IO[bytes]]:
        with self._section.open_at(0) as stream:
            narrow = cast(IO[bytes], _Latin(stream, self._section.n_bytes))
            skip(narrow, start)
            yield narrow


class _Latin:
    """Stream of the Latin-1 bytes of UTF-8 text."""

    def __init__(self, stream: IO[bytes], n_bytes: int) -> None:
        self._stream = stream
        self._n_left = n_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def read(self, n_bytes: int) -> bytes:
        # A piece may hold nothing but the first byte of a character.
        while self._n_left and n_bytes:
            piece = self._stream.read(min(n_bytes, self._n_left))
            self._n_left -= len(piece)
            if not piece or (text := self._decoder.decode(piece).encode("latin1")):
                return text if piece else b""
        return b""


def operations(source: Section, budget: Budget, allowed: Container[str]) -> Generator[tuple[str, Any], None, int]:
    """Yield name and argument of each opcode up to the last, a string of over 4 kB as a `Section` or `Text`.

    Returns:
        The number of bytes of the pickle.

    Raises:
        ValueError: another opcode than the allowed, a string or line longer than the file or its limit, no end, or the
            budget is spent.
    """
    with source.open_at(0) as stream:
        reader = _Reader(stream, source.n_bytes)
        while True:
            opcode = _OPCODES.get(reader.read(1).decode("latin1"))
            if opcode is None or opcode.name not in allowed:
                name = "that does not exist" if opcode is None else opcode.name
                raise ValueError(f"it uses the pickle opcode {name}, which arrays and settings do not need")
            budget.spend(OBJECT_BYTES)
            argument: Any = None
            if opcode.name in _COUNTED:
                length = int.from_bytes(reader.read(_COUNTED[opcode.name]), "little")
                argument = _string(opcode.name, length, reader, source, budget)
            elif opcode.arg is not None:
                argument = opcode.arg.reader(cast(IO[bytes], reader))
            yield opcode.name, argument
            if opcode.name == "STOP":
                return reader.position


def _string(name: str, length: int, reader: _Reader, source: Section, budget: Budget) -> Any:
    if length <= _KEPT:
        raw = reader.read(length)
        value: Any = raw
        if "UNICODE" in name:
            value = raw.decode("utf-8", "surrogatepass")
        elif "LONG" in name:
            value = int.from_bytes(raw, "little", signed=True)
        budget.spend(sys.getsizeof(value))
        return value
    if "LONG" in name:
        raise ValueError(f"it holds an integer of {length:,} bytes; at most {_KEPT:,} are read")
    start, n_characters = reader.position, reader.passed(length, is_text="UNICODE" in name)
    section = Section(length, _from(source, start))
    return section if n_characters is None else Text(section, n_characters)


def _from(source: Section, start: int) -> Callable[[int], AbstractContextManager[IO[bytes]]]:
    return lambda place: source.open_at(start + place)


class _Reader:
    """Stream whose reads are no longer than what is left of it."""

    def __init__(self, stream: IO[bytes], n_bytes: int) -> None:
        self._stream = stream
        self._n_bytes = n_bytes
        self.position = 0

    def read(self, n_bytes: int) -> bytes:
        self._expect(n_bytes)
        self.position += n_bytes
        return self._stream.read(n_bytes)

    def readline(self) -> bytes:
        line = self._stream.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise ValueError(f"it holds a line that does not end within {_LONGEST_LINE:,} bytes")
        self.position += len(line)
        self._expect(0)
        return line

    def passed(self, n_bytes: int, *, is_text: bool) -> int | None:
        """Go past bytes; returns the number of characters if they are UTF-8 text."""
        self._expect(n_bytes)
        self.position += n_bytes
        if not is_text:
            self._stream.seek(n_bytes, 1)
            return None
        n_characters = 0
        while n_bytes:
            piece = self._stream.read(min(n_bytes, 1 << 20))
            if not piece:
                raise ValueError(f"it ends {n_bytes:,} bytes too early")
            # Every byte of UTF-8 begins a character, except those of the form 10xxxxxx.
            n_characters += int(np.count_nonzero(np.frombuffer(piece, np.uint8) & 0xC0 != 0x80))
            n_bytes -= len(piece)
        return n_characters

    def _expect(self, n_bytes: int) -> None:
        if n_bytes > self._n_bytes - self.position:
            raise ValueError(f"it declares {n_bytes:,} bytes and has {self._n_bytes - self.position:,} left")
