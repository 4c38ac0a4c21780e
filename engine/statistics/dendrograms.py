"""Dendrograms: agglomerative clustering with optimal leaf order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidSpecError

Array = NDArray[np.float64]
LINKAGES = {
    "complete": "their farthest (the study's)",
    "average": "their average",
    "single": "their nearest",
}
"""Linkages: key, and which members two clusters are as near as, as display text."""
MOST_ORDERED = 1000
"""Most leaves ordered optimally, which takes some seconds; time grows with the cube."""


@dataclass(frozen=True, slots=True, eq=False)
class Dendrogram:
    """Tree of an agglomerative clustering.

    Attributes:
        order: (leaf,) item at each leaf, from one end of the tree to the other.
        links: (join, 4) float64 in scipy's format: the two joined clusters, their distance, the number of items.
        places: (join, 2) float64 positions of the two arms of each join, in leaves from zero.
        heights: (join, 3) float64 distances at which the two arms begin, and at which they are joined.
        is_optimal: whether the sum of distances of adjacent leaves is the least that the tree allows.
    """

    order: NDArray[np.int64]
    links: Array
    places: Array
    heights: Array
    is_optimal: bool


def dendrogram(distances: Array, method: str = "complete") -> Dendrogram:
    """Return the dendrogram of items with these distances.

    Args:
        distances: (item, item) symmetric with a diagonal of zeros; one item is enough.
        method: key of ``LINKAGES``.

    Returns:
        The tree; up to ``MOST_ORDERED`` leaves in optimal order (Bar-Joseph et al., Bioinformatics 17 (2001) S22).

    Raises:
        InvalidSpecError: not symmetric, no item, or an unknown method.
    """
    if method not in LINKAGES:
        raise InvalidSpecError(f"linkage must be one of {sorted(LINKAGES)}, received {method!r}.")
    values = np.asarray(distances, dtype=np.float64)
    if values.ndim != 2 or not len(values) or not np.array_equal(values, values.T) or np.diagonal(values).any():
        raise InvalidSpecError(
            "distances must be a (thing, thing) matrix, exactly symmetric with a diagonal of zeros; "
            f"received the shape {values.shape}."
        )
    n_leaves = len(values)
    if n_leaves == 1:
        return Dendrogram(np.zeros(1, dtype=np.int64), np.zeros((0, 4)), np.zeros((0, 2)), np.zeros((0, 3)), True)
    # Imported here: loading takes longer than laying out a page.
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
    from scipy.spatial.distance import squareform

    condensed = squareform(values, checks=False)
    links = linkage(condensed, method)
    is_optimal = n_leaves <= MOST_ORDERED
    if is_optimal:
        links = optimal_leaf_ordering(links, condensed)
    order = leaves_list(links).astype(np.int64)
    # Joins refer only to earlier ones, so one pass places them all without recursion, however deep the tree.
    place, height = np.empty(2 * n_leaves - 1), np.zeros(2 * n_leaves - 1)
    place[order] = np.arange(n_leaves)
    places, heights = np.empty((n_leaves - 1, 2)), np.empty((n_leaves - 1, 3))
    for join, (first, second, distance, _) in enumerate(links):
        arms = [int(first), int(second)]
        places[join], heights[join] = place[arms], [*height[arms], distance]
        place[n_leaves + join], height[n_leaves + join] = place[arms].mean(), distance
    return Dendrogram(order, links, places, heights, is_optimal)
