"""Predictions as they are stored: natural-log probabilities, float16 unless float32 is asked for.

float16 *probabilities* would lose one entry in twenty to underflow; float16 log-probabilities lose none, and after
renormalisation in float32 they cost at most some 1e-4 relative error of a distance.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidPredictionsError

ENCODING = "log_probability"
KINDS = ("logits", "log_probabilities", "probabilities")
DTYPES: dict[str, np.dtype[np.generic]] = {"float16": np.dtype("<f2"), "float32": np.dtype("<f4")}

LOG_PROBABILITY_FLOOR = -1000.0
"""Nats. Log-probabilities below are raised to it, -inf included; float16 reaches to -65504."""

ZERO_PROBABILITY = 2.0**-149
"""Smallest positive float32 (log: -103.28). Probabilities below, zeros included, are raised to it: a zero out of a
float32 softmax says no more than "less than this"."""

SUM_TOLERANCE = 2e-3
"""How far a row of given (log-)probabilities may be from summing to one; float16 softmax outputs stay inside."""

STORED_SUM_TOLERANCE = 2e-2
"""The same for stored rows: float16 rounding moves a sum by at most log(n_classes) 2^-11."""


def as_array(values: Any) -> NDArray[Any]:
    """A NumPy array of whatever was given: array, nested list, or torch tensor on any device."""
    if hasattr(values, "detach"):
        tensor = values.detach().cpu()
        # NumPy has no bfloat16; float32 holds every bfloat16 and float16 exactly.
        values = tensor.float().numpy() if tensor.is_floating_point() and tensor.itemsize < 4 else tensor.numpy()
    return np.asarray(values)


def log_probabilities(values: Any, kind: str, shape: tuple[int, int], split: str) -> NDArray[np.floating[Any]]:
    """Normalised natural-log probabilities of one checkpoint on one split.

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
    floored: NDArray[np.floating[Any]] = np.maximum(_normalised(array), LOG_PROBABILITY_FLOOR)
    return floored


def decode(stored: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Stored log-probabilities as float32, each row renormalised: log p - log sum exp log p.

    Raises:
        ValueError: NaN or infinite entries, or rows that are no distributions; the text names the first bad record.
    """
    logs = stored.astype(np.float32)
    # Stored logs are at most about 0, so exp cannot overflow and no maximum needs to be taken out first.
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
    """Mean cross-entropy in nats, -mean log p_label, and the fraction of samples whose likeliest class is wrong."""
    chosen = logs[np.arange(len(labels)), labels]
    return float(-chosen.mean(dtype=np.float64)), float((logs.argmax(axis=1) != labels).mean())


def _normalised(logs: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    shifted: NDArray[np.floating[Any]] = logs - logs.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


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
