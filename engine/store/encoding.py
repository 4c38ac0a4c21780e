"""Encoding of predictions: growable .npy files of float16 or float32 log-probabilities.

float16 *probabilities* would lose one entry in twenty to underflow; float16 log-probabilities lose none, and after
renormalisation in float32 they add at most about 1e-4 relative error to a distance.

A file is a 128-byte header, then one fixed-size record per checkpoint. NumPy's format 1.0 pads its header with spaces,
so the first axis can grow in place: the file is a valid .npy at every moment, followed at most by uncommitted bytes
that ``numpy.load`` ignores. Source: NEP 1, the .npy format.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidPredictionsError

ENCODING = "log_probability"
KINDS = ("logits", "log_probabilities", "probabilities")
DTYPES: dict[str, np.dtype[np.generic]] = {"float16": np.dtype("<f2"), "float32": np.dtype("<f4")}

LOG_PROBABILITY_FLOOR = -1000.0
"""Floor in nats: lower log-probabilities, -inf included, are raised to it; float16 reaches to -65504."""

ZERO_PROBABILITY = 2.0**-149
"""Smallest positive float32 (log: -103.28). Lower probabilities, zeros included, are raised to it: a zero from a
float32 softmax means only "less than this"."""

SUM_TOLERANCE = 2e-3
"""Tolerance of row sums of given (log-)probabilities; float16 softmax outputs stay within it."""

STORED_SUM_TOLERANCE = 2e-2
"""Tolerance of row sums of stored rows: float16 rounding moves a sum by at most log(n_classes) 2^-11."""
HEADER_BYTES = 128
_HEADER = re.compile(
    rb"\{'descr': '(<[fi][248])', 'fortran_order': False, 'shape': \((\d{1,18}),(?: (\d[\d, ]*))?\), \} *\n"
)


def as_array(values: Any) -> NDArray[Any]:
    """Convert an array, nested list or torch tensor on any device to a NumPy array."""
    if hasattr(values, "detach"):
        tensor = values.detach().cpu()
        # NumPy has no bfloat16; float32 holds every bfloat16 and float16 exactly.
        values = tensor.float().numpy() if tensor.is_floating_point() and tensor.itemsize < 4 else tensor.numpy()
    return np.asarray(values)


def log_probabilities(values: Any, kind: str, shape: tuple[int, int], split: str) -> NDArray[np.floating[Any]]:
    """Return normalised natural-log probabilities of one checkpoint on one split.

    log p = x - log sum exp x, with the floors above.

    Args:
        values: (sample, class) logits, log-probabilities or probabilities; array or tensor, any float dtype.
        kind: one of `KINDS`.
        shape: the (sample, class) shape the study prescribes.
        split: name of the split, for messages.

    Returns:
        (sample, class), float64 for float64 input, else float32.

    Raises:
        InvalidPredictionsError: wrong kind, shape or dtype, values that are not finite, rows that do not sum to one.
    """
    if kind not in KINDS:
        raise InvalidPredictionsError(f"kind must be one of {KINDS}, received {kind!r}.")
    array = as_array(values)
    if array.shape != shape:
        raise InvalidPredictionsError(
            f"The {split} predictions must have shape (sample, class) = {shape}, the study's probe set, "
            f"received {array.shape}. Predict the whole probe set, in its fixed order, at every checkpoint."
        )
    if array.dtype.kind != "f":
        raise InvalidPredictionsError(
            f"The {split} predictions must be floating-point {kind}, received dtype {array.dtype}."
        )
    array = array.astype(np.float64 if array.dtype.itemsize > 4 else np.float32, copy=False)
    _refuse_non_finite(array, kind, split)
    if kind == "probabilities":
        if array.min() < 0:
            raise InvalidPredictionsError(f"The {split} probabilities must not be negative, received {array.min():g}.")
        _refuse_bad_sums(array.sum(axis=1, dtype=np.float64), kind, split)
        array = np.log(np.maximum(array, ZERO_PROBABILITY))
    elif kind == "log_probabilities":
        _refuse_bad_sums(np.exp(array).sum(axis=1, dtype=np.float64), kind, split)
    shifted: NDArray[np.floating[Any]] = array - array.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    np.maximum(shifted, LOG_PROBABILITY_FLOOR, out=shifted)
    return shifted


def decode(stored: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return stored log-probabilities as float32, each row renormalised: log p - log sum exp log p.

    Raises:
        ValueError: NaN or infinite entries, or rows that are not distributions; the text names the first bad record.
    """
    logs = stored.astype(np.float32)
    # Stored logs are at most about 0, so exp cannot overflow without subtracting the maximum.
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.exp(logs).sum(axis=-1, keepdims=True)
    bad = ~(np.abs(sums - 1) <= STORED_SUM_TOLERANCE)
    if bad.any() or np.isneginf(logs).any():
        is_finite = np.isfinite(logs).all(axis=(1, 2))
        if not is_finite.all():
            raise ValueError(f"record {int(np.argmin(is_finite))} holds values that are not finite (NaN or infinity)")
        record = int(np.argmax(bad.any(axis=(1, 2))))
        raise ValueError(f"record {record} holds rows whose probabilities do not sum to one")
    logs -= np.log(sums)
    return logs


def loss_and_error(logs: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Return mean cross-entropy in nats, -mean log p_label, and the error rate (argmax differs from the label)."""
    chosen = logs[np.arange(len(labels)), labels]
    return float(-chosen.mean(dtype=np.float64)), float((logs.argmax(axis=1) != labels).mean())


def _refuse_non_finite(array: NDArray[np.floating[Any]], kind: str, split: str) -> None:
    is_allowed = np.isfinite(array)
    if kind == "log_probabilities":
        is_allowed |= np.isneginf(array)
    if not is_allowed.all():
        sample, column = (int(i) for i in np.argwhere(~is_allowed)[0])
        raise InvalidPredictionsError(
            f"The {split} {kind} must be finite, received {array[sample, column]} at sample {sample}, class {column}"
            f" ({int((~is_allowed).sum())} such entries): the training has probably diverged."
        )


def _refuse_bad_sums(sums: NDArray[np.float64], kind: str, split: str) -> None:
    worst = int(np.argmax(np.abs(sums - 1)))
    if not math.isclose(sums[worst], 1.0, abs_tol=SUM_TOLERANCE, rel_tol=0):
        raise InvalidPredictionsError(
            f"Each row of the {split} {kind} must sum to one within {SUM_TOLERANCE:g}, received {sums[worst]:.6g} "
            f"at sample {worst}. Pass kind='logits' if these are the network's raw outputs."
        )


def header_bytes(dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> bytes:
    """Return the 128-byte .npy header of a little-endian, C-ordered array."""
    axes = f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"
    text = f"{{'descr': '{dtype.newbyteorder('<').str}', 'fortran_order': False, 'shape': {axes}, }}"
    return b"\x93NUMPY\x01\x00" + (HEADER_BYTES - 10).to_bytes(2, "little") + text.ljust(117).encode() + b"\n"


def length_in_header(header: bytes, dtype: np.dtype[np.generic], record_shape: tuple[int, ...], name: str) -> int:
    """Return the first axis declared by a .npy header; ValueError names any other deviation from `header_bytes`."""
    match = _HEADER.fullmatch(header[10:])
    length = int(match[2]) if match else 0
    if header == header_bytes(dtype, (length, *record_shape)):
        return length
    expected = f"{dtype.newbyteorder('<').str} {('checkpoint', *record_shape)}"
    if match and header[:10] == header_bytes(dtype, (0, *record_shape))[:10]:
        axes = ", ".join(text.decode() for text in (match[2], match[3] or b"") if text)
        raise ValueError(f"{name} has dtype and shape {match[1].decode()} ({axes}); the run declares {expected}")
    raise ValueError(f"the header of {name} (its first {HEADER_BYTES} bytes) is damaged; expected that of {expected}")
