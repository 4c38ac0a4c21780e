r"""Embeddings from subsets of the probe set, compared with all samples.

The available divergences are means over samples, so the distances of a union of two equally large subsets are the mean
of theirs. Samples are shuffled and cut into blocks of the smallest size; all larger subsets are unions of these by
halves, and the distances of every subset of every size cost as much as those of the whole probe set once. Subsets of
one shuffle are disjoint: they are independent draws as far as the probe set itself is one. Blocks are combined depth
first, so that one matrix per size is in memory, not one per subset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.embedding.explained import explained_among
from engine.embedding.inpca import embed
from engine.errors import InvalidSpecError, SelectionError
from engine.machine import one_blas_thread
from engine.values import Distances, DistanceSums, Embedding, FloatArray

SMALLEST_SUBSET = 5
SEED = 0
CHUNK_ROWS = 128

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SubsetQuality:
    """Accuracy of an embedding from a subset of the samples.

    Attributes:
        n_samples: number of samples in the subset.
        shuffle: index of its shuffle.
        explained_stress: (component,) of the embedding of the subset's distances.
        explained_distance: (component,) explained distance by squares of the same.
        explained_of_all: (component,) explained distance by squares of *all samples'* distances, by coordinates from
            the subset: it decreases if a subset is too small, whereas the two above may increase.
        correlation: correlation of the subset's distances with those of all samples, over pairs of models.
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
    """Return the subset sizes: the smallest, its doubles, and all samples last.

    Args:
        n_samples: size of the probe set.
        smallest: least size of the smallest subset.
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
    """Return the accuracy of subsets of the samples; the last one is all samples, and exact.

    Args:
        distances_on: returns the (model, model) mean divergences over given samples.
        whole: (model, model) mean divergences over all samples.
        n_samples: number of all samples.
        smallest: least size of a subset.
        n_shuffles: number of shuffles; each gives 2, 4, 8, ... disjoint subsets per halving.
        n_components: most components.
        report: called with the completed fraction before each block; may raise to stop.

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
        # The remainder of the division is omitted, a different one in each shuffle.
        order = random.permutation(n_samples)[: sizes[0] * 2**halvings]
        blocks = np.split(order, 2**halvings)
        for done, (level, distances) in enumerate(_unions(distances_on, blocks)):
            if report is not None:
                report((shuffle + done / (2 ** (halvings + 1) - 1)) / n_shuffles)
            if level < halvings:
                found.append(_quality(distances, values, exact, sizes[level], shuffle, n_components))
    found.sort(key=lambda quality: (quality.n_samples, quality.shuffle))
    shares = exact.explained_stress, exact.explained_distance, exact.explained_distance
    return [*found, SubsetQuality(n_samples, 0, *shares, 1.0, 0.0)]


def _unions(
    distances_on: Callable[[Ints], FloatArray], blocks: list[Ints]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield (level, distances) of every block, every union of two, of four, ..."""
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
    # Means of checked distances are valid distances; the embedding of all samples approximates that of a subset.
    measured = Distances(distances, exact.divergence, 0, "", rows)
    embedding = embed(measured, n_components, start=exact.coordinates)
    of_all = explained_among(whole, embedding.coordinates, embedding.signature).frobenius
    shares = embedding.explained_stress, embedding.explained_distance, of_all
    return SubsetQuality(n_samples, shuffle, *shares, correlation, error)


def _compared(distances: FloatArray, whole: FloatArray) -> tuple[DistanceSums, float, float]:
    """Return the sums of some distances, and their relative error and correlation with others, over distinct pairs."""
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
