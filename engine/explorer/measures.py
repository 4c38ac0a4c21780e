"""Spectrum, Shepard diagram and run distances of a scene, computed on demand.

All three are computed from the stored distances; no pair is measured again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.cache.lru import Recent
from engine.distances.tiles.streamed import again_if_damaged
from engine.errors import InvalidSpecError
from engine.statistics.thinning import drawn_runs
from engine.trajectories.geodesics import on_geodesic
from engine.values import Embedding, Scene, SignedComponents

if TYPE_CHECKING:
    from engine.distances.distance_store import DistanceStore
    from engine.distances.selection import Selection
    from engine.embedding.shepard import ShepardDiagram

SPECTRUM_COMPONENTS = 50
MOST_COMPARED = 2500
"""Largest number of models in a Shepard diagram of all pairs: three million pairs, a tenth of a second."""
MEMORY_LIMIT = 2**26

Measure = TypeVar("Measure")


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum(SignedComponents):
    """Eigenvalues, signature and explained fractions of an embedding, without coordinates.

    Attributes:
        n_models: number of embedded models, an upper bound of the number of components.
        explained_variance, explained_variance_absolute, explained_distance: (component,) as in :class:`Embedding`.
    """

    n_models: int
    explained_variance: NDArray[np.float64]
    explained_variance_absolute: NDArray[np.float64]
    explained_distance: NDArray[np.float64]

    @classmethod
    def of(cls, embedding: Embedding) -> Spectrum:
        """Return the spectrum of an embedding."""
        return cls(**{field.name: getattr(embedding, field.name) for field in fields(cls)})


@dataclass(frozen=True, slots=True, eq=False)
class SceneShepard:
    """Shepard diagram of a scene.

    Attributes:
        diagram: the diagram; its models are row numbers of the scene's table.
        components: components of the embedded distances, counted from one.
        n_runs: number of compared runs: all, or a random draw if there are more than ``MOST_COMPARED`` models.
    """

    diagram: ShepardDiagram
    components: tuple[int, ...]
    n_runs: int


@dataclass(frozen=True, slots=True, eq=False)
class RunDistances:
    """Mean distances between runs.

    Attributes:
        run_ids: (run,) in the scene's order.
        means: (run, run) float64, symmetric: mean over all pairs of a checkpoint of one run and a checkpoint of the
            other. On the diagonal, over the pairs of different checkpoints; NaN for a run with a single checkpoint.
    """

    run_ids: tuple[str, ...]
    means: NDArray[np.float64]


class SceneMeasures:
    """Measures of scenes by key, the recent ones cached in memory; all methods block.

    They raise SceneNotReadyError if there is no scene of the key, or if its runs have changed since; CacheError or
    MemoryBudgetError if its distances cannot be read.

    Args:
        find_scene: key -> the scene, and its runs as they were embedded.
        find_distances: returns the store with all pairs of a scene.
    """

    def __init__(
        self, find_scene: Callable[[str], tuple[Scene, Selection]], find_distances: Callable[[], DistanceStore]
    ) -> None:
        self._find_scene = find_scene
        self._find_distances = find_distances
        self._recent: Recent[Any] = Recent(MEMORY_LIMIT)
        # One measurement per kind at a time: a concurrent call for the same scene then finds it cached.
        self._locks = {kind: threading.Lock() for kind in ("spectrum", "shepard", "runs")}

    def spectrum(self, key: str) -> Spectrum:
        """Return the spectrum of the first ``SPECTRUM_COMPONENTS`` components of a scene.

        The scene has fewer: solving for these takes twice as long, so the scene does not wait for it.
        """
        scene, selection = self._find_scene(key)

        def solve() -> tuple[Spectrum, int]:
            from engine.embedding.inpca import embed

            spec = scene.spec
            points = on_geodesic(selection.study, spec.split) if spec.fit_references else None
            found = self._find_distances().operator(selection, points, divergence=spec.divergence)
            spectrum = Spectrum.of(embed(found, max(SPECTRUM_COMPONENTS, spec.n_components)))
            return spectrum, 64 * spectrum.n_components

        return self._kept("spectrum", scene.key, solve)

    def shepard(self, key: str, components: Sequence[int]) -> SceneShepard:
        """Return distances between models of a scene against embedded distances in some of its components.

        Args:
            key: key of the scene.
            components: components, counted from one, each once.

        Raises:
            InvalidSpecError: no component, a repeated one, or one that the scene does not have.
        """
        scene, selection = self._find_scene(key)
        n_components = scene.embedding.n_components
        if not components or len(set(components)) != len(components):
            raise InvalidSpecError(f"components must be at least one, each once, received {list(components)}.")
        if not all(1 <= component <= n_components for component in components):
            raise InvalidSpecError(f"components must lie in 1..{n_components}, received {list(components)}.")

        def compare() -> tuple[SceneShepard, int]:
            from engine.embedding.shepard import Pairs, shepard_diagram

            counts = selection.counts
            runs = drawn_runs(counts, MOST_COMPARED)
            starts = np.cumsum(counts) - counts
            models = np.concatenate([np.arange(starts[run], starts[run] + counts[run]) for run in runs])
            drawn = selection.among([selection.run_ids[run] for run in runs])
            matrix = self._find_distances().matrix(drawn, divergence=scene.spec.divergence)
            chosen = np.asarray(components) - 1
            diagram = shepard_diagram(
                matrix.values, scene.embedding.coordinates[np.ix_(models, chosen)], scene.embedding.signature[chosen],
                counts[runs],
            )  # fmt: skip

            def placed(pairs: Pairs) -> Pairs:
                return Pairs(models[pairs.rows], models[pairs.columns], pairs.distances, pairs.embedded)

            diagram = replace(diagram, sample=placed(diagram.sample), worst=placed(diagram.worst))
            return SceneShepard(diagram, tuple(components), len(runs)), 32 * len(diagram.sample.rows)

        return self._kept("shepard", f"{scene.key}/{','.join(map(str, components))}", compare)

    def run_distances(self, key: str) -> RunDistances:
        """Return mean distances between the runs of a scene; every distance is read once."""
        scene, selection = self._find_scene(key)

        def average() -> tuple[RunDistances, int]:
            counts = selection.counts
            tiles = self._find_distances().tiles(selection, divergence=scene.spec.divergence)
            # With vectors and weights of ones, the products are the sums of distances between two runs.
            ones = np.ones((int(counts.sum()), 1), dtype=np.float32)
            sums = tiles.products_by_run(counts, ones, np.ones(1))
            pairs = np.outer(counts, counts).astype(np.float64)
            np.fill_diagonal(pairs, np.where(counts > 1, counts * (counts - 1), np.nan))
            means = sums / pairs
            return RunDistances(selection.run_ids, means), means.nbytes

        return self._kept("runs", scene.key, average)

    def _kept(self, kind: str, key: str, measure: Callable[[], tuple[Measure, int]]) -> Measure:
        name = f"{kind}/{key}"
        with self._locks[kind]:
            found: Measure | None = self._recent.get(name)
            if found is None:
                found, size = again_if_damaged(measure)
                self._recent.put(name, found, size)
            return found
