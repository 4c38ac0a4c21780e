"""Models packed for a kernel: square roots of checked distributions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from engine.distances.kernels import select_kernel
from engine.distances.kernels.contract import Kernel, Models, Panels
from engine.errors import InvalidPredictionsError
from engine.values import FloatArray

BLOCK_MODELS = 512
"""Models per side of a block; progress and cancellation act between blocks."""
PACK_BYTES = 2**23
"""Bytes of log-probabilities per piece of packing."""
ROW_SUM_TOLERANCE = 2e-2
"""Largest deviation of a row's sum from one. Float16 log-probabilities have relative errors of 2^-11, which
renormalisation removes; a row outside the tolerance is no distribution."""
Block = tuple[NDArray[np.float64], NDArray[np.int32]]
"""(row, column) distances, and numbers of capped samples."""


def prepare(log_probabilities: FloatArray, device: str, name: str = "log_probabilities", first: int = 0) -> Models:
    """Return models packed for a device.

    Args:
        log_probabilities: (model, sample, class) natural logarithms; rows are renormalised.
        device: ``"cpu"``, ``"cuda"``, ...
        name: name of the source array in error messages.
        first: index of the first model in the source array.

    Raises:
        InvalidPredictionsError: a row that is no distribution.
    """
    from engine.distances.kernels.near_pairs import share_alike

    kernel = select_kernel(device)
    panels = kernel.pack(root_blocks(log_probabilities, name, first), len(log_probabilities))
    return as_models(kernel, panels, log_probabilities, share_alike(log_probabilities))


def as_models(kernel: Kernel, panels: Panels, log_probabilities: FloatArray, alike: NDArray[np.float64]) -> Models:
    """Return packed models with their one-hot models found; arguments are the attributes of :class:`.Models`."""
    n_samples, n_classes = log_probabilities.shape[1:]
    one_hot = np.zeros(0, dtype=np.int64)
    if panels.smallest == 0:
        one_hot = np.flatnonzero(np.isneginf(log_probabilities).sum(axis=(1, 2)) == n_samples * (n_classes - 1))
    shape = n_samples, n_classes
    return Models(kernel, panels, one_hot, shape, alike, lambda models, samples: log_probabilities[models, samples])


def root_blocks(log_probabilities: FloatArray, name: str, first: int) -> Iterator[NDArray[np.float32]]:
    """Yield (model, sample, class) square roots in pieces; arguments and errors are those of :func:`prepare`."""
    from engine.distances.kernels.roots import NotOneError, square_roots

    step = max(1, PACK_BYTES // max(1, log_probabilities[0].nbytes))
    for start in range(0, len(log_probabilities), step):
        try:
            yield square_roots(log_probabilities[start : start + step], ROW_SUM_TOLERANCE)
        except NotOneError as error:
            raise InvalidPredictionsError(
                f"{name} must be natural logarithms of probabilities that sum to one in every row; the row of model "
                f"{first + start + error.model}, sample {error.sample} sums to {error.total}. Pass log-softmax outputs."
            ) from None
