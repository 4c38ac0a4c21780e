r"""What trajectories would be like that agree in everything but which sample is learned when.

Within each class, a run's predictions are dealt out anew among the samples, the same way at every checkpoint. Its loss,
error and progress, and its distances to P0 and P*, are means over samples of one class at a time: they do not change
at all, nor do distances between its own checkpoints. What is lost is only that two runs treat *the same samples*
alike. Trajectories that are closer than such shuffled ones share more than the course of their losses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidPredictionsError
from engine.values import FloatArray


def within_class_orders(labels: ArrayLike, n_orders: int, seed: int = 0) -> NDArray[np.int64]:
    """Return random orders of samples that take each sample to one of its own class.

    Args:
        labels: (sample,) true classes.
        n_orders: how many, independent of one another.
        seed: of the draw.

    Returns:
        (order, sample) int64: which sample's predictions each sample is given.
    """
    true = np.asarray(labels)
    random = np.random.default_rng(seed)
    orders = np.tile(np.arange(len(true)), (n_orders, 1))
    for label in np.unique(true):
        members = np.flatnonzero(true == label)
        orders[:, members] = random.permuted(np.tile(members, (n_orders, 1)), axis=1)
    return orders


def shuffle_samples(trajectories: FloatArray, orders: NDArray[np.int64]) -> FloatArray:
    """Return every trajectory with its samples in an order of its own.

    Args:
        trajectories: (run, point, sample, class).
        orders: (run, sample) from :func:`within_class_orders`.

    Returns:
        (run, point, sample, class) of the same dtype.

    Raises:
        InvalidPredictionsError: shapes that do not fit.
    """
    if trajectories.ndim != 4 or orders.shape != (trajectories.shape[0], trajectories.shape[2]):
        raise InvalidPredictionsError(
            "Trajectories (run, point, sample, class) need an order of the samples for each run; received the shapes "
            f"{trajectories.shape} and {orders.shape}."
        )
    return np.stack([run[:, order] for run, order in zip(trajectories, orders, strict=True)])
