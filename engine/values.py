"""Frozen dataclasses of the engine: specs (questions) and values (answers).

A *spec* is hashable and holds scalars and tuples only; a *value* holds read-only arrays and the diagnostics of
their accuracy. This module computes nothing and does no input or output.

Axes, always in this order and with these names: ``run, checkpoint, sample, class`` for predictions,
``model`` (= run x checkpoint, flattened in run order) and ``component`` for embeddings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidSpecError, SelectionError

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.floating[Any]]

SPLITS = ("train", "test")
MINIMUM_MODELS = 3
"""Least number of models of an embedding: fewer points span no plane."""
Progress = Callable[[float], None]
Cancelled = Callable[[], bool]
SCENE_VERSION = 2
"""Part of every cache key: raise it when the numbers of a scene, or of any of its inputs, can change."""


@dataclass(frozen=True, slots=True, eq=False)
class _Value:
    """Base of the values: array fields are read-only."""

    def __post_init__(self) -> None:
        for field in fields(self):
            array = getattr(self, field.name)
            if isinstance(array, np.ndarray):
                array.flags.writeable = False


@dataclass(frozen=True, slots=True, eq=False)
class Predictions(_Value):
    """Predictions of a set of models on one probe set.

    Attributes:
        log_probabilities: (model, sample, class) float32, natural logarithms, rows sum to one.
        models: one row per model, in the same order: ``run_id``, ``checkpoint``, ``step``, ``epoch``, metrics.
        labels: (sample,) int64, the true class of each sample.
        split: ``"train"`` or ``"test"``.
        class_names: (class,) display names.
    """

    log_probabilities: NDArray[np.float32]
    models: pd.DataFrame
    labels: NDArray[np.int64]
    split: str
    class_names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class DistanceSums(_Value):
    """Row sums and sum of squares of a distance matrix, accumulated while it was assembled.

    Their presence asserts that the matrix is finite and exactly symmetric with a zero diagonal.

    Attributes:
        rows: (model,) float64 sum of each row.
        squares: sum of the squares of all entries.
    """

    rows: NDArray[np.float64]
    squares: float

    @classmethod
    def of(cls, values: FloatArray) -> DistanceSums:
        """Return the sums of a (model, model) matrix that is known to be as said, accumulated in float64."""
        is_double = values.dtype == np.float64
        squares = np.vdot(values, values) if is_double else np.einsum("ij,ij->", values, values, dtype=np.float64)
        return cls(values.sum(axis=1, dtype=np.float64), float(squares))


@dataclass(frozen=True, slots=True, eq=False)
class Distances(_Value):
    """Matrix of divergences between models. The values *are* the divergence: never square them again.

    Attributes:
        values: (model, model), or (model, other) for a rectangle; in the divergence's unit.
        divergence: key of the divergence.
        n_capped: number of (pair, sample) terms that were capped; the divergence's table row states the cap.
        device: device that computed them.
        sums: sums of a symmetric (model, model) matrix; None if they were not accumulated.
    """

    values: FloatArray
    divergence: str
    n_capped: int
    device: str
    sums: DistanceSums | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SignedComponents(_Value):
    """Signed eigenpairs of a centred divergence matrix W, without the vectors.

    Attributes:
        eigenvalues: (component,) float64, signed, in decreasing modulus.
        signature: (component,) int8, +1 space-like (real axis), -1 time-like (imaginary axis).
        explained_stress: (component,) 1 - ||W - W_k||_F / ||W||_F of the first k components.
    """

    eigenvalues: NDArray[np.float64]
    signature: NDArray[np.int8]
    explained_stress: NDArray[np.float64]

    @property
    def n_components(self) -> int:
        return len(self.eigenvalues)


@dataclass(frozen=True, slots=True, eq=False)
class Coordinates(SignedComponents):
    """Models placed along signed components.

    Attributes:
        coordinates: (model, component) float64, X = U sqrt|lambda|; columns have mean zero.
        row_means: (model,) mean distance of each model to all; needed for out-of-sample projection.
        grand_mean: mean of all distances.
        frobenius_norm: ||W||_F of the centred matrix, from row sums and norms, never from a truncated spectrum.
        trace: tr W.
        divergence: key of the divergence that was embedded.
    """

    coordinates: NDArray[np.float64]
    row_means: NDArray[np.float64]
    grand_mean: float
    frobenius_norm: float
    trace: float
    divergence: str

    @property
    def n_models(self) -> int:
        return len(self.coordinates)


@dataclass(frozen=True, slots=True, eq=False)
class Embedding(Coordinates):
    """InPCA coordinates with their signature and diagnostics.

    Attributes:
        explained_variance: (component,) sum of eigenvalues over tr W; may exceed one and fall again.
        explained_variance_absolute: (component,) sum of the first k |eigenvalues| over the sum of *all* |eigenvalues|;
            NaN if the full spectrum is unknown (a truncated denominator would overstate it).
        explained_distance: (component,) 1 - ||D - D_k||_F / ||D||_F.
        residual: max over components of ||W u - lambda u|| / |lambda_1|, measured after the computation.
    """

    explained_variance: NDArray[np.float64]
    explained_variance_absolute: NDArray[np.float64]
    explained_distance: NDArray[np.float64]
    residual: float


@dataclass(frozen=True, slots=True, eq=False)
class PreviewEmbedding(Coordinates):
    """Approximate InPCA coordinates of a selection, shown until the exact ones exist; norm, trace and means are exact.

    Attributes:
        error_estimate: (component,) estimated root-mean-square error of a component over the root mean square of the
            first component; see :mod:`engine.embedding.low_rank`.
        missed: ||W - W'||_F / ||W||_F, where W' is the approximation that the components are computed from.
    """

    error_estimate: NDArray[np.float64]
    missed: float


@dataclass(frozen=True, slots=True)
class EmbeddingSpec:
    """Specification of an embedding; with the data's content, it determines the cache key.

    Attributes:
        study_id: folder name of the study.
        split: ``"train"`` or ``"test"``.
        run_ids: the selected runs, each once, in the study's order.
        divergence: key into ``DIVERGENCES``.
        n_components: number of signed eigenpairs to compute (fewer are returned if the rank is lower).
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
class References(_Value):
    """Ignorance P0, truth P* and the geodesic between them, in the coordinates of an embedding.

    Attributes:
        coordinates: (point, component) float64; the first point is P0, the last P*.
        positions: (point,) position t along the geodesic, 0 at P0 and 1 at P*.
        fitted: whether the points took part in the fit (True) or were projected (False).
    """

    coordinates: NDArray[np.float64]
    positions: NDArray[np.float64]
    fitted: bool


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Embedding of a selection with its models and reference points.

    Attributes:
        key: content-addressed name; equal for equal specs on equal data.
        spec: the specification.
        embedding: coordinates and diagnostics of the models (reference points are separate).
        models: one row per model: ``run_id``, ``checkpoint``, ``step``, ``epoch``, ``progress``, metrics.
        references: P0, P* and the geodesic; None if the study has no labels.
        n_capped: number of capped (pair, sample) terms among the embedded models and any fitted reference points.
        device: description of the device that computed the distances.
        seconds: duration of the computation.
        is_streamed: whether the distances exceeded memory and were multiplied directly from disk.
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
    """Approximate scene of a selection, shown before the exact one; every display must label it as approximate.

    Attributes:
        key: key of the exact scene.
        spec: the specification.
        embedding: approximate coordinates with an estimate of their error.
        models: one row per model, as in the scene.
        references: P0, P* and the geodesic, projected even if the exact scene fits them.
        seconds: duration of the computation.
    """

    key: str
    spec: EmbeddingSpec
    embedding: PreviewEmbedding
    models: pd.DataFrame
    references: References
    seconds: float


@dataclass(frozen=True, slots=True)
class JobStatus:
    """State and progress of a computation.

    Attributes:
        key: the scene's key.
        state: ``"queued"``, ``"running"``, ``"done"``, ``"failed"`` or ``"cancelled"``.
        stage: current stage: ``load``, ``distances``, ``eigenpairs`` or ``references``.
        fraction: 0..1 over all stages.
        elapsed: seconds since the computation began.
        remaining: predicted seconds left; None if unknown.
        message: why it failed, in readable text; else empty.
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
        """Return the status of a stored result that took `elapsed` seconds to compute."""
        return cls(key, "done", fraction=1.0, elapsed=elapsed, remaining=0.0)

    @classmethod
    def unknown(cls, key: str) -> JobStatus:
        """Return the status of a key that was never requested or whose result is no longer stored."""
        return cls(key, "cancelled", message="Nothing is known of it: ask again.")


@dataclass(frozen=True, slots=True)
class RunProblem:
    """A run that was left out, and the reason."""

    run_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class StudySummary:
    """One line of the study picker; if the study cannot be opened, ``error`` is set and the counts are zero."""

    study_id: str
    title: str
    n_runs: int
    n_checkpoints: int
    n_problems: int
    error: str = ""
