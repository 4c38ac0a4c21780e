"""Frozen questions and answers: what the engine is asked, and what it returns.

A *spec* is hashable and holds scalars and tuples only; a *value* holds read-only arrays together with
the diagnostics that say how far to trust them. Nothing here computes, and nothing here touches disk.

Axes, always in this order and with these names: ``run, checkpoint, sample, class`` for predictions,
``model`` (= run x checkpoint, flattened in run order) and ``component`` for embeddings.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.errors import InvalidSpecError, SelectionError

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]

SPLITS = ("train", "test")
MINIMUM_MODELS = 3
"""Fewer points than this span no plane, so there is nothing to look at."""


def _freeze_arrays(value: Any) -> None:
    """Mark every array field of a frozen dataclass read-only."""
    for field in fields(value):
        array = getattr(value, field.name)
        if isinstance(array, np.ndarray):
            array.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a set of models predicts on one probe set.

    Attributes:
        log_probabilities: (model, sample, class) float32, natural logarithms, rows sum to one.
        models: one row per model, in the same order: ``run_id``, ``checkpoint``, ``step``, ``epoch``, metrics.
        labels: (sample,) int64, the true class of each sample.
        split: ``"train"`` or ``"test"``.
        class_names: (class,) names for people.
    """

    log_probabilities: NDArray[np.float32]
    models: pd.DataFrame
    labels: NDArray[np.int64]
    split: str
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        _freeze_arrays(self)


@dataclass(frozen=True, slots=True, eq=False)
class DistanceSums:
    """What was added up while distances were put together; it spares another look at each of them.

    It vouches for them as well: whoever gives sums has made sure that the matrix is finite and exactly symmetric, and
    that its diagonal is zero.

    Attributes:
        rows: (model,) float64 sum of each row.
        squares: sum of all squares.
    """

    rows: NDArray[np.float64]
    squares: float

    def __post_init__(self) -> None:
        _freeze_arrays(self)


@dataclass(frozen=True, slots=True, eq=False)
class Distances:
    """Divergences between models. The values *are* the divergence: never square them again.

    Attributes:
        values: (model, model), or (model, other) for a rectangle; in the divergence's unit.
        divergence: key of the divergence.
        n_capped: in how many (pair, sample) a cap took effect; what is capped, the divergence's row in the table says.
        device: where they were computed.
        sums: of a (model, model) matrix that is known to be symmetric; None where nobody added it up.
    """

    values: FloatArray
    divergence: str
    n_capped: int
    device: str
    sums: DistanceSums | None = None

    def __post_init__(self) -> None:
        _freeze_arrays(self)


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """InPCA coordinates with their signature and honest diagnostics.

    Attributes:
        coordinates: (model, component) float64, X = U sqrt|lambda|; columns have mean zero.
        eigenvalues: (component,) float64, by falling modulus, signs kept.
        signature: (component,) int8, +1 space-like (real axis), -1 time-like (imaginary axis).
        explained_stress: (component,) 1 - ||W - W_k||_F / ||W||_F of the first k components.
        explained_variance: (component,) sum of eigenvalues over tr W; may exceed one and fall again.
        explained_variance_absolute: (component,) sum of |eigenvalues| over the sum over the *whole* spectrum;
            NaN where the whole spectrum is not known (a truncated denominator would flatter).
        explained_distance: (component,) 1 - ||D - D_k||_F / ||D||_F.
        row_means: (model,) mean distance of each model to all; what an out-of-sample projection needs.
        grand_mean: mean of all distances.
        frobenius_norm: ||W||_F of the centred matrix, from row sums and norms, never from a truncated spectrum.
        trace: tr W.
        residual: max over components of ||W u - lambda u|| / |lambda_1|, measured after the fact.
        divergence: key of the divergence that was embedded.
    """

    coordinates: NDArray[np.float64]
    eigenvalues: NDArray[np.float64]
    signature: NDArray[np.int8]
    explained_stress: NDArray[np.float64]
    explained_variance: NDArray[np.float64]
    explained_variance_absolute: NDArray[np.float64]
    explained_distance: NDArray[np.float64]
    row_means: NDArray[np.float64]
    grand_mean: float
    frobenius_norm: float
    trace: float
    residual: float
    divergence: str

    def __post_init__(self) -> None:
        _freeze_arrays(self)

    @property
    def n_models(self) -> int:
        return int(self.coordinates.shape[0])

    @property
    def n_components(self) -> int:
        return int(self.coordinates.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class PreviewEmbedding:
    """InPCA coordinates of a selection, approximately: to look at until the exact ones are there.

    Attributes:
        coordinates: (model, component) float64; columns have mean zero.
        eigenvalues: (component,) float64, by falling modulus, signs kept.
        signature: (component,) int8, +1 space-like (real axis), -1 time-like (imaginary axis).
        explained_stress: (component,) with the exact norm as denominator.
        error_estimate: (component,) what the root mean square error of a component may be, as a share of the root mean
            square of the first one; see :mod:`engine.preview`.
        missed: ||W - W'||_F / ||W||_F of the approximation W' that the components are of.
        frobenius_norm: ||W||_F, exactly.
        trace: tr W, exactly.
        row_means: (model,) mean distance of each model to all, exactly.
        grand_mean: mean of all distances, exactly.
        divergence: key of the divergence.
    """

    coordinates: NDArray[np.float64]
    eigenvalues: NDArray[np.float64]
    signature: NDArray[np.int8]
    explained_stress: NDArray[np.float64]
    error_estimate: NDArray[np.float64]
    row_means: NDArray[np.float64]
    grand_mean: float
    missed: float
    frobenius_norm: float
    trace: float
    divergence: str

    def __post_init__(self) -> None:
        _freeze_arrays(self)

    @property
    def n_models(self) -> int:
        return int(self.coordinates.shape[0])

    @property
    def n_components(self) -> int:
        return int(self.coordinates.shape[1])


@dataclass(frozen=True, slots=True)
class EmbeddingSpec:
    """The question "how do these runs look?"; the only thing an embedding's cache key depends on, besides the data.

    Attributes:
        study_id: folder name of the study.
        split: ``"train"`` or ``"test"``.
        run_ids: the selected runs, each once, in the study's order.
        divergence: key into ``DIVERGENCES``.
        n_components: how many signed eigenpairs to fetch (fewer come back where the rank is lower).
        fit_references: fit ignorance, truth and the geodesic into the embedding instead of projecting them.
    """

    study_id: str
    split: str
    run_ids: tuple[str, ...]
    divergence: str = "bhattacharyya"
    n_components: int = 20
    fit_references: bool = False

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise InvalidSpecError(f"split must be one of {SPLITS}, received {self.split!r}.")
        if not self.run_ids:
            raise SelectionError("No run is selected: select at least one run with three checkpoints.")
        if len(set(self.run_ids)) != len(self.run_ids):
            raise SelectionError("A run is selected twice: name each run once.")
        if not 1 <= self.n_components <= 100:
            raise InvalidSpecError(f"n_components must lie in 1..100, received {self.n_components}.")


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """Ignorance P0, truth P* and the geodesic between them, in the coordinates of an embedding.

    Attributes:
        coordinates: (point, component) float64; the first point is P0, the last P*.
        positions: (point,) position t along the geodesic, 0 at P0 and 1 at P*.
        fitted: whether the points took part in the fit (True) or were projected (False).
    """

    coordinates: NDArray[np.float64]
    positions: NDArray[np.float64]
    fitted: bool

    def __post_init__(self) -> None:
        _freeze_arrays(self)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Everything one picture needs: the embedding of a selection, its models and the reference points.

    Attributes:
        key: content-addressed name; the same question on the same data has the same key.
        spec: the question.
        embedding: coordinates and diagnostics of the models (reference points are kept apart).
        models: one row per model: ``run_id``, ``checkpoint``, ``step``, ``epoch``, ``progress``, metrics.
        references: P0, P* and the geodesic; None where the study has no labels.
        n_capped: capped (pair, sample) terms among the embedded models, and reference points where these are fitted.
        device: where the distances were computed, in words.
        seconds: what the computation took when it was made.
        is_streamed: whether the distances did not fit into memory and were multiplied straight from the disk.
    """

    key: str
    spec: EmbeddingSpec
    embedding: Embedding
    models: pd.DataFrame
    references: References | None
    n_capped: int
    device: str
    seconds: float
    is_streamed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PreviewScene:
    """What can be shown of a selection before its scene is there; not exact, which must be said wherever it is shown.

    Attributes:
        key: the key that the scene will have.
        spec: the question.
        embedding: approximate coordinates, with an estimate of their error.
        models: one row per model, as in the scene.
        references: P0, P* and the geodesic, projected even where the scene will have them fitted.
        seconds: what it took.
    """

    key: str
    spec: EmbeddingSpec
    embedding: PreviewEmbedding
    models: pd.DataFrame
    references: References
    seconds: float


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How a computation is getting on.

    Attributes:
        key: the scene's key.
        state: ``"queued"``, ``"running"``, ``"done"``, ``"failed"`` or ``"cancelled"``.
        stage: what is being done, in one word: ``load``, ``distances``, ``eigenpairs``, ``references``.
        fraction: 0..1 over all stages.
        elapsed: seconds since the computation began.
        remaining: predicted seconds to go; None where nothing is known.
        message: why it failed, for people; empty otherwise.
    """

    key: str
    state: str
    stage: str = ""
    fraction: float = 0.0
    elapsed: float = 0.0
    remaining: float | None = None
    message: str = ""

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed", "cancelled")

    @classmethod
    def done(cls, key: str, elapsed: float = 0.0) -> JobStatus:
        """Of what is kept already, and took so many seconds when it was made."""
        return cls(key, "done", fraction=1.0, elapsed=elapsed, remaining=0.0)

    @classmethod
    def unknown(cls, key: str) -> JobStatus:
        """Of a key that nobody asked for, or whose answer is no longer kept."""
        return cls(key, "cancelled", message="Nothing is known of it: ask again.")


@dataclass(frozen=True, slots=True)
class RunProblem:
    """A run that was left out, and why."""

    run_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class StudySummary:
    """One line of the study picker. ``error`` is set, and the counts are zero, where the study cannot be opened."""

    study_id: str
    title: str
    n_runs: int
    n_checkpoints: int
    n_problems: int
    error: str = ""
