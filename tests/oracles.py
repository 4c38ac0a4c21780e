"""Reference implementations of divergences and embeddings, float64 and loops.

Written from the formulas, independently of the engine.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import minimize_scalar

FLOOR = 2.0**-63


def probabilities(log_probabilities):
    p = np.exp(np.asarray(log_probabilities, dtype=np.float64))
    return p / p.sum(axis=-1, keepdims=True)


def bhattacharyya(log_probabilities, other=None):
    """(row, column) -1/N sum_n log max(sum_c sqrt(p q), floor)."""
    rows = probabilities(log_probabilities)
    columns = rows if other is None else probabilities(other)
    values = np.empty((len(rows), len(columns)))
    for i, p in enumerate(rows):
        for j, q in enumerate(columns):
            overlaps = np.sqrt(p * q).sum(axis=1)
            values[i, j] = -np.log(np.maximum(overlaps, FLOOR)).mean()
    if other is None:
        np.fill_diagonal(values, 0.0)
    return values


def near_bhattacharyya(log_probabilities):
    """Bhattacharyya distances of near-identical models, from differences: -1/N sum_n log1p(-|s - t|^2 / 2)."""
    roots = np.sqrt(probabilities(log_probabilities))
    values = np.zeros((len(roots), len(roots)))
    for i, s in enumerate(roots):
        for j, t in enumerate(roots):
            values[i, j] = -np.log1p(-0.5 * ((s - t) ** 2).sum(axis=1)).mean()
    return values


def count_capped(log_probabilities):
    """Number of overlaps under the floor over unordered pairs of different models."""
    rows = probabilities(log_probabilities)
    return sum(int((np.sqrt(rows[i] * rows[j]).sum(axis=1) < FLOOR).sum()) for i in range(len(rows)) for j in range(i))


def hellinger(log_probabilities):
    """1 - mean overlap: half the mean squared distance of the square roots."""
    roots = np.sqrt(probabilities(log_probabilities))
    return np.array([[0.5 * ((s - t) ** 2).sum(axis=1).mean() for t in roots] for s in roots])


def symmetrised_kl(p):
    """(model, sample, class) probabilities -> sum_c (p - q)(log p - log q), mean over samples."""
    return np.array([[((a - b) * (np.log(a) - np.log(b))).sum(axis=-1).mean() for b in p] for a in p])


def centred(distances):
    m = len(distances)
    centring = np.eye(m) - np.full((m, m), 1.0 / m)
    return -0.5 * centring @ distances @ centring


def product(matrix, vectors):
    """Matrix product with vectors, entry by entry."""
    wide = np.asarray(matrix, dtype=np.float64)
    return np.array([[math.fsum(row * column) for column in vectors.T] for row in wide])


def eigenpairs(distances):
    """All eigenpairs of the doubly centred matrix, largest modulus first."""
    eigenvalues, vectors = np.linalg.eigh(centred(distances))
    order = np.argsort(-np.abs(eigenvalues))
    return eigenvalues[order], vectors[:, order]


def reconstructed(coordinates, signature):
    """Minkowski distances by the double sum."""
    values = np.empty((len(coordinates), len(coordinates)))
    for i, x in enumerate(coordinates):
        for j, y in enumerate(coordinates):
            values[i, j] = sum(s * (a - b) ** 2 for s, a, b in zip(signature, x, y, strict=True))
    return values


def explained(distances, k):
    """Explained stress, variance, absolute variance and distance of the first k components, by brute force."""
    w = centred(distances)
    eigenvalues, vectors = eigenpairs(distances)
    projected = (vectors[:, :k] * eigenvalues[:k]) @ vectors[:, :k].T
    left = reconstructed(vectors[:, :k] * np.sqrt(np.abs(eigenvalues[:k])), np.sign(eigenvalues[:k]))
    return (
        1.0 - np.linalg.norm(w - projected) / np.linalg.norm(w),
        1.0 - (distances - left).sum() / distances.sum(),
        np.abs(eigenvalues[:k]).sum() / np.abs(eigenvalues).sum(),
        1.0 - np.linalg.norm(distances - left) / np.linalg.norm(distances),
    )


def great_circle(p, q, t):
    """(sample, class) point at t on the great circle between two models, by spherical interpolation per sample."""
    point = np.empty_like(p)
    for n in range(len(p)):
        s, u = np.sqrt(p[n]), np.sqrt(q[n])
        angle = math.acos(min(1.0, float(s @ u)))
        point[n] = ((math.sin((1 - t) * angle) * s + math.sin(t * angle) * u) / math.sin(angle)) ** 2
    return point


def progress(log_probabilities, labels, definition):
    """Position on the geodesic of each model, by bounded minimisation of its objective."""
    results = []
    for p in probabilities(log_probabilities):
        n_classes = p.shape[1]
        ignorance, truth = np.full_like(p, 1.0 / n_classes), np.eye(n_classes)[labels]

        def overlaps(t, p=p, ignorance=ignorance, truth=truth):
            return np.clip(np.sqrt(p * great_circle(ignorance, truth, t)).sum(axis=1), 1e-300, 1.0)

        def angle(t, overlaps=overlaps):
            return np.arccos(overlaps(t)).sum()

        def distance(t, overlaps=overlaps):
            return -np.log(overlaps(t)).sum()

        results.append(
            minimize_scalar(
                angle if definition == "angle" else distance, bounds=(0, 1), method="bounded", options={"xatol": 1e-9}
            ).x
        )
    return np.array(results)


# Divergences from their formulas in long double, where no difference form is needed.


def long_probabilities(log_probabilities):
    p = np.exp(np.asarray(log_probabilities, dtype=np.longdouble))
    return p / p.sum(axis=-1, keepdims=True)


def divergence(key, log_probabilities, other=None):
    """(row, column) float64 mean over samples of one of ``PER_SAMPLE``."""
    rows = long_probabilities(log_probabilities)
    columns = rows if other is None else long_probabilities(other)
    return np.array([[PER_SAMPLE[key](p, q).mean() for q in columns] for p in rows], dtype=np.float64)


def _logarithms(p):
    with np.errstate(divide="ignore"):
        return np.log(p)


def _entropies(p):
    return -np.where(p > 0, p * _logarithms(np.where(p > 0, p, 1)), 0).sum(axis=-1)


def _overlaps(p, q):
    return np.sqrt(p * q).sum(axis=-1)


def _capped_symmetrised_kl(p, q):
    floor = np.log(np.longdouble(FLOOR))
    return ((p - q) * (np.maximum(_logarithms(p), floor) - np.maximum(_logarithms(q), floor))).sum(axis=-1)


PER_SAMPLE = {
    "bhattacharyya": lambda p, q: -np.log(np.maximum(_overlaps(p, q), FLOOR)),
    "hellinger": lambda p, q: 1 - _overlaps(p, q),
    "symmetrised_kl": _capped_symmetrised_kl,
    "jensen_shannon": lambda p, q: _entropies((p + q) / 2) - (_entropies(p) + _entropies(q)) / 2,
    "fisher_rao": lambda p, q: np.arccos(np.minimum(_overlaps(p, q), 1)) ** 2,
    "euclidean": lambda p, q: ((p - q) ** 2).sum(axis=-1),
}
"""Key of a divergence -> (sample, class) of two models -> (sample,) value."""


def count_capped_logarithms(log_probabilities):
    """Number of samples with a probability under the floor in either model, over pairs i > j of models."""
    is_capped = (long_probabilities(log_probabilities) < FLOOR).any(axis=2)
    return sum(int((is_capped[i] | is_capped[j]).sum()) for i in range(len(is_capped)) for j in range(i))
