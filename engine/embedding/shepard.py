r"""Shepard diagram: divergences against squared distances in a picture.

A picture of some components represents the distances :math:`E_{ij} = \sum_k s_k (X_{ik} - X_{jk})^2`. With all
components E is the divergence itself, so nothing is squared or rooted: both axes are in the divergence's unit. With
few components E may be too small, and negative if a time-like component outweighs the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.embedding.inpca import minkowski_distances
from engine.machine import one_blas_thread
from engine.values import FloatArray

STRATA = 20
"""Number of equal intervals of distance with equally many drawn pairs: uniform sampling would favour one interval."""
N_SAMPLED, N_WORST = 2000, 6
"""Most drawn pairs of models, and most of the worst pairs of runs."""
SEED = 0

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of models, each pair once.

    Attributes:
        rows, columns: (pair,) the two models, row below column.
        distances: (pair,) their divergence.
        embedded: (pair,) their squared distance in the picture.
    """

    rows: Ints
    columns: Ints
    distances: NDArray[np.float64]
    embedded: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ShepardDiagram:
    """Divergences against embedded distances.

    Attributes:
        sample: pairs to draw, spread evenly over the range of distances.
        worst: for the pairs of runs with the largest errors |E - D|, the worst pair of models each, worst first.
        n_pairs: number of pairs of different models.
        n_negative: number of pairs with a negative embedded distance.
        explained: 1 - ||D - E||_F / ||D||_F over all pairs.
    """

    sample: Pairs
    worst: Pairs
    n_pairs: int
    n_negative: int
    explained: float


def shepard_diagram(
    distances: FloatArray, coordinates: FloatArray, signature: NDArray[np.int8], models: Ints
) -> ShepardDiagram:
    """Compare all divergences with the distances of coordinates; deterministic.

    Args:
        distances: (model, model) symmetric divergences.
        coordinates: (model, component) coordinates of the picture.
        signature: (component,) of +1 and -1.
        models: (run,) number of models of each run; a run's models are adjacent.
    """
    with one_blas_thread():
        embedded = minkowski_distances(coordinates, signature)
        i, j = np.triu_indices(len(distances), 1)
        found, shown = np.asarray(distances[i, j], dtype=np.float64), embedded[i, j]
        norm = float(np.linalg.norm(found))
        explained = 1.0 - float(np.linalg.norm(found - shown)) / norm if norm else 1.0
    chosen = _sample(found)
    worst = _worst(np.abs(embedded - distances), models)
    return ShepardDiagram(
        sample=Pairs(i[chosen], j[chosen], found[chosen], shown[chosen]),
        worst=Pairs(*worst, np.asarray(distances[worst], dtype=np.float64), embedded[worst]),
        n_pairs=len(found),
        n_negative=int((shown < 0).sum()),
        explained=explained,
    )


def _sample(distances: NDArray[np.float64]) -> Ints:
    """Return indices of the pairs to draw: equally many per stratum, as far as it has them."""
    random = np.random.default_rng(SEED)
    scale = STRATA / (float(distances.max(initial=0.0)) or 1.0)
    strata = np.minimum(scale * distances, STRATA - 1).astype(np.uint8)
    taken = _share_out(N_SAMPLED, np.bincount(strata, minlength=STRATA))
    return np.concatenate(
        [
            random.choice(np.flatnonzero(strata == stratum), count, replace=False, shuffle=False)
            for stratum, count in enumerate(taken.tolist())
        ]
    )


def _share_out(total: int, sizes: Ints) -> Ints:
    """Return counts to take from each stratum, as even as the sizes allow."""
    taken = np.zeros_like(sizes)
    for left, stratum in zip(range(len(sizes), 0, -1), np.argsort(sizes, kind="stable"), strict=True):
        taken[stratum] = min(int(sizes[stratum]), (total - int(taken.sum())) // left)
    return taken


def _worst(errors: NDArray[np.float64], models: Ints) -> tuple[Ints, Ints]:
    """Return one worst pair of models per worst pair of runs: neighbours along both runs have similar errors."""
    starts = np.cumsum(models) - models
    by_runs = np.maximum.reduceat(np.maximum.reduceat(errors, starts, axis=0), starts, axis=1)
    a, b = np.triu_indices(len(models))
    largest = np.argsort(-by_runs[a, b], kind="stable")[:N_WORST]
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
