"""Divergence matrices of arrays of models, and distances of matched pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.distances.kernels.contract import OVERLAP_FLOOR
from engine.distances.prepared import BLOCK_MODELS
from engine.distances.table import find_divergence
from engine.errors import InvalidPredictionsError, JobCancelled
from engine.machine import check_budget, device_for, memory_budget
from engine.values import Cancelled, Distances, FloatArray, Progress

Array = NDArray[np.float64]
CHUNK_ELEMENTS = 2**18
"""Numbers per chunk; a chunk stays in the cache through all steps."""


def matched_distances(log_probabilities: FloatArray, others: FloatArray) -> Array:
    r"""Return the Bhattacharyya distance of each model to the one model at its place in the other array.

    .. math:: d_B(P, Q) = -\frac{1}{N} \sum_n \log \sum_c \sqrt{p^n_c q^n_c}

    Computed in float64. For near partners, :math:`\log(1 - \tfrac12 |\sqrt p - \sqrt q|^2)` avoids cancellation.

    Args:
        log_probabilities: (..., sample, class) natural logarithms; rows are renormalised, ``-inf`` is allowed.
        others: the partners; the shape broadcasts with ``log_probabilities``.

    Returns:
        (...) float64 in nats per sample. Overlaps under ``OVERLAP_FLOOR`` are capped.

    Raises:
        InvalidPredictionsError: the shapes do not fit.
    """
    if log_probabilities.shape[-2:] != others.shape[-2:] or min(log_probabilities.ndim, others.ndim) < 2:
        raise InvalidPredictionsError(
            "Partners must hold the same samples and classes: received the shapes "
            f"{log_probabilities.shape} and {others.shape}."
        )
    shape = np.broadcast_shapes(log_probabilities.shape, others.shape)
    rows, columns = (np.broadcast_to(side, shape) for side in (log_probabilities, others))
    result = np.zeros(shape[:-2])
    n_samples, n_classes = shape[-2:]
    for index in np.ndindex(*shape[:-2]):
        total = 0.0
        step = max(1, CHUNK_ELEMENTS // n_classes)
        for start in range(0, n_samples, step):
            s, t = (_unit_roots(side[index][start : start + step]) for side in (rows, columns))
            gap = 0.5 * ((s - t) ** 2).sum(axis=1)
            overlap = np.maximum((s * t).sum(axis=1), OVERLAP_FLOOR)
            total -= float(np.where(gap < 0.5, np.log1p(-np.minimum(gap, 0.5)), np.log(overlap)).sum())
        result[index] = total / n_samples
    return result


def _unit_roots(log_probabilities: FloatArray) -> Array:
    roots = np.exp(0.5 * log_probabilities.astype(np.float64))
    return np.asarray(roots / np.sqrt((roots * roots).sum(axis=1, keepdims=True)))


def pairwise_distances(
    log_probabilities: FloatArray,
    other: FloatArray | None = None,
    *,
    divergence: str = "bhattacharyya",
    device: str | None = None,
    memory: int | None = None,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Distances:
    """Return the divergence between every two models.

    Args:
        log_probabilities: (model, sample, class) natural logarithms of probabilities, float32 or float64; rows are
            renormalised, ``-inf`` is allowed.
        other: (other, sample, class) for a rectangle; None for the square of the models with themselves.
        divergence: key of ``DIVERGENCES``.
        device: ``"cpu"``, ``"cuda"``, ...; None takes the best available.
        memory: limit in bytes; None takes half of the free memory.
        progress: called with the completed fraction, between blocks.
        cancelled: polled between blocks; returns whether to stop.

    Returns:
        (model, model) or (model, other) float64. The square has a diagonal of exact zeros and is exactly symmetric.

    Raises:
        InvalidPredictionsError: rows that are no distributions, or shapes that do not fit.
        InvalidSpecError: unknown divergence.
        DeviceError: the device is absent.
        MemoryBudgetError: distances and packed models do not fit into memory; a :class:`DistanceStore` needs less.
        JobCancelled: ``cancelled`` returned True.
    """
    chosen = find_divergence(divergence)
    _check_shape(log_probabilities, "log_probabilities")
    if other is not None:
        _check_shape(other, "other")
        if other.shape[1:] != log_probabilities.shape[1:]:
            raise InvalidPredictionsError(
                f"other must hold the same samples and classes as log_probabilities: received {other.shape[1:]} and "
                f"{log_probabilities.shape[1:]}. Evaluate both on the same probe set."
            )
    device = device_for(device)
    n_models, n_others = len(log_probabilities), 0 if other is None else len(other)
    model_bytes = 4 * log_probabilities.shape[1] * log_probabilities.shape[2]
    needed = 8 * n_models * (n_others or n_models) + (n_models + n_others) * model_bytes
    check_budget(needed, memory_budget(memory), f"The distances of {n_models} models to {n_others or n_models}")
    # All blocks are prepared first, so that invalid rows are refused before any distance is computed.
    ready = chosen.ready
    rows = _blocks(ready, log_probabilities, device, "log_probabilities")
    columns = rows if other is None else _blocks(ready, other, device, "other")
    pairs = [(i, j) for i in range(len(rows)) for j in range(len(columns) if other is not None else i + 1)]
    values = np.empty((len(log_probabilities), len(log_probabilities if other is None else other)))
    n_capped = 0
    for done, (i, j) in enumerate(pairs):
        if cancelled is not None and cancelled():
            raise JobCancelled("The distances were cancelled.")
        square = other is None and i == j
        part, capped = chosen.function(rows[i], None if square else columns[j])
        row, column = (slice(k * BLOCK_MODELS, (k + 1) * BLOCK_MODELS) for k in (i, j))
        values[row, column] = part
        if other is None and not square:
            values[column, row] = part.T
        # Each unordered pair counts once.
        n_capped += int((np.tril(capped) if square else capped).sum())
        if progress is not None:
            progress((done + 1) / len(pairs))
    return Distances(values, divergence, n_capped, device)


def _blocks(
    ready: Callable[[FloatArray, str, str, int], Any], log_probabilities: FloatArray, device: str, name: str
) -> list[Any]:
    """Return blocks of ``BLOCK_MODELS`` models, each as the argument of the divergence's function."""
    starts = range(0, len(log_probabilities), BLOCK_MODELS)
    return [ready(log_probabilities[start : start + BLOCK_MODELS], device, name, start) for start in starts]


def _check_shape(log_probabilities: FloatArray, name: str) -> None:
    """Raise InvalidPredictionsError unless the array can hold logarithms of distributions."""
    if not isinstance(log_probabilities, np.ndarray) or log_probabilities.dtype not in (np.float32, np.float64):
        received = getattr(log_probabilities, "dtype", type(log_probabilities).__name__)
        raise InvalidPredictionsError(f"{name} must be a float32 or float64 numpy array, received {received}.")
    shape = log_probabilities.shape
    if len(shape) != 3 or 0 in shape or shape[2] < 2:
        raise InvalidPredictionsError(
            f"{name} must have the axes (model, sample, class), none empty and at least two classes; received {shape}."
        )
