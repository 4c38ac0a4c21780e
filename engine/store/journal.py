"""Journal of a run: one checksummed line per committed checkpoint.

Appending the line is the commit. A line is ``<crc> <body>\\n``: eight hexadecimal digits, the CRC-32 of the body's
bytes, one space, and the body, a JSON object ``{"index", "step", "epoch", "time", "metrics", "crc"}``. ``crc`` holds
the CRC-32 of the checkpoint's record in each split.
"""

from __future__ import annotations

import fcntl
import math
import os
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from operator import itemgetter
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from engine.errors import RunFormatError, RunLockedError
from engine.store.documents import crc_line, reason_of

JOURNAL = "journal.jsonl"
JOURNAL_LIMIT = 1 << 28
"""Size limit in bytes; about a million checkpoints."""

SECTOR = 512
"""Bytes that every disk writes as a whole or not at all."""

LARGEST_STEP = 2**53
"""Larger steps are not exact in JSON readers of other languages."""

_FIELDS = ("index", "step", "epoch", "time", "metrics", "crc")


@dataclass(frozen=True, slots=True, eq=False)
class Journal:
    """Committed checkpoints of a run, as columns.

    Attributes:
        steps: (checkpoint,) int64, strictly increasing.
        epochs: (checkpoint,) float64, NaN if not given to the recorder.
        times: (checkpoint,) float64, seconds since 1970 (UTC) at the commit.
        metrics: by name, (checkpoint,) float64, NaN if a checkpoint lacks the metric.
        crcs: by split, (checkpoint,) CRC-32 of the record.
        n_bytes: length of the committed part of the file.
        n_tail: bytes after it: an incomplete line of a live or killed writer.
    """

    steps: NDArray[np.int64]
    epochs: NDArray[np.float64]
    times: NDArray[np.float64]
    metrics: Mapping[str, NDArray[np.float64]]
    crcs: Mapping[str, tuple[int, ...]]
    n_bytes: int
    n_tail: int

    def __len__(self) -> int:
        return len(self.steps)

    def first(self, n_checkpoints: int) -> Journal:
        """Return the first checkpoints only; `n_bytes` and `n_tail` remain those of the whole file."""
        return replace(
            self,
            steps=self.steps[:n_checkpoints],
            epochs=self.epochs[:n_checkpoints],
            times=self.times[:n_checkpoints],
            metrics={name: values[:n_checkpoints] for name, values in self.metrics.items()},
            crcs={split: crcs[:n_checkpoints] for split, crcs in self.crcs.items()},
        )


def line_bytes(
    *, index: int, step: int, epoch: float | None, time: float, metrics: Mapping[str, float], crcs: Mapping[str, int]
) -> bytes:
    """Encode one line. A non-finite metric becomes null, since JSON has no NaN."""
    body = {
        "index": index,
        "step": step,
        "epoch": epoch,
        "time": round(time, 3),
        "metrics": {name: value if math.isfinite(value) else None for name, value in metrics.items()},
        "crc": dict(crcs),
    }
    return crc_line(body)


def parse_journal(raw: bytes, splits: Sequence[str]) -> Journal:
    """Return the committed checkpoints of a journal, one entry per column.

    An incomplete last line is uncommitted and ignored, also one with its end of which a whole sector is missing. A
    complete line with a wrong CRC, index, step or field is damage: ValueError names it, because the lines after it
    cannot be trusted.
    """
    lines = raw.split(b"\n")
    tail = lines.pop()
    if lines and not tail and _lacks_a_sector(lines[-1], len(raw) - 1):
        tail = lines.pop() + b"\n"
    bodies = [line[9:] for line in lines]
    # All lines are checked in one expression; only on failure is the bad line located.
    if b"".join([line[:9] for line in lines]) != b"%08x " * len(lines) % tuple(map(zlib.crc32, bodies)):
        number = next(n for n, (line, body) in enumerate(zip(lines, bodies, strict=True)) if not _is_intact(line, body))
        raise ValueError(f"{JOURNAL} line {number + 1} (checkpoint {number}) is damaged: its CRC does not match")
    # A torn append leaves a proper prefix of a line. A whole body followed by a byte other than a newline
    # is not a prefix: that byte was flipped.
    if tail and _is_intact(tail[:-1], tail[9:-1]):
        raise ValueError(f"{JOURNAL} line {len(lines) + 1} (checkpoint {len(lines)}) is damaged: its newline is gone")
    try:
        # Parsing all lines in one call is twice as fast as one call per line, and orjson four times as fast as json.
        entries = orjson.loads(b"[" + b",".join(bodies) + b"]")
    except orjson.JSONDecodeError:
        raise ValueError(f"{JOURNAL} is not made of JSON objects, although its CRCs are right") from None
    if len(entries) != len(bodies):
        raise ValueError(f"{JOURNAL} holds {len(entries)} JSON values on {len(bodies)} lines")
    try:
        return _columns(entries, splits, n_bytes=len(raw) - len(tail), n_tail=len(tail))
    except Exception as error:
        raise ValueError(f"{JOURNAL}: {reason_of(error)}") from None


def locked_journal(path: Path, run_id: str) -> int:
    """Return the descriptor of a journal, open for appending and exclusively locked.

    Raises:
        RunFormatError: it cannot be opened.
        RunLockedError: the run has a writer.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise RunFormatError(f"Run {run_id}: {path.name} cannot be opened ({error.strerror}).", path.name) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise RunLockedError(
            f"Run {run_id} is being written by another recorder: a run has one writer. Wait until it ends, "
            "or record under another run_id."
        ) from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def intact_lines(raw: bytes, splits: Sequence[str]) -> list[tuple[bytes, dict[str, Any]]]:
    """Return (line, fields) of every line with a right CRC and the fields of a checkpoint, whatever lies between."""
    found = []
    for line in raw.split(b"\n"):
        body = line[9:]
        if not _is_intact(line, body):
            continue
        try:
            entry = orjson.loads(body)
            _columns([entry | {"index": 0}], splits, n_bytes=0, n_tail=0)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            continue
        found.append((line + b"\n", entry))
    return found


def _lacks_a_sector(line: bytes, end: int) -> bool:
    """Return whether all bytes of a line in one of its sectors are zeros, as a power cut within an append leaves it.

    One flipped bit makes no committed line such a one: of its characters only a space can become zero, and of a sector
    it has at least two, or its first or last one.
    """
    if b"\0" not in line:
        return False
    start = end - len(line)
    borders = [start, *range(start // SECTOR * SECTOR + SECTOR, end, SECTOR), end]
    pieces = [line[first - start : last - start] for first, last in pairwise(borders)]
    return any(piece and not piece.strip(b"\0") for piece in pieces)


def _is_intact(line: bytes, body: bytes) -> bool:
    return line[:9] == b"%08x " % zlib.crc32(body)


def _columns(entries: list[dict[str, Any]], splits: Sequence[str], *, n_bytes: int, n_tail: int) -> Journal:
    """Return the journal of the lines' entries; ValueError, KeyError or TypeError if one breaks a rule."""
    # By columns, in C: a large study has a hundred thousand lines, read whenever it is opened.
    try:
        columns = _exactly(_FIELDS, entries)
    except KeyError:
        raise ValueError(f"each line of {JOURNAL} must have exactly the fields {', '.join(_FIELDS)}") from None
    indices, steps, epochs, times, metrics, crcs = columns.values()
    if indices != list(range(len(entries))):
        raise ValueError(f"the indices in {JOURNAL} must count 0, 1, 2, ...: lines were lost, repeated or exchanged")
    rising = np.array(_integers(steps, "step"), np.int64)
    if entries and (rising[0] < 0 or rising[-1] > LARGEST_STEP or (rising[1:] <= rising[:-1]).any()):
        raise ValueError(f"the steps in {JOURNAL} must rise, from 0 to at most {LARGEST_STEP}")
    by_split: Mapping[str, list[Any]] = _by_name(crcs) if entries else {split: [] for split in splits}
    if by_split.keys() != set(splits):
        raise ValueError(f"each line of {JOURNAL} must have one crc for each of {list(splits)}")
    measured = _by_name(metrics)
    numbers = _numbers([("epoch", epochs), ("time", times), *measured.items()])
    return Journal(
        steps=rising,
        epochs=numbers[0],
        times=numbers[1],
        metrics=dict(zip(measured, numbers[2:], strict=True)),
        crcs={split: tuple(_integers(by_split[split], "crc")) for split in splits},
        n_bytes=n_bytes,
        n_tail=n_tail,
    )


def _by_name(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Transpose rows of named values to columns, with None where a row lacks a name."""
    try:
        return _exactly(rows[0].keys() if rows else (), rows)
    except KeyError:
        names = dict.fromkeys(chain.from_iterable(rows))
        return {name: [row.get(name) for row in rows] for name in names}


def _exactly(names: Collection[str], rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Transpose rows with exactly these names to columns; KeyError for a row with others."""
    if not set(map(len, rows)) <= {len(names)}:
        raise KeyError
    return {name: list(map(itemgetter(name), rows)) for name in names}


def _integers(values: list[Any], name: str) -> list[int]:
    if not set(map(type, values)) <= {int}:
        raise ValueError(f"each {name} in {JOURNAL} must be an integer")
    return values


def _numbers(columns: Sequence[tuple[str, list[Any]]]) -> NDArray[np.float64]:
    """Stack columns into one (column, checkpoint) array; making many small arrays takes longer than filling them."""
    for name, values in columns:
        if not set(map(type, values)) <= {int, float, NoneType} or math.inf in values or -math.inf in values:
            raise ValueError(f"each {name!r} in {JOURNAL} must be a finite number or null")
    return np.array([values for _, values in columns], np.float64)
