r"""Hellinger, Euclidean, symmetrised Kullback-Leibler, Jensen-Shannon and Fisher-Rao divergences.

Each is a mean over samples of a divergence between two distributions p and q; s and t are the square roots of their
probabilities. For close models all are squared distances: Fisher-Rao, Hellinger, Jensen-Shannon and Kullback-Leibler
tend to :math:`ds^2/4, ds^2/8, ds^2/8, ds^2` in the Fisher metric ds. None is squared again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import xlog1py, xlogy

from engine.distances.kernels.sample_sums import mixture_sums, squared_angle_sums
from engine.distances.prepared import Block
from engine.distances.split import Array, Features, LogModels, SplitForm, measure

LOGARITHM_FLOOR = -63 * math.log(2.0)
"""Floor on log-probabilities in the symmetrised Kullback-Leibler divergence, -43.7 nats: the logarithm of the
Bhattacharyya distance's overlap floor."""
DEVICE_BYTES = 2**28
"""Bytes of float64 pairs in flight on a device other than the CPU."""


def hellinger(rows: LogModels, columns: LogModels | None) -> Block:
    r"""Return the squared Hellinger distances of two blocks of models, one minus their mean overlap.

    .. math:: D(P, Q) = 1 - \frac{1}{N} \sum_n \sum_c s^n_c t^n_c = \frac{1}{2N} \sum_n |s^n - t^n|^2

    Args:
        rows: the models of the rows.
        columns: the models of the columns; None means ``rows`` with themselves.

    Returns:
        (row, column) float64 between 0 and 1, dimensionless; and zeros, since nothing is capped.

    Source: Hellinger, J. reine angew. Math. 136 (1909) 210.
    """
    return measure(_HELLINGER, rows, columns)


def euclidean(rows: LogModels, columns: LogModels | None) -> Block:
    r"""Return the mean squared Euclidean distances between the probabilities of two blocks of models.

    .. math:: D(P, Q) = \frac{1}{N} \sum_n \sum_c (p^n_c - q^n_c)^2

    Args:
        rows, columns: as of :func:`hellinger`.

    Returns:
        (row, column) float64 between 0 and 2, dimensionless; and zeros, since nothing is capped. With Q the truth, the
        value is the Brier score of P.

    Source: Brier, Monthly Weather Review 78 (1950) 1.
    """
    return measure(_EUCLIDEAN, rows, columns)


def symmetrised_kl(rows: LogModels, columns: LogModels | None) -> Block:
    r"""Return the symmetrised Kullback-Leibler divergences of two blocks of models, and how many samples were capped.

    .. math:: D(P, Q) = \frac{1}{N} \sum_n \sum_c (p^n_c - q^n_c) (\ell(p^n_c) - \ell(q^n_c)), \qquad
        \ell(x) = \max(\log x, -63 \log 2)

    Args:
        rows, columns: as of :func:`hellinger`.

    Returns:
        (row, column) float64 in nats per sample; and int32, the number of samples in which either model has a
        logarithm under ``LOGARITHM_FLOOR``. Between a model and the truth every sample is capped: the truth's zero
        probabilities have infinite logarithms, so the floor sets its distance.

    Source: Jeffreys, Proc. R. Soc. A 186 (1946) 453; as an embedding: Teoh et al., Phys. Rev. Research 2 (2020) 033221.
    """
    return measure(_SYMMETRISED_KL, rows, columns)


def jensen_shannon(rows: LogModels, columns: LogModels | None) -> Block:
    r"""Return the Jensen-Shannon divergences of two blocks of models.

    .. math:: D(P, Q) = \frac{1}{N} \sum_n \Bigl( \tfrac12 \sum_c p^n_c \log p^n_c + \tfrac12 \sum_c q^n_c \log q^n_c
        - \sum_c m^n_c \log m^n_c \Bigr), \qquad m = \tfrac12 (p + q)

    Args:
        rows, columns: as of :func:`hellinger`.

    Returns:
        (row, column) float64 between 0 and log 2, in nats per sample; and zeros, since nothing is capped.

    Source: Lin, IEEE Trans. Inf. Theory 37 (1991) 145, eq. 4.1 with equal weights.
    """
    return measure(_JENSEN_SHANNON, rows, columns)


def fisher_rao(rows: LogModels, columns: LogModels | None) -> Block:
    r"""Return the mean squared angles between the square roots of the probabilities of two blocks of models.

    .. math:: D(P, Q) = \frac{1}{N} \sum_n \theta_n^2, \qquad \cos \theta_n = \sum_c s^n_c t^n_c

    Squared, because an embedding takes squared distances; lengths of paths, which are sums of mean angles, are in
    ``engine/trajectories/lengths.py``. The Fisher-Rao distance is twice the angle: this is a quarter of its square.

    Args:
        rows, columns: as of :func:`hellinger`.

    Returns:
        (row, column) float64 between 0 and (pi / 2)^2, in squared radians per sample; and zeros, since nothing is
        capped.

    Source: Rao, Bull. Calcutta Math. Soc. 37 (1945) 81.
    """
    return measure(_FISHER_RAO, rows, columns)


def _half_angles(a: Array, b: Array) -> Array:
    """Return (pair, sample) half angles from the chord |s - t|, accurate for small angles."""
    differences = np.exp(0.5 * a) - np.exp(0.5 * b)
    return np.asarray(np.arcsin(np.minimum(0.5 * np.sqrt(np.einsum("psc,psc->ps", differences, differences)), 1.0)))


def _product(left: Array, right: Array, device: str, _: bool) -> Array:
    if _is_numpy(device):
        return np.asarray(left @ right.T)
    import torch

    sides = [torch.from_numpy(side).to(device) for side in (left, right)]
    return np.asarray((sides[0] @ sides[1].T).cpu().numpy())


def _is_numpy(device: str) -> bool:
    """Whether numpy computes for this device; MPS has no float64."""
    return device in ("cpu", "mps")


def _flat(array: Array) -> Array:
    return array.reshape(len(array), -1)


def _side_by_side(array: Array) -> Array:
    """(model, sample, class) -> (sample, class, model)"""
    return np.ascontiguousarray(array.transpose(1, 2, 0))


def _hellinger_features(logs: Array) -> Features:
    roots = _flat(np.exp(0.5 * logs))
    return Features(0.5 * np.einsum("mf,mf->m", roots, roots), roots, roots)


def _hellinger_near(a: Array, b: Array) -> Array:
    differences = _flat(np.exp(0.5 * a) - np.exp(0.5 * b))
    return np.asarray(0.5 * np.einsum("pf,pf->p", differences, differences))


def _euclidean_features(logs: Array) -> Features:
    p = _flat(np.exp(logs))
    return Features(np.einsum("mf,mf->m", p, p), p, 2.0 * p)


def _euclidean_near(a: Array, b: Array) -> Array:
    differences = _flat(np.exp(a) - np.exp(b))
    return np.asarray(np.einsum("pf,pf->p", differences, differences))


def _symmetrised_kl_features(logs: Array) -> Features:
    capped = np.asarray((logs < LOGARITHM_FLOOR).any(axis=2))
    p, floored = _flat(np.exp(logs)), _flat(np.maximum(logs, LOGARITHM_FLOOR))
    left, right = np.concatenate([p, floored], axis=1), np.concatenate([floored, p], axis=1)
    return Features(np.einsum("mf,mf->m", p, floored), left, right, capped)


def _symmetrised_kl_near(a: Array, b: Array) -> Array:
    products = (np.exp(a) - np.exp(b)) * (np.maximum(a, LOGARITHM_FLOOR) - np.maximum(b, LOGARITHM_FLOOR))
    return np.asarray(products.sum(axis=(1, 2)))


def _jensen_shannon_features(logs: Array) -> Features:
    p = np.exp(logs)
    halves = _side_by_side(0.5 * p)
    return Features(0.5 * xlogy(p, p).sum(axis=(1, 2)), halves, halves)


def _jensen_shannon_near(a: Array, b: Array) -> Array:
    p, q = np.exp(a), np.exp(b)
    return np.asarray(0.5 * (_information(p, q) + _information(q, p)).sum(axis=(1, 2)))


def _information(p: Array, q: Array) -> Array:
    """Return p log(p / m) with m = (p + q) / 2, as p log(1 + u) with u = (p - q) / (p + q) to avoid cancellation."""
    total = np.maximum(p + q, np.finfo(float).tiny)
    u = (p - q) / total
    # For p << q, u rounds to -1; there the quotient is accurate.
    return np.asarray(np.where(u < -0.5, xlogy(p, 2.0 * p / total), xlog1py(p, np.maximum(u, -0.5))))


def _mixtures(left: Array, right: Array, device: str, symmetric: bool) -> Array:
    if _is_numpy(device):
        return mixture_sums(left, right, symmetric)
    import torch

    def add(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        m = rows.transpose(1, 2) + columns
        total: torch.Tensor = torch.special.xlogy(m, m).sum(dim=0)
        return total

    # The sum is over classes and samples alike, so both become one axis.
    rows, columns = (side.reshape(-1, 1, side.shape[2]) for side in (left, right))
    return _by_pairs(add, rows, columns, device)


def _by_pairs(add: Callable[[Any, Any], Any], left: Array, right: Array, device: str) -> Array:
    """Return (row, column) sums on a device, with at most ``DEVICE_BYTES`` of pairs at a time."""
    import torch

    rows, columns = (torch.from_numpy(side).to(device) for side in (left, right))
    totals = torch.zeros((left.shape[2], right.shape[2]), dtype=torch.float64, device=device)
    step = max(1, DEVICE_BYTES // (8 * totals.numel()))
    for n in range(0, len(left), step):
        totals += add(rows[n : n + step], columns[n : n + step])
    return np.asarray(totals.cpu().numpy())


def _fisher_rao_features(logs: Array) -> Features:
    roots = _side_by_side(np.exp(0.5 * logs))
    return Features(np.zeros(len(logs)), roots, roots)


def _negative_squared_angles(left: Array, right: Array, device: str, symmetric: bool) -> Array:
    if _is_numpy(device):
        return -squared_angle_sums(left, right, symmetric)
    import torch

    def add(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        overlaps = torch.bmm(rows.transpose(1, 2), columns)
        return -torch.arccos(overlaps.clamp(max=1.0)).square().sum(dim=0)

    return _by_pairs(add, left, right, device)


def _fisher_rao_near(a: Array, b: Array) -> Array:
    halves = _half_angles(a, b)
    return np.asarray(4.0 * np.einsum("ps,ps->p", halves, halves))


_HELLINGER = SplitForm(_hellinger_features, _product, _hellinger_near)
_EUCLIDEAN = SplitForm(_euclidean_features, _product, _euclidean_near)
_SYMMETRISED_KL = SplitForm(_symmetrised_kl_features, _product, _symmetrised_kl_near)
_JENSEN_SHANNON = SplitForm(_jensen_shannon_features, _mixtures, _jensen_shannon_near)
_FISHER_RAO = SplitForm(_fisher_rao_features, _negative_squared_angles, _fisher_rao_near)
