"""The journal of a run: one checksummed line per committed checkpoint. The line is the commit.

A line is ``<crc> <body>\\n``: eight hexadecimal digits, the CRC-32 of the body's bytes, one space, and the body,
a JSON object ``{"index", "step", "epoch", "time", "metrics", "crc"}``. ``crc`` holds the CRC-32 of the checkpoint's
record in each split.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter
from types import NoneType
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

JOURNAL = "journal.jsonl"
JOURNAL_LIMIT = 1 << 28
"""Bytes; some million checkpoints."""

LARGEST_STEP = 2**53
"""Steps beyond this are not exact in JSON readers of other languages."""

_FIELDS = ("index", "step", "epoch", "time", "metrics", "crc")


@dataclass(frozen=True, slots=True, eq=False)
class Journal:
    """What a run has committed, as columns over its checkpoints.

    Attributes:
        steps: (checkpoint,) int64, strictly increasing.
        epochs: (checkpoint,) float64, NaN where the recorder was not told.
        times: (checkpoint,) float64, seconds since 1970 (UTC) at the commit.
        metrics: per name (checkpoint,) float64, NaN where a checkpoint lacks it.
        crcs: per split (checkpoint,) the CRC-32 of the record.
        n_bytes: length of the committed part of the file.
        n_tail: bytes behind it: a line that is being written, or was when the writer died.
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
        """The same without what was committed later; `n_bytes` and `n_tail` are still those of the file."""
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
    """Encode one line. A metric that is not finite becomes null, since JSON has no NaN."""
    body = {
        "index": index,
        "step": step,
        "epoch": epoch,
        "time": round(time, 3),
        "metrics": {name: value if math.isfinite(value) else None for name, value in metrics.items()},
        "crc": dict(crcs),
    }
    raw = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(raw), raw)


def parse_journal(raw: bytes, splits: Sequence[str]) -> Journal:
    """Decode the committed checkpoints.

    An incomplete last line is uncommitted, nothing more. A complete line with a wrong CRC or with a wrong
    index, step or field is damage: ValueError names it, because what stands behind it cannot be trusted silently.
    """
    lines = raw.split(b"\n")
    tail = lines.pop()
    bodies = [line[9:] for line in lines]
    # All lines at once; only where that fails is one looked for.
    if b"".join([line[:9] for line in lines]) != b"%08x " * len(lines) % tuple(map(zlib.crc32, bodies)):
        number = next(n for n, (line, body) in enumerate(zip(lines, bodies, strict=True)) if not _is_intact(line, body))
        raise ValueError(f"{JOURNAL} line {number + 1} (checkpoint {number}) is damaged: its CRC does not match")
    # A torn append leaves a proper prefix of a line. A whole body with something else where the newline
    # belongs is no prefix: that is a flipped byte.
    if tail and _is_intact(tail[:-1], tail[9:-1]):
        raise ValueError(f"{JOURNAL} line {len(lines) + 1} (checkpoint {len(lines)}) is damaged: its newline is gone")
    try:
        # One call for all lines is twice as fast as one per line, and orjson four times as fast as json.
        entries = orjson.loads(b"[" + b",".join(bodies) + b"]")
    except orjson.JSONDecodeError:
        raise ValueError(f"{JOURNAL} is not made of JSON objects, although its CRCs are right") from None
    if len(entries) != len(bodies):
        raise ValueError(f"{JOURNAL} holds {len(entries)} JSON values on {len(bodies)} lines")
    try:
        return _columns(entries, splits, n_bytes=len(raw) - len(tail), n_tail=len(tail))
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{JOURNAL} has lines without the fields of a checkpoint ({error!r:.100})") from None


def _is_intact(line: bytes, body: bytes) -> bool:
    return line[:9] == b"%08x " % zlib.crc32(body)


def _columns(entries: list[dict[str, Any]], splits: Sequence[str], *, n_bytes: int, n_tail: int) -> Journal:
    # Column by column and in C: a large study has a hundred thousand lines, read whenever it is opened.
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
    """Columns of rows with named values, None where a row lacks one."""
    try:
        return _exactly(rows[0].keys() if rows else (), rows)
    except KeyError:
        names = dict.fromkeys(chain.from_iterable(rows))
        return {name: [row.get(name) for row in rows] for name in names}


def _exactly(names: Collection[str], rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Columns of rows with these names; KeyError where a row has others."""
    if not set(map(len, rows)) <= {len(names)}:
        raise KeyError
    return {name: list(map(itemgetter(name), rows)) for name in names}


def _integers(values: list[Any], name: str) -> list[int]:
    if not set(map(type, values)) <= {int}:
        raise ValueError(f"each {name} in {JOURNAL} must be an integer")
    return values


def _numbers(columns: Sequence[tuple[str, list[Any]]]) -> NDArray[np.float64]:
    """(column, checkpoint): one array, because making a small one takes longer than filling it."""
    for name, values in columns:
        if not set(map(type, values)) <= {int, float, NoneType} or math.inf in values or -math.inf in values:
            raise ValueError(f"each {name!r} in {JOURNAL} must be a finite number or null")
    return np.array([values for _, values in columns], np.float64)
