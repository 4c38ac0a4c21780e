"""A closer look at a scene: what is asked of it after it is on screen, and only where somebody looks.

All of it comes from the distances that are on disk already, so it costs no more than reading them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.drawn_runs import drawn_runs
from engine.errors import InvalidSpecError
from engine.recent import Recent
from engine.values import Embedding, Scene

if TYPE_CHECKING:
    from engine.distances import DistanceStore
    from engine.shepard import ShepardDiagram
    from engine.store import Study

SPECTRUM_COMPONENTS = 50
MOST_COMPARED = 2500
"""Models whose pairs are all compared in a Shepard diagram: three million pairs, a tenth of a second."""
MEMORY_LIMIT = 2**26

Measure = TypeVar("Measure")


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """What an embedding says about its components, without coordinates.

    Attributes:
        n_models: how many models were embedded, which bounds the number of components.
        eigenvalues, signature, explained_stress, explained_variance, explained_variance_absolute, explained_distance:
            (component,) as of :class:`Embedding`.
    """

    n_models: int
    eigenvalues: NDArray[np.float64]
    signature: NDArray[np.int8]
    explained_stress: NDArray[np.float64]
    explained_variance: NDArray[np.float64]
    explained_variance_absolute: NDArray[np.float64]
    explained_distance: NDArray[np.float64]

    @classmethod
    def of(cls, embedding: Embedding) -> Spectrum:
        """The spectrum of an embedding."""
        return cls(**{name: getattr(embedding, name) for name in cls.__slots__})

    @property
    def n_components(self) -> int:
        return len(self.eigenvalues)


@dataclass(frozen=True, slots=True, eq=False)
class SceneShepard:
    """A Shepard diagram of a scene.

    Attributes:
        diagram: its models are rows of the scene's table.
        components: the components that were drawn, counted from one.
        n_runs: runs whose pairs were compared: all of them, or a few drawn at random where there are too many models.
    """

    diagram: ShepardDiagram
    components: tuple[int, ...]
    n_runs: int


@dataclass(frozen=True, slots=True, eq=False)
class RunDistances:
    """Mean distances between runs.

    Attributes:
        run_ids: (run,) in the scene's order.
        means: (run, run) float64, symmetric: the mean over all pairs of a checkpoint of one run and a checkpoint of
            the other. On the diagonal, over the pairs of different checkpoints; NaN for a run with a single one.
    """

    run_ids: tuple[str, ...]
    means: NDArray[np.float64]


class SceneMeasures:
    """Measures scenes, and keeps what was measured lately.

    Args:
        distances: where all pairs of a scene have been measured.
        positions: of the reference points that are fitted into a scene.
    """

    def __init__(self, distances: DistanceStore, positions: NDArray[np.float64]) -> None:
        self._distances = distances
        self._positions = positions
        self._recent: Recent[Any] = Recent(MEMORY_LIMIT)
        # One measurement of a kind at a time: whoever asks for the same meanwhile finds it kept.
        self._locks = {kind: threading.Lock() for kind in ("spectrum", "shepard", "runs")}

    def spectrum(self, scene: Scene, study: Study) -> Spectrum:
        """The first ``SPECTRUM_COMPONENTS`` components of a scene, which has coordinates for fewer.

        It takes twice the scene's own solution, which is why no picture waits for it.
        """

        def solve() -> tuple[Spectrum, int]:
            from engine.inpca import embed

            spec = scene.spec
            found = self._distances.selection(
                study, spec.split, spec.run_ids, self._positions if spec.fit_references else None,
                divergence=spec.divergence,
            )  # fmt: skip
            spectrum = Spectrum.of(embed(found, max(SPECTRUM_COMPONENTS, spec.n_components)))
            return spectrum, 64 * spectrum.n_components

        return self._kept("spectrum", scene.key, solve)

    def shepard(self, scene: Scene, study: Study, components: Sequence[int]) -> SceneShepard:
        """Distances between models of a scene against what some of its components make of them.

        Args:
            scene, study: the scene, and the study as it is now.
            components: which, counted from one.

        Raises:
            InvalidSpecError: no component, or one that the scene does not have.
        """
        n_components = scene.embedding.n_components
        if not components or len(set(components)) != len(components):
            raise InvalidSpecError(f"components must be at least one, each once, received {list(components)}.")
        if not all(1 <= component <= n_components for component in components):
            raise InvalidSpecError(f"components must lie in 1..{n_components}, received {list(components)}.")

        def compare() -> tuple[SceneShepard, int]:
            from engine.shepard import Pairs, shepard_diagram

            spec, counts = scene.spec, _models_of(scene)
            runs = drawn_runs(counts, MOST_COMPARED)
            starts = np.cumsum(counts) - counts
            models = np.concatenate([np.arange(starts[run], starts[run] + counts[run]) for run in runs])
            matrix = self._distances.matrix(
                study, spec.split, [spec.run_ids[run] for run in runs], divergence=spec.divergence
            )
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

    def run_distances(self, scene: Scene, study: Study) -> RunDistances:
        """Mean distances between the runs of a scene; every distance is read once."""

        def average() -> tuple[RunDistances, int]:
            spec, counts = scene.spec, _models_of(scene)
            tiles = self._distances.tiles(study, spec.split, spec.run_ids, divergence=spec.divergence)
            # Times one everywhere, they add up to themselves.
            ones = np.ones((int(counts.sum()), 1), dtype=np.float32)
            sums = tiles.products_by_run(counts, ones, np.ones(1))
            pairs = np.outer(counts, counts).astype(np.float64)
            np.fill_diagonal(pairs, np.where(counts > 1, counts * (counts - 1), np.nan))
            means = sums / pairs
            return RunDistances(spec.run_ids, means), means.nbytes

        return self._kept("runs", scene.key, average)

    def _kept(self, kind: str, key: str, measure: Callable[[], tuple[Measure, int]]) -> Measure:
        name = f"{kind}/{key}"
        with self._locks[kind]:
            found: Measure | None = self._recent.get(name)
            if found is None:
                found, size = measure()
                self._recent.put(name, found, size)
            return found


def _models_of(scene: Scene) -> NDArray[np.int64]:
    """(run,) how many models of a scene each run has."""
    counts = scene.models["run_id"].value_counts(sort=False)
    return np.asarray(counts.loc[list(scene.spec.run_ids)], dtype=np.int64)
