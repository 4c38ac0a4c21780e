"""A selection of runs as one bit per run: thousands of runs fit a few hundred bytes of a request or a link."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence

import numpy as np

from engine.errors import InvalidSpecError, SelectionError


def selected_runs(mask: str, run_ids: Sequence[str]) -> tuple[str, ...]:
    """The runs whose bit is set; bit i of the mask (little-endian in each byte) is run i of the study.

    Args:
        mask: base64 text, as assets/20-selection.js writes it.
        run_ids: every run of the study, in its order.

    Raises:
        InvalidSpecError: the text is not base64.
        SelectionError: the mask does not hold one bit per run.
    """
    try:
        bits = np.unpackbits(np.frombuffer(base64.b64decode(mask, validate=True), dtype=np.uint8), bitorder="little")
    except (binascii.Error, ValueError) as error:
        raise InvalidSpecError("mask must be base64 text.") from error
    if len(bits) != 8 * math.ceil(len(run_ids) / 8) or bits[len(run_ids) :].any():
        raise SelectionError(f"mask must hold one bit for each of the {len(run_ids)} runs, received {len(bits)} bits.")
    return tuple(run_id for run_id, bit in zip(run_ids, bits, strict=False) if bit)
