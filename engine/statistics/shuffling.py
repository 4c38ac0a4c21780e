r"""Null model of trajectories: predictions shuffled among samples of a class.

Within each class, a run's predictions are permuted among the samples, equally at every checkpoint. Its loss, error,
progress and distances to P0 and P* are means over samples of one class at a time: they do not change at all, nor do
distances between its own checkpoints. Only the agreement of two runs on *the same samples* is lost. Trajectories
closer than shuffled ones share more than the course of their losses.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidPredictionsError
from engine.values import FloatArray


def within_class_orders(labels: ArrayLike, n_orders: int, seed: int = 0) -> NDArray[np.int64]:
    """Return random permutations of samples within their classes.

    Args:
        labels: (sample,) true classes.
        n_orders: number of independent permutations.
        seed: seed of the draw.

    Returns:
        (order, sample) int64: the sample whose predictions each sample receives.
    """
    true = np.asarray(labels)
    random = np.random.default_rng(seed)
    orders = np.tile(np.arange(len(true)), (n_orders, 1))
    for label in np.unique(true):
        members = np.flatnonzero(true == label)
        orders[:, members] = random.permuted(np.tile(members, (n_orders, 1)), axis=1)
    return orders


def shuffle_samples(trajectories: FloatArray, orders: NDArray[np.int64]) -> FloatArray:
    """Return every trajectory with its samples permuted by its own order.

    Args:
        trajectories: (run, point, sample, class).
        orders: (run, sample) from :func:`within_class_orders`.

    Returns:
        (run, point, sample, class) of the same dtype.

    Raises:
        InvalidPredictionsError: the shapes do not match.
    """
    if trajectories.ndim != 4 or orders.shape != (trajectories.shape[0], trajectories.shape[2]):
        raise InvalidPredictionsError(
            "Trajectories (run, point, sample, class) need an order of the samples for each run; received the shapes "
            f"{trajectories.shape} and {orders.shape}."
        )
    return np.stack([run[:, order] for run, order in zip(trajectories, orders, strict=True)])
