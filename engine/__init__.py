"""InPCA of training trajectories: numbers and files, no user interface.

The table of contents, in reading order. Names are looked up when they are first used, so that ``import engine`` does
not wait for torch, numba or scipy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from engine.errors import (
    CacheError,
    DeviceError,
    EngineError,
    ImportSourceError,
    InvalidPredictionsError,
    InvalidSpecError,
    JobCancelled,
    MemoryBudgetError,
    MissingPackageError,
    RunError,
    RunFormatError,
    RunLockedError,
    RunMismatchError,
    SelectionError,
    StaleStudyError,
    StudyError,
    StudyFormatError,
    StudyNotFoundError,
)

if TYPE_CHECKING:
    from engine.analyses import ANALYSES, Finding
    from engine.distances import DistanceStore
    from engine.divergence_table import DIVERGENCES
    from engine.divergences import pairwise_distances
    from engine.explorer import Explorer
    from engine.geodesics import geodesic, progress
    from engine.inpca import embed, minkowski_distances, project
    from engine.prediction import predict
    from engine.recipe import Comparison, Recipe, compare_recipes, parse_recipe
    from engine.recorder import Recorder
    from engine.store import Study, list_studies, open_study
    from engine.values import Distances, Embedding, EmbeddingSpec, Predictions, Scene
    from engine.verification import verify_study

_HOMES = {
    "open_study": "store",
    "list_studies": "store",
    "verify_study": "verification",
    "Study": "store",
    "Predictions": "values",
    "Recorder": "recorder",
    "predict": "prediction",
    "DIVERGENCES": "divergence_table",
    "pairwise_distances": "divergences",
    "Distances": "values",
    "DistanceStore": "distances",
    "embed": "inpca",
    "project": "inpca",
    "minkowski_distances": "inpca",
    "Embedding": "values",
    "geodesic": "geodesics",
    "progress": "geodesics",
    "Explorer": "explorer",
    "ANALYSES": "analyses",
    "Finding": "analyses",
    "EmbeddingSpec": "values",
    "Scene": "values",
    "Recipe": "recipe",
    "parse_recipe": "recipe",
    "compare_recipes": "recipe",
    "Comparison": "recipe",
}

__all__ = [
    "ANALYSES",
    "DIVERGENCES",
    "CacheError",
    "Comparison",
    "DeviceError",
    "DistanceStore",
    "Distances",
    "Embedding",
    "EmbeddingSpec",
    "EngineError",
    "Explorer",
    "Finding",
    "ImportSourceError",
    "InvalidPredictionsError",
    "InvalidSpecError",
    "JobCancelled",
    "MemoryBudgetError",
    "MissingPackageError",
    "Predictions",
    "Recipe",
    "Recorder",
    "RunError",
    "RunFormatError",
    "RunLockedError",
    "RunMismatchError",
    "Scene",
    "SelectionError",
    "StaleStudyError",
    "Study",
    "StudyError",
    "StudyFormatError",
    "StudyNotFoundError",
    "compare_recipes",
    "embed",
    "geodesic",
    "list_studies",
    "minkowski_distances",
    "open_study",
    "pairwise_distances",
    "parse_recipe",
    "predict",
    "progress",
    "project",
    "verify_study",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'engine' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"engine.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
