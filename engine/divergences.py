r"""Divergences between every two models of an array, and the Bhattacharyya distance, whose models are packed.

The other divergences are in ``engine/split_divergences.py``, the table of all in ``engine/divergence_table.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.devices import choose_device, find_device
from engine.divergence_table import DIVERGENCES as DIVERGENCES
from engine.divergence_table import find_divergence
from engine.errors import InvalidPredictionsError, JobCancelled
from engine.kernels import OVERLAP_FLOOR, Kernel, select_kernel
from engine.memory import check_budget, memory_budget
from engine.values import Distances, FloatArray

BLOCK_MODELS = 512
"""Models per side of a block: progress is reported, and cancellation noticed, between blocks."""
PACK_BYTES = 2**23
ONE_HOT_MODELS = 64
ROW_SUM_TOLERANCE = 2e-2
"""How far a row's probabilities may sum from one. Float16 log-probabilities carry 2^-11 of their own size, which
renormalising takes out; more than this is no distribution."""

Progress = Callable[[float], None]
Cancelled = Callable[[], bool]
Block = tuple[NDArray[np.float64], NDArray[np.int32]]


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """A block of models on their way through a divergence.

    Attributes:
        kernel: of the device.
        panels: square roots, as the kernel packed them.
        one_hot: indices of the models that are certain of every sample, such as the truth P*.
        shape: (sample, class).
        alike: (model,) share of pairs of samples that a model answers alike.
        log_probabilities: (models, samples) -> (model, sample, class) of some of them, for the few that need more
            digits than the panels hold.
    """

    kernel: Kernel
    panels: Any
    one_hot: NDArray[np.int64]
    shape: tuple[int, int]
    alike: NDArray[np.float64]
    log_probabilities: Callable[[NDArray[np.int64], slice], FloatArray]

    def __len__(self) -> int:
        return int(self.panels.n_models)


def prepare(log_probabilities: FloatArray, device: str, name: str = "log_probabilities", first: int = 0) -> Models:
    """Return models packed for a device.

    Args:
        log_probabilities: (model, sample, class) natural logarithms; rows are renormalised.
        device: ``"cpu"``, ``"cuda"``, ...
        name: of the array they are from, for messages.
        first: index in that array of the first of them.

    Raises:
        InvalidPredictionsError: a row that is no distribution.
    """
    from engine.kernels.near_pairs import share_alike

    kernel = select_kernel(log_probabilities.shape[2], device)
    panels = kernel.pack(root_blocks(log_probabilities, name, first), len(log_probabilities))
    n_samples, n_classes = log_probabilities.shape[1:]
    one_hot = np.zeros(0, dtype=np.int64)
    if panels.smallest == 0:
        one_hot = np.flatnonzero(np.isneginf(log_probabilities).sum(axis=(1, 2)) == n_samples * (n_classes - 1))
    return Models(
        kernel,
        panels,
        one_hot,
        (n_samples, n_classes),
        share_alike(log_probabilities),
        lambda models, samples: log_probabilities[models, samples],
    )


def root_blocks(log_probabilities: FloatArray, name: str, first: int) -> Iterator[NDArray[np.float32]]:
    """Yield the square roots of some models at a time; arguments and refusals are those of :func:`prepare`."""
    from engine.kernels.roots import NotOneError, square_roots

    step = max(1, PACK_BYTES // max(1, log_probabilities[0].nbytes))
    for start in range(0, len(log_probabilities), step):
        try:
            yield square_roots(log_probabilities[start : start + step], ROW_SUM_TOLERANCE)
        except NotOneError as error:
            raise InvalidPredictionsError(
                f"{name} must be natural logarithms of probabilities that sum to one in every row; the row of model "
                f"{first + start + error.model}, sample {error.sample} sums to {error.total}. Pass log-softmax outputs."
            ) from None


def bhattacharyya(rows: Models, columns: Models | None) -> Block:
    r"""Return the mean Bhattacharyya distances between two blocks of models, and how many overlaps were capped.

    .. math:: d_B(P, Q) = -\frac{1}{N} \sum_n \log \sum_c \sqrt{p^n_c q^n_c}

    Args:
        rows: the models of the rows.
        columns: the models of the columns; None means ``rows`` with themselves.

    Returns:
        (row, column) float64 in nats per sample, and (row, column) int32, the number of samples whose overlap is under
        ``OVERLAP_FLOOR``. Overlaps with a one-hot model are exact however small: there only a zero is capped.

    Source: Mao et al., PNAS 121 (2024) e2310002121, eq. 1 and 2.
    """
    from engine.kernels.near_pairs import repair

    values, capped = rows.kernel.tile(rows.panels, None if columns is None else columns.panels)
    others = rows if columns is None else columns
    repair(values, rows, columns)
    for j in others.one_hot:
        values[:, j], capped[:, j] = _distance_to_one_hot(rows, others, j)
    for i in rows.one_hot:
        values[i], capped[i] = _distance_to_one_hot(others, rows, i)
    np.maximum(values, 0.0, out=values)
    if columns is None:
        np.fill_diagonal(values, 0.0)
        np.fill_diagonal(capped, 0)
    return values, capped


def _distance_to_one_hot(
    models: Models, others: Models, one_hot: np.int64
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    r"""Return (model,) distances to a one-hot model, :math:`-\frac{1}{2N} \sum_n \log p^n_{\text{true}}`.

    No square root of a probability is taken: a float32 holds none below 1e-38, and an over-confident network is
    easily further than that from a wrong answer.
    """
    everything = slice(None)
    true = others.log_probabilities(np.array([one_hot]), everything)[0].argmax(axis=1)
    distances, capped = np.empty(len(models)), np.empty(len(models), dtype=np.int64)
    for start in range(0, len(models), ONE_HOT_MODELS):
        part = np.arange(start, min(start + ONE_HOT_MODELS, len(models)))
        for i, log_probabilities in zip(part, models.log_probabilities(part, everything), strict=True):
            logs = log_probabilities.astype(np.float64)
            overlaps = 0.5 * (logs[np.arange(len(true)), true] - np.log(np.exp(logs).sum(axis=1)))
            zero = np.isneginf(overlaps)
            capped[i] = zero.sum()
            distances[i] = -np.where(zero, np.log(OVERLAP_FLOOR), overlaps).mean()
    return distances, capped


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
        device: ``"cpu"``, ``"cuda"``, ...; None takes the best one there is.
        memory: bytes it may take; None takes half of what is free.
        progress: told the fraction done, between blocks.
        cancelled: asked between blocks whether to stop.

    Returns:
        (model, model) or (model, other) float64. The square has a diagonal of exact zeros and is exactly symmetric.

    Raises:
        InvalidPredictionsError: not distributions, or shapes that do not fit.
        InvalidSpecError: unknown divergence.
        DeviceError: the device is not there.
        MemoryBudgetError: distances and packed models do not fit into memory; a :class:`DistanceStore` does with less.
        JobCancelled: ``cancelled`` said so.
    """
    function = find_divergence(divergence).function
    _check_shape(log_probabilities, "log_probabilities")
    if other is not None:
        _check_shape(other, "other")
        if other.shape[1:] != log_probabilities.shape[1:]:
            raise InvalidPredictionsError(
                f"other must hold the same samples and classes as log_probabilities: received {other.shape[1:]} and "
                f"{log_probabilities.shape[1:]}. Evaluate both on the same probe set."
            )
    device = choose_device(device) or find_device(None)
    n_models, n_others = len(log_probabilities), 0 if other is None else len(other)
    model_bytes = 4 * log_probabilities.shape[1] * log_probabilities.shape[2]
    needed = 8 * n_models * (n_others or n_models) + (n_models + n_others) * model_bytes
    check_budget(needed, memory_budget(memory), f"The distances of {n_models} models to {n_others or n_models}")
    # All of them first: what is no distribution is refused before any distance is computed.
    ready = preparation(divergence)
    rows = _blocks(ready, log_probabilities, device, "log_probabilities")
    columns = rows if other is None else _blocks(ready, other, device, "other")
    pairs = [(i, j) for i in range(len(rows)) for j in range(len(columns) if other is not None else i + 1)]
    values = np.empty((len(log_probabilities), len(log_probabilities if other is None else other)))
    n_capped = 0
    for done, (i, j) in enumerate(pairs):
        if cancelled is not None and cancelled():
            raise JobCancelled("The distances were cancelled.")
        square = other is None and i == j
        part, capped = function(rows[i], None if square else columns[j])
        row, column = (slice(k * BLOCK_MODELS, (k + 1) * BLOCK_MODELS) for k in (i, j))
        values[row, column] = part
        if other is None and not square:
            values[column, row] = part.T
        # Each unordered pair once.
        n_capped += int((np.tril(capped) if square else capped).sum())
        if progress is not None:
            progress((done + 1) / len(pairs))
    return Distances(values, divergence, n_capped, device)


def preparation(divergence: str) -> Callable[[FloatArray, str, str, int], Any]:
    """Return what makes models ready for a divergence."""
    from engine.split_forms import log_models

    return prepare if find_divergence(divergence).is_packed else log_models


def _blocks(
    ready: Callable[[FloatArray, str, str, int], Any], log_probabilities: FloatArray, device: str, name: str
) -> list[Any]:
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
