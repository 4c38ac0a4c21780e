"""The journal of a run: one checksummed line per committed checkpoint. The line is the commit.

A line is ``<crc> <body>\\n``: eight hexadecimal digits, the CRC-32 of the body's bytes, one space, and the body,
a JSON object ``{"index", "step", "epoch", "time", "metrics", "crc"}``. ``crc`` holds the CRC-32 of the checkpoint's
record in each split.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

JOURNAL = "journal.jsonl"
JOURNAL_LIMIT = 1 << 28
"""Bytes; some million checkpoints."""

LARGEST_STEP = 2**53
"""Steps beyond this are not exact in JSON readers of other languages."""

_FIELDS = frozenset({"index", "step", "epoch", "time", "metrics", "crc"})


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
    for number, (line, body) in enumerate(zip(lines, bodies, strict=True)):
        if not _is_intact(line, body):
            raise ValueError(f"{JOURNAL} line {number + 1} (checkpoint {number}) is damaged: its CRC does not match")
    # A torn append leaves a proper prefix of a line. A whole body with something else where the newline
    # belongs is no prefix: that is a flipped byte.
    if tail and _is_intact(tail[:-1], tail[9:-1]):
        raise ValueError(f"{JOURNAL} line {len(lines) + 1} (checkpoint {len(lines)}) is damaged: its newline is gone")
    try:
        # One call for all lines is twice as fast as one per line.
        entries = json.loads(b"[" + b",".join(bodies) + b"]")
    except (ValueError, RecursionError):
        raise ValueError(f"{JOURNAL} is not made of JSON objects, although its CRCs are right") from None
    if len(entries) != len(bodies):
        raise ValueError(f"{JOURNAL} holds {len(entries)} JSON values on {len(bodies)} lines")
    _check(entries, frozenset(splits))
    names = dict.fromkeys(name for entry in entries for name in entry["metrics"])
    return Journal(
        steps=np.array([entry["step"] for entry in entries], np.int64),
        epochs=np.array([entry["epoch"] for entry in entries], np.float64),
        times=np.array([entry["time"] for entry in entries], np.float64),
        metrics={name: np.array([entry["metrics"].get(name) for entry in entries], np.float64) for name in names},
        crcs={split: tuple(entry["crc"][split] for entry in entries) for split in splits},
        n_bytes=len(raw) - len(tail),
        n_tail=len(tail),
    )


def _is_intact(line: bytes, body: bytes) -> bool:
    return line[:9] == b"%08x " % zlib.crc32(body)


def _check(entries: list[Any], splits: frozenset[str]) -> None:
    last_step = -1
    for number, entry in enumerate(entries):
        try:
            step, metrics, crcs = entry["step"], entry["metrics"], entry["crc"]
            is_right = (
                entry.keys() == _FIELDS
                and entry["index"] == number
                and type(step) is int
                and last_step < step <= LARGEST_STEP
                and (entry["epoch"] is None or _is_number(entry["epoch"]))
                and _is_number(entry["time"])
                and all(value is None or _is_number(value) for value in metrics.values())
                and crcs.keys() == splits
                and all(type(crc) is int for crc in crcs.values())
            )
        except (KeyError, TypeError, AttributeError):
            is_right = False
        if not is_right:
            raise ValueError(
                f"{JOURNAL} line {number + 1} breaks a rule (index {number}, steps that rise, finite numbers, "
                f"one crc for each of {sorted(splits)})"
            )
        last_step = step


def _is_number(value: Any) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))
