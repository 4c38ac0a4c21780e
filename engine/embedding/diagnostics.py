r"""Explained stress, variance and distance of an embedding, with full denominators.

Every sum over the whole spectrum is computed from row sums and norms of the distances, never from the few computed
eigenvalues: a truncated denominator overstates the share. With row means r and grand mean mu

.. math:: \|W\|_F^2 = \tfrac14 (\|D\|_F^2 - 2m \sum_i r_i^2 + m^2 \mu^2), \quad
          W_{ii} = r_i - \mu / 2, \quad \operatorname{tr} W = m \mu / 2.

The exception is the sum of moduli, which has no such identity: see :func:`explained_variance_absolute`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def centred_norm(sum_of_squares: float, row_means: Vector) -> float:
    """Return ||W||_F from the sum of squared distances and their row means, without forming W."""
    n_models = len(row_means)
    grand_mean = float(row_means.mean())
    squares = sum_of_squares - (n_models * grand_mean) ** 2
    # The row means are centred first: otherwise two large sums would be subtracted.
    squares -= 2.0 * n_models * float(((row_means - grand_mean) ** 2).sum())
    return 0.5 * math.sqrt(max(0.0, squares))


def centred_diagonal(row_means: Vector, grand_mean: float) -> Vector:
    """Return the (model,) diagonal of W: half of each model's squared distance from the centroid."""
    return row_means - 0.5 * grand_mean


def explained_stress(eigenvalues: Vector, norm: float) -> Vector:
    r"""Return :math:`\chi_k = 1 - \|W - W_k\|_F / \|W\|_F` for k = 1, 2, ...; rises from 0 to 1."""
    if norm == 0.0:
        return np.ones(len(eigenvalues))
    return 1.0 - np.sqrt(np.clip(1.0 - np.cumsum((eigenvalues / norm) ** 2), 0.0, None))


def explained_variance(eigenvalues: Vector, trace: float) -> Vector:
    r"""Return :math:`\sum_{i \le k} \lambda_i / \operatorname{tr} W`.

    The classical signed ratio, equal to :math:`1 - \sum (D - D_k) / \sum D`. It can exceed one and fall again if there
    are time-like components. NaN if the trace is zero.
    """
    if trace == 0.0:
        return np.full(len(eigenvalues), np.nan)
    return np.cumsum(eigenvalues) / trace


def explained_variance_absolute(eigenvalues: Vector, absolute_total: float) -> Vector:
    r"""Return :math:`\sum_{i \le k} |\lambda_i| / \sum_i |\lambda_i|`; NaN if the denominator is unknown.

    Args:
        eigenvalues: (component,) leading eigenvalues.
        absolute_total: sum of moduli over the whole spectrum: tr W plus twice the sum of the negative moduli, so it
            requires the whole spectrum; NaN if that was not computed.
    """
    if absolute_total == 0.0:
        return np.ones(len(eigenvalues))
    return np.cumsum(np.abs(eigenvalues)) / absolute_total


def explained_distance(
    eigenvalues: Vector, squares: Vector, diagonal: Vector, norm: float, trace: float, w: Vector | None = None
) -> Vector:
    r"""Return :math:`1 - \|D - D_k\|_F / \|D\|_F` in closed form.

    With :math:`b = \operatorname{diag} W` and rows of W summing to zero, the cross terms vanish:

    .. math:: \|D - D_k\|_F^2 = 2(\operatorname{tr} W - \sum_{i \le k} \lambda_i)^2 + 2m \|b - b_k\|^2
              + 4(\|W\|_F^2 - \sum_{i \le k} \lambda_i^2)

    Args:
        eigenvalues: (component,).
        squares: (model, component) squared coordinates, with the signature.
        diagonal: (model,) diagonal of W.
        norm: ||W||_F.
        trace: tr W.
        w: (model,) weights that sum to one, for the sums of :mod:`.weighted`; None for sums over equal models.
    """
    n_models = len(diagonal)
    total = n_models * float(diagonal @ diagonal) if w is None else float(w @ diagonal**2)
    total = 2.0 * trace**2 + 2.0 * total + 4.0 * norm**2
    if total == 0.0:
        return np.ones(len(eigenvalues))
    left = (diagonal[:, None] - np.cumsum(squares, axis=1)) ** 2
    missed = (
        2.0 * (trace - np.cumsum(eigenvalues)) ** 2
        + 2.0 * (n_models * left.sum(axis=0) if w is None else w @ left)
        + 4.0 * np.clip(norm**2 - np.cumsum(eigenvalues**2), 0.0, None)
    )
    return np.asarray(1.0 - np.sqrt(missed / total))
