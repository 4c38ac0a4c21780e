"""Reference implementations of weighted and projected embeddings.

Written from the formulas, independently of the engine.
"""

from __future__ import annotations

import numpy as np


def weighted_gram(distances, weights):
    """B_ij = -(D_ij - r_i - r_j + mu) / 2 with weighted means, by the double sum."""
    w = np.asarray(weights, dtype=np.float64) / np.sum(weights)
    m = len(w)
    r = [sum(w[j] * distances[i, j] for j in range(m)) for i in range(m)]
    mu = sum(w[i] * r[i] for i in range(m))
    return np.array([[-0.5 * (distances[i, j] - r[i] - r[j] + mu) for j in range(m)] for i in range(m)])


def weighted_eigenpairs(distances, weights):
    """Eigenpairs of the non-symmetric B diag(w), largest modulus first, with sum_i w_i v_i^2 = 1 each."""
    w = np.asarray(weights, dtype=np.float64) / np.sum(weights)
    eigenvalues, vectors = np.linalg.eig(weighted_gram(distances, w) * w)
    order = np.argsort(-np.abs(eigenvalues))
    eigenvalues, vectors = eigenvalues[order].real, vectors[:, order].real
    return eigenvalues, vectors / np.sqrt((w[:, None] * vectors**2).sum(axis=0))


def misfit(distances, x, y, signature, k):
    """(row, column) D - D_k with the first k components, pair by pair."""
    errors = np.array(distances, dtype=np.float64)
    for i in range(len(x)):
        for j in range(len(y)):
            errors[i, j] -= sum(signature[n] * (x[i, n] - y[j, n]) ** 2 for n in range(k))
    return errors


def centred_with(matrix, weights):
    """Matrix centred with weighted row, column and grand means, scaled on both sides by the roots of the weights."""
    w = np.asarray(weights, dtype=np.float64) / np.sum(weights)
    centring = np.eye(len(w)) - np.outer(np.ones(len(w)), w)
    return np.sqrt(np.outer(w, w)) * (centring @ matrix @ centring.T)


def weighted_explained(distances, coordinates, signature, weights, k):
    """Explained distance (Frobenius, absolute, signed) and explained stress, with weighted sums."""
    w = np.asarray(weights, dtype=np.float64) / np.sum(weights)
    pairs = np.outer(w, w)
    left = misfit(distances, coordinates, coordinates, signature, k)
    return (
        1 - np.sqrt((pairs * left**2).sum() / (pairs * distances**2).sum()),
        1 - (pairs * np.abs(left)).sum() / (pairs * distances).sum(),
        1 - (pairs * left).sum() / (pairs * distances).sum(),
        1 - np.linalg.norm(centred_with(left, w)) / np.linalg.norm(centred_with(distances, w)),
    )


def projected(distances_to_fitted, fitted):
    """(point, component) coordinates by least squares on the inner products with the fitted points."""
    m = len(fitted)
    centring = np.eye(m) - 1.0 / m
    eigenvalues, vectors = np.linalg.eigh(-0.5 * centring @ fitted @ centring)
    kept = np.abs(eigenvalues) > 1e-10 * np.abs(eigenvalues).max()
    eigenvalues, vectors = eigenvalues[kept], vectors[:, kept]
    order = np.argsort(-np.abs(eigenvalues))
    eigenvalues, vectors = eigenvalues[order], vectors[:, order]
    points = []
    for row in distances_to_fitted:
        b = -0.5 * (row - row.mean() - fitted.mean(axis=1) + fitted.mean())
        points.append(np.sign(eigenvalues) * np.abs(eigenvalues) ** -0.5 * (b @ vectors))
    return np.array(points), np.sign(eigenvalues), vectors * np.sqrt(np.abs(eigenvalues))
