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
from engine.values import Embedding, FloatArray

SMALLEST_SUBSET = 5
SEED = 0

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
    whole: FloatArray,
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
    above = np.triu_indices(len(whole), 1)
    reference = np.asarray(whole[above], dtype=np.float64)
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
                found.append(_quality(distances, whole, reference, above, sizes[level], shuffle, n_components))
    found.sort(key=lambda quality: (quality.n_samples, quality.shuffle))
    exact = embed(whole, n_components)
    found.append(_of(exact, n_samples, 0, exact.explained_distance, 1.0, 0.0))
    return found


def _unions(distances_on: Callable[[Ints], FloatArray], blocks: list[Ints]) -> Iterator[tuple[int, Array]]:
    """Yield (level, distances) of every block, of every two of them, of every four, ...; what is yielded is read only
    until the next one."""
    waiting: list[tuple[int, Array]] = []
    for block in blocks:
        level, distances = 0, np.array(distances_on(block), dtype=np.float64)
        yield level, distances
        while waiting and waiting[-1][0] == level:
            distances += waiting.pop()[1]
            distances *= 0.5
            level += 1
            yield level, distances
        waiting.append((level, distances))


def _quality(
    distances: Array,
    whole: FloatArray,
    reference: Array,
    above: tuple[Ints, ...],
    n_samples: int,
    shuffle: int,
    n_components: int,
) -> SubsetQuality:
    embedding = embed(distances, n_components)
    of_all = explained_among(whole, embedding.coordinates, embedding.signature).frobenius
    found = distances[above]
    norm = float(np.linalg.norm(reference))
    spread = float(found.std() * reference.std())
    centred = found - found.mean()
    correlation = float(centred @ (reference - reference.mean())) / (len(found) * spread) if spread else np.nan
    error = float(np.linalg.norm(found - reference)) / norm if norm else 0.0
    return _of(embedding, n_samples, shuffle, of_all, correlation, error)


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
