r"""The Shepard diagram: how far apart models are, against how far apart a picture of them puts them.

A picture with some of the components stands for the distances :math:`E_{ij} = \sum_k s_k (X_{ik} - X_{jk})^2`. With
every component that is the divergence itself, so nothing is squared or rooted here: both sides are in the divergence's
own unit. With few components E may be too small, and below zero where a time-like component outweighs the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.inpca import minkowski_distances
from engine.kernels.threads import one_blas_thread
from engine.values import FloatArray

STRATA = 20
"""Intervals of distance, equally wide, from which pairs are drawn alike: at random nearly all would be of one kind."""
SEED = 0

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of models, each once.

    Attributes:
        rows, columns: (pair,) the two models, row below column.
        distances: (pair,) their divergence.
        embedded: (pair,) what the picture makes of it.
    """

    rows: Ints
    columns: Ints
    distances: NDArray[np.float64]
    embedded: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ShepardDiagram:
    """Distances against embedded distances.

    Attributes:
        sample: pairs to draw, taken evenly over the range of distances.
        worst: of the pairs of runs with the largest errors |E - D|, the worst pair of models each, worst first.
        n_pairs: how many pairs of different models were looked at.
        n_negative: how many of them the picture puts at a distance below zero.
        explained: 1 - ||D - E||_F / ||D||_F over all of them.
    """

    sample: Pairs
    worst: Pairs
    n_pairs: int
    n_negative: int
    explained: float


def shepard_diagram(
    distances: FloatArray,
    coordinates: FloatArray,
    signature: NDArray[np.int8],
    models: Ints,
    n_sampled: int = 2000,
    n_worst: int = 6,
) -> ShepardDiagram:
    """Compare all distances with what coordinates make of them; the same every time.

    Args:
        distances: (model, model) symmetric divergences.
        coordinates: (model, component) those of the picture.
        signature: (component,) of +1 and -1.
        models: (run,) how many models each run has; they lie together.
        n_sampled: how many pairs to draw at most.
        n_worst: how many of the worst pairs of runs to name at most.
    """
    with one_blas_thread():
        embedded = minkowski_distances(coordinates, signature)
        i, j = np.triu_indices(len(distances), 1)
        found, shown = np.asarray(distances[i, j], dtype=np.float64), embedded[i, j]
        norm = float(np.linalg.norm(found))
        explained = 1.0 - float(np.linalg.norm(found - shown)) / norm if norm else 1.0
    chosen = _sample(found, n_sampled)
    worst = _worst(np.abs(embedded - distances), models, n_worst)
    return ShepardDiagram(
        sample=Pairs(i[chosen], j[chosen], found[chosen], shown[chosen]),
        worst=Pairs(*worst, np.asarray(distances[worst], dtype=np.float64), embedded[worst]),
        n_pairs=len(found),
        n_negative=int((shown < 0).sum()),
        explained=explained,
    )


def _sample(distances: NDArray[np.float64], n_sampled: int) -> Ints:
    """Which pairs to draw: from each stratum the same number, as far as it has them."""
    random = np.random.default_rng(SEED)
    scale = STRATA / (float(distances.max(initial=0.0)) or 1.0)
    strata = np.minimum(scale * distances, STRATA - 1).astype(np.uint8)
    taken = _share_out(n_sampled, np.bincount(strata, minlength=STRATA))
    return np.concatenate(
        [
            random.choice(np.flatnonzero(strata == stratum), count, replace=False, shuffle=False)
            for stratum, count in enumerate(taken.tolist())
        ]
    )


def _share_out(total: int, sizes: Ints) -> Ints:
    """How many to take of each, as even as their sizes allow."""
    taken = np.zeros_like(sizes)
    for left, stratum in zip(range(len(sizes), 0, -1), np.argsort(sizes, kind="stable"), strict=True):
        taken[stratum] = min(int(sizes[stratum]), (total - int(taken.sum())) // left)
    return taken


def _worst(errors: NDArray[np.float64], models: Ints, n_worst: int) -> tuple[Ints, Ints]:
    """The worst pair of models of each of the worst pairs of runs: its neighbours along both runs are as bad."""
    starts = np.cumsum(models) - models
    by_runs = np.maximum.reduceat(np.maximum.reduceat(errors, starts, axis=0), starts, axis=1)
    a, b = np.triu_indices(len(models))
    largest = np.argsort(-by_runs[a, b], kind="stable")[:n_worst]
    rows, columns = [], []
    for first, second in zip(a[largest], b[largest], strict=True):
        if by_runs[first, second] == 0.0:
            break
        block = errors[starts[first] :, starts[second] :][: models[first], : models[second]]
        row, column = np.unravel_index(int(block.argmax()), block.shape)
        rows.append(starts[first] + row)
        columns.append(starts[second] + column)
    i, j = np.array(rows, dtype=np.int64), np.array(columns, dtype=np.int64)
    return np.minimum(i, j), np.maximum(i, j)
