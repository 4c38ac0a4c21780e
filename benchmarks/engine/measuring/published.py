r"""Reference implementations of the published algorithms, from their formulas, for benchmarks only.

The distance forms take the square roots of all models, compute every entry's overlap for a chunk of samples at a time,
take every entry's logarithm in float32 and sum over the chunk, in float64 across chunks: the whole square, both
triangles.

.. math:: D_{ij} = \frac{1}{N} \sum_n -\log \sum_c \sqrt{p^n_{ic} p^n_{jc}}

An infinite entry (no overlap) becomes ``NO_OVERLAP``, a negative one (an overlap rounded above one) zero.
Source: Mao et al., PNAS 121 (2024) e2310002121, eq. 1 and 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK_BYTES = 2**29
"""Bytes of the overlaps of a chunk: as published, chunks are as large as memory allows."""
CACHED_CHUNK_BYTES = 2**22
"""Bytes of the overlaps of a chunk that fits into a CPU's cache."""
NO_OVERLAP = 100.0


def samples_per_chunk(n_models: int, chunk_bytes: int) -> int:
    """Return the number of samples whose overlaps fill a chunk."""
    return max(1, chunk_bytes // (4 * n_models**2))


def torch_form(probabilities: Any) -> NDArray[np.float64]:
    """Return (model, model) distances by batched matrix products of torch, on the device of the probabilities.

    Args:
        probabilities: (sample, model, class) float32 tensor.
    """
    import torch

    n_samples, n_models, _ = probabilities.shape
    roots = probabilities.sqrt()
    total = torch.zeros((n_models, n_models), dtype=torch.float64, device=probabilities.device)
    step = samples_per_chunk(n_models, CHUNK_BYTES)
    for first in range(0, n_samples, step):
        chunk = roots[first : first + step]
        distances = -torch.log(torch.bmm(chunk, chunk.transpose(1, 2)))
        distances[distances == np.inf] = NO_OVERLAP
        distances[distances < 0] = 0.0
        total += distances.sum(dim=0)
    total.fill_diagonal_(0.0)
    mean: NDArray[np.float64] = (total / n_samples).cpu().numpy()
    return mean


def bare_torch_form(probabilities: Any) -> NDArray[np.float64]:
    """Return :func:`torch_form` without edge cases and with chunks that fit into cache: its best, not as published."""
    import torch

    n_samples, n_models, _ = probabilities.shape
    roots = probabilities.sqrt()
    total = torch.zeros((n_models, n_models), dtype=torch.float64, device=probabilities.device)
    chunk_bytes = CACHED_CHUNK_BYTES if probabilities.device.type == "cpu" else CHUNK_BYTES
    step = samples_per_chunk(n_models, chunk_bytes)
    for first in range(0, n_samples, step):
        chunk = roots[first : first + step]
        total -= torch.bmm(chunk, chunk.transpose(1, 2)).log_().sum(dim=0)
    total.clamp_(min=0.0).fill_diagonal_(0.0)
    mean: NDArray[np.float64] = (total / n_samples).cpu().numpy()
    return mean


def numpy_form(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (model, model) distances by stacked matrix products of numpy.

    Args:
        probabilities: (sample, model, class) float32.
    """
    n_samples, n_models, _ = probabilities.shape
    roots = np.sqrt(probabilities)
    total = np.zeros((n_models, n_models))
    step = samples_per_chunk(n_models, CHUNK_BYTES)
    for first in range(0, n_samples, step):
        chunk = roots[first : first + step]
        with np.errstate(divide="ignore"):
            distances = -np.log(chunk @ chunk.transpose(0, 2, 1))
        distances[distances == np.inf] = NO_OVERLAP
        distances[distances < 0] = 0.0
        total += distances.sum(axis=0)
    np.fill_diagonal(total, 0.0)
    return np.asarray(total / n_samples)


def embedding_eigenpairs(distances: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return all eigenpairs of -L D L / 2, largest modulus first: two products with L, then the whole spectrum."""
    centring = np.eye(len(distances)) - 1.0 / len(distances)
    eigenvalues, vectors = np.linalg.eigh(-0.5 * centring @ distances @ centring)
    order = np.argsort(-np.abs(eigenvalues))
    return eigenvalues[order], vectors[:, order]


def progress(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    r"""Return (model,) progress, one model after the other, each by bounded minimisation.

    .. math:: \arg\min_{t \in [0, 1]} \sum_n \arccos \sum_c \sqrt{p^n_c \gamma^n_{t,c}}

    Every evaluation recomputes the geodesic's point from the probabilities at its ends.

    Args:
        probabilities: (model, sample, class).
        labels: (sample,) true classes.

    Source: Mao et al., eq. 3 and 4.
    """
    n_classes = probabilities.shape[2]
    ignorance, truth = np.full(probabilities.shape[1:], 1.0 / n_classes), np.eye(n_classes)[labels]

    def point(t: float) -> NDArray[np.float64]:
        theta = np.arccos(np.clip(np.sqrt(ignorance * truth).sum(axis=1, keepdims=True), 0.0, 1.0))
        root = (np.sin((1.0 - t) * theta) * np.sqrt(ignorance) + np.sin(t * theta) * np.sqrt(truth)) / np.sin(theta)
        return np.asarray(root**2)

    def angles(t: float, model: NDArray[np.float64]) -> float:
        return float(np.arccos(np.clip(np.sqrt(model * point(t)).sum(axis=1), 0.0, 1.0)).sum())

    return np.array([_minimum(angles, model) for model in probabilities])


def bare_progress(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return :func:`progress` with angles and square roots computed once: at its best, not as published."""
    n_classes = probabilities.shape[2]
    start, end = np.full(probabilities.shape[1:], np.sqrt(1.0 / n_classes)), np.eye(n_classes)[labels]
    theta = float(np.arccos(np.sqrt(1.0 / n_classes)))

    def angles(t: float, roots: NDArray[np.float64]) -> float:
        point = (np.sin((1.0 - t) * theta) * start + np.sin(t * theta) * end) / np.sin(theta)
        return float(np.arccos(np.clip((roots * point).sum(axis=1), 0.0, 1.0)).sum())

    return np.array([_minimum(angles, np.sqrt(model)) for model in probabilities])


def _minimum(objective: Callable[[float, NDArray[np.float64]], float], model: NDArray[np.float64]) -> float:
    from scipy.optimize import minimize_scalar

    return float(minimize_scalar(objective, bounds=(0.0, 1.0), args=(model,), method="bounded").x)
