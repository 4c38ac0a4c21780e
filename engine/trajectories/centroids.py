r"""Centroids on the probability simplex, sample by sample.

A centroid has the least sum of divergences to several models. Functions take (model, sample, class) log-probabilities
with rows that sum to one and return the (sample, class) logarithms of the centroid. Sources: Nielsen and Boltz,
IEEE Trans. Inf. Theory 57 (2011) 5455; Nielsen, IEEE Signal Process. Lett. 20 (2013) 657.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import logsumexp

from engine.machine import run_all

Array = NDArray[np.float64]
TOLERANCE = 1e-13
"""Relative tolerance of the stationarity conditions, reached for every sample."""
MOST_ITERATIONS = 200
"""Limit of iterations; half of it was never reached: one iteration halves its error at least, the other is Newton's."""
SAMPLES_PER_CALL = 256
MOST_OMEGA = 50
OMEGA_TOLERANCE = 1e-9
"""Newton's last step is quadratic in the one before: the remaining error is below rounding."""


def bhattacharyya_centroid(logs: Array) -> Array:
    r"""Return the centroid of the Bhattacharyya distance.

    With unit vectors :math:`s_r = \sqrt{p_r}` and :math:`z = \sqrt c`, the sum of :math:`-\log s_r \cdot z` is convex
    in z and decreases with its length, so its minimum over the ball is unique and lies on the sphere. Under
    :math:`z \cdot z = 1` it is stationary where

    .. math:: z = \frac{1}{R} \sum_r \frac{s_r}{s_r \cdot z}
              \quad\Longleftrightarrow\quad z = \sum_r a_r s_r, \quad R \, a_r (G a)_r = 1,
              \quad G_{rq} = s_r \cdot s_q:

    the weights scale the Gram matrix to row sums of one, whatever the number of classes. In the logarithm of a, half a
    step towards that condition, :math:`a_r \leftarrow \sqrt{a_r / (R \, (G a)_r)}`, multiplies an error by
    :math:`\tfrac12 (1 - M)` with M = R diag(a) G diag(a). M is positive semi-definite with row sums of one, so the
    error is at least halved. (Full steps would oscillate for ever between models without overlap.)
    Source of the iteration: Knight, Ruiz and Ucar, SIAM J. Matrix Anal. Appl. 35 (2014) 931.
    """
    roots = np.ascontiguousarray(np.exp(0.5 * logs).transpose(1, 0, 2))
    weights = np.empty(roots.shape[:2])
    parts = [slice(k, k + SAMPLES_PER_CALL) for k in range(0, len(roots), SAMPLES_PER_CALL)]
    run_all([(_scale_gram, (roots[part], weights[part], TOLERANCE, MOST_ITERATIONS)) for part in parts])
    # Recomputed from the logarithms: a class far below one in every model keeps its digits.
    return np.asarray(2.0 * logsumexp(0.5 * logs + np.log(weights.T)[:, :, None], axis=0))


@njit(nogil=True, cache=True)
def _scale_gram(roots, weights, tolerance, most_iterations):  # type: ignore[no-untyped-def]
    """Fill the weights of each sample by the iteration above; roots is (sample, model, class)."""
    n_models, n_classes = roots.shape[1:]
    gram = np.empty((n_models, n_models))
    sums = np.empty(n_models)
    for n in range(len(roots)):
        for r in range(n_models):
            for q in range(r + 1):
                overlap = 0.0
                for c in range(n_classes):
                    overlap += roots[n, r, c] * roots[n, q, c]
                gram[r, q] = overlap
                gram[q, r] = overlap
        a = weights[n]
        a[:] = 1.0 / n_models
        for _ in range(most_iterations):
            worst = 0.0
            for r in range(n_models):
                total = 0.0
                for q in range(n_models):
                    total += gram[r, q] * a[q]
                sums[r] = n_models * total
                worst = max(worst, abs(a[r] * sums[r] - 1.0))
            if worst <= tolerance * n_models:
                break
            for r in range(n_models):
                a[r] = np.sqrt(a[r] / sums[r])


def jeffreys_centroid(logs: Array, geometric: Array) -> Array:
    r"""Return the centroid of the symmetrised Kullback-Leibler divergence.

    With the arithmetic mean a and the geometric mean g, which is not normalised, the sum over models of
    :math:`\sum_c (p_{rc} - c_c)(\log p_{rc} - \log c_c)` is stationary under :math:`\sum_c c_c = 1` where

    .. math:: \log \frac{c}{g} - \frac{a}{c} + 1 = \nu
              \quad\Longleftrightarrow\quad c = \frac{a}{\omega(\log(a/g) + 1 - \nu)},
              \quad \omega(x) + \log \omega(x) = x,

    with the unique :math:`\nu` for which c sums to one. (Without that condition :math:`\nu` is zero, and c sums to
    less: the form with Lambert's function, :math:`\omega(x) = W(e^x)`, normalised afterwards, is near the centroid but
    not it.) The logarithm of the sum is convex in nu with a slope between zero and one. It is at most zero at
    :math:`\nu = \min_c \log(a/g)`, where every :math:`\omega \ge 1`; and at least zero at
    :math:`\nu = 1 - \log \sum_c g`, because :math:`\log c = \log g - 1 + \nu + \omega`. Newton's steps are confined to
    this interval.

    Args:
        logs: (model, sample, class).
        geometric: (sample, class) logarithms of g.
    """
    arithmetic = logsumexp(logs, axis=0) - np.log(len(logs))
    high = 1.0 - logsumexp(geometric, axis=1)
    result = np.full(arithmetic.shape, -np.inf)
    parts = [slice(k, k + SAMPLES_PER_CALL) for k in range(0, len(result), SAMPLES_PER_CALL)]
    run_all([(_share_out, (*(x[part] for x in (arithmetic, geometric, high, result)), TOLERANCE)) for part in parts])
    return result


@njit(nogil=True, cache=True)
def _share_out(arithmetic, geometric, high, result, tolerance):  # type: ignore[no-untyped-def]
    """Fill the logarithms of the centroid of each sample, see above; omitted classes keep zero probability."""
    n_classes = arithmetic.shape[1]
    c = np.empty(n_classes)
    for n in range(len(arithmetic)):
        lower, upper = np.inf, high[n]
        for k in range(n_classes):
            if geometric[n, k] > -np.inf:
                lower = min(lower, arithmetic[n, k] - geometric[n, k])
        nu = lower
        for _ in range(MOST_ITERATIONS):
            total = slope = 0.0
            for k in range(n_classes):
                if geometric[n, k] > -np.inf:
                    omega, log_omega = _omega(arithmetic[n, k] - geometric[n, k] + 1.0 - nu)
                    result[n, k] = arithmetic[n, k] - log_omega
                    c[k] = math.exp(result[n, k])
                    total += c[k]
                    slope += c[k] / (1.0 + omega)
            excess = math.log(total)
            if abs(excess) <= tolerance * n_classes:
                break
            if excess < 0.0:
                lower = nu
            else:
                upper = nu
            nu -= excess * total / slope
            if not lower < nu < upper:
                nu = 0.5 * (lower + upper)


@njit(nogil=True, cache=True)
def _omega(x):  # type: ignore[no-untyped-def]
    """Return omega(x) and its logarithm, by Newton's method for y in the convex equation e^y + y = x."""
    # Both starts lie right of the root, and each step from there stays right of it: the iteration is monotone.
    y = x if x <= 1.0 else math.log(x)
    for _ in range(MOST_OMEGA):
        omega = math.exp(y)
        step = (omega + y - x) / (1.0 + omega)
        y -= step
        if step <= OMEGA_TOLERANCE * max(1.0, abs(y)):
            break
    return math.exp(y), y
