r"""How many samples are enough: embeddings from subsets of the probe set against that from all of it.

The divergences on offer are means over samples, so the distances of a union of two equally large subsets are the mean
of theirs. Samples are shuffled and cut into blocks of the smallest size; from these all larger subsets follow by
halves, and the distances of every subset of every size cost what those of the whole probe set cost once. Subsets of one
shuffle are disjoint: they are independent draws as far as the probe set itself is one. Blocks are added up depth first,
so that one matrix per size is in memory, not one per subset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidSpecError, SelectionError
from engine.explained import explained_among
from engine.inpca import embed
from engine.kernels.threads import one_blas_thread
from engine.values import Distances, DistanceSums, Embedding, FloatArray

SMALLEST_SUBSET = 5
SEED = 0
CHUNK_ROWS = 128

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SubsetQuality:
    """What a subset of the samples shows.

    Attributes:
        n_samples: in the subset.
        shuffle: which shuffle it is from.
        explained_stress: (component,) of the embedding of the subset's distances.
        explained_distance: (component,) the same, by squares.
        explained_of_all: (component,) explained distance by squares of *all samples'* distances, by coordinates from
            the subset: this is what falls where a subset is too small, whereas the two above may even rise.
        correlation: of the subset's distances with those of all samples, over pairs of models.
        error: ||D_subset - D||_F / ||D||_F.
    """

    n_samples: int
    shuffle: int
    explained_stress: Array
    explained_distance: Array
    explained_of_all: Array
    correlation: float
    error: float


def subset_sizes(n_samples: int, smallest: int) -> tuple[int, ...]:
    """Return the sizes that are looked at: a smallest one, its doubles, and all samples last.

    Args:
        n_samples: in the probe set.
        smallest: at least so many are in the smallest subset.
    """
    halvings = 0
    while n_samples // 2 ** (halvings + 1) >= max(smallest, SMALLEST_SUBSET):
        halvings += 1
    block = n_samples // 2**halvings
    return (*(block * 2**k for k in range(halvings)), n_samples)


def subset_qualities(
    distances_on: Callable[[Ints], FloatArray],
    whole: Distances | FloatArray,
    n_samples: int,
    *,
    smallest: int = 25,
    n_shuffles: int = 4,
    n_components: int = 10,
    report: Callable[[float], None] | None = None,
) -> list[SubsetQuality]:
    """Return what subsets of the samples show; the last one is all samples, and exact.

    Args:
        distances_on: of some samples, the (model, model) mean divergences over these.
        whole: (model, model) those over all samples.
        n_samples: how many these are.
        smallest: least size of a subset.
        n_shuffles: how often samples are shuffled; each gives 2, 4, 8, ... disjoint subsets per halving.
        n_components: at most.
        report: told the fraction done, before each block; may raise to stop.

    Raises:
        SelectionError: fewer samples than two smallest subsets.
    """
    if n_shuffles < 1:
        raise InvalidSpecError(f"n_shuffles must be at least 1, received {n_shuffles}.")
    sizes = subset_sizes(n_samples, smallest)
    if len(sizes) < 2:
        raise SelectionError(
            f"The probe set has {n_samples} samples, and two subsets of at least {max(smallest, SMALLEST_SUBSET)} are "
            "needed to compare sizes: choose a smaller smallest subset."
        )
    values = whole.values if isinstance(whole, Distances) else whole
    exact = embed(whole, n_components)
    halvings = len(sizes) - 1
    random = np.random.default_rng(SEED)
    found = []
    for shuffle in range(n_shuffles):
        # What a division leaves over is passed over, another few in each shuffle.
        order = random.permutation(n_samples)[: sizes[0] * 2**halvings]
        blocks = np.split(order, 2**halvings)
        for done, (level, distances) in enumerate(_unions(distances_on, blocks)):
            if report is not None:
                report((shuffle + done / (2 ** (halvings + 1) - 1)) / n_shuffles)
            if level < halvings:
                found.append(_quality(distances, values, exact, sizes[level], shuffle, n_components))
    found.sort(key=lambda quality: (quality.n_samples, quality.shuffle))
    found.append(_of(exact, n_samples, 0, exact.explained_distance, 1.0, 0.0))
    return found


def _unions(
    distances_on: Callable[[Ints], FloatArray], blocks: list[Ints]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield (level, distances) of every block, of every two of them, of every four, ..."""
    waiting: list[tuple[int, NDArray[np.float32]]] = []
    for block in blocks:
        level, distances = 0, np.asarray(distances_on(block), dtype=np.float32)
        yield level, distances
        while waiting and waiting[-1][0] == level:
            distances = (distances + waiting.pop()[1]) * np.float32(0.5)
            level += 1
            yield level, distances
        waiting.append((level, distances))


def _quality(
    distances: FloatArray, whole: FloatArray, exact: Embedding, n_samples: int, shuffle: int, n_components: int
) -> SubsetQuality:
    with one_blas_thread():
        rows, error, correlation = _compared(distances, whole)
    # Means of checked distances are distances; the embedding of all samples is a good guess at that of a subset.
    measured = Distances(distances, exact.divergence, 0, "", rows)
    embedding = embed(measured, n_components, start=exact.coordinates)
    of_all = explained_among(whole, embedding.coordinates, embedding.signature).frobenius
    return _of(embedding, n_samples, shuffle, of_all, correlation, error)


def _compared(distances: FloatArray, whole: FloatArray) -> tuple[DistanceSums, float, float]:
    """Sums of some distances, and their relative error and correlation with others, over pairs of different models."""
    n_models = len(whole)
    rows, total, squares, squares_of_whole, product, missed = np.empty(n_models), 0.0, 0.0, 0.0, 0.0, 0.0
    for start in range(0, n_models, CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        ours, theirs = distances[part].astype(np.float64), whole[part].astype(np.float64)
        rows[part] = ours.sum(axis=1)
        total += float(theirs.sum())
        squares += float(np.vdot(ours, ours))
        squares_of_whole += float(np.vdot(theirs, theirs))
        product += float(np.vdot(ours, theirs))
        theirs -= ours
        missed += float(np.vdot(theirs, theirs))
    n_pairs = n_models * (n_models - 1)
    mean, mean_of_whole = float(rows.sum()) / n_pairs, total / n_pairs
    spread = (squares / n_pairs - mean**2) * (squares_of_whole / n_pairs - mean_of_whole**2)
    correlation = (product / n_pairs - mean * mean_of_whole) / np.sqrt(spread) if spread > 0 else np.nan
    error = np.sqrt(missed / squares_of_whole) if squares_of_whole else 0.0
    return DistanceSums(rows, squares), float(error), float(correlation)


def _of(
    embedding: Embedding, n_samples: int, shuffle: int, of_all: Array, correlation: float, error: float
) -> SubsetQuality:
    return SubsetQuality(
        n_samples,
        shuffle,
        embedding.explained_stress,
        embedding.explained_distance,
        of_all,
        correlation,
        error,
    )
