"""Public names of the engine: InPCA of training trajectories, without user interface.

In reading order. Each name is imported at its first use, so ``import engine`` does not load torch, numba or scipy.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
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
    from engine.distances.distance_store import DistanceStore
    from engine.distances.pairwise import pairwise_distances
    from engine.distances.selection import Selection
    from engine.distances.table import DIVERGENCES
    from engine.embedding.inpca import embed, minkowski_distances, project
    from engine.explorer.explorer import Explorer
    from engine.formats.recipe import Comparison, Recipe, compare_recipes, parse_recipe
    from engine.recording.prediction import predict
    from engine.recording.recorder import Recorder
    from engine.store.study import Study, list_studies, open_study
    from engine.store.verification import verify_study
    from engine.trajectories.geodesics import geodesic, progress
    from engine.values import Distances, Embedding, EmbeddingSpec, Predictions, Scene

__version__ = "0.1.0"

_HOMES = {
    name: home
    for home, names in {
        "store.study": "open_study list_studies Study",
        "store.verification": "verify_study",
        "recording.recorder": "Recorder",
        "recording.prediction": "predict",
        "distances.table": "DIVERGENCES",
        "distances.pairwise": "pairwise_distances",
        "distances.distance_store": "DistanceStore",
        "distances.selection": "Selection",
        "embedding.inpca": "embed project minkowski_distances",
        "trajectories.geodesics": "geodesic progress",
        "values": "Predictions Distances Embedding EmbeddingSpec Scene",
        "explorer.explorer": "Explorer",
        "analyses": "ANALYSES Finding",
        "formats.recipe": "Recipe parse_recipe compare_recipes Comparison",
    }.items()
    for name in names.split()
}

__all__ = [
    "ANALYSES", "DIVERGENCES", "CacheError", "Comparison", "DeviceError", "DistanceStore", "Distances", "Embedding",
    "EmbeddingSpec", "EngineError", "Explorer", "Finding", "ImportSourceError", "InvalidPredictionsError",
    "InvalidSpecError", "JobCancelled", "MemoryBudgetError", "MissingPackageError", "Predictions", "Recipe",
    "Recorder", "RunError", "RunFormatError", "RunLockedError", "RunMismatchError", "Scene", "Selection",
    "SelectionError", "StaleStudyError", "Study", "StudyError", "StudyFormatError", "StudyNotFoundError",
    "compare_recipes", "embed", "geodesic", "list_studies", "minkowski_distances", "open_study", "pairwise_distances",
    "parse_recipe", "predict", "progress", "project", "verify_study",
]  # fmt: skip

_PAGE = "dashboard"
"""Room of the page in the installed package; in a checkout it stands beside the engine."""

if find_spec(f"{__name__}.{_PAGE}"):
    _HOMES["show"] = f"{_PAGE}.notebook"
    __all__ += ["show"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"{__name__}.{name} needs the package {error.name!r}, which is not installed; the extra "
            f"[{'app' if name == 'show' else 'distances'}] brings it."
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
