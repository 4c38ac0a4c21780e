"""Embedding as the page receives it: a header and arrays.

Header: ``key``, ``study``, ``split``, ``divergence``, ``run_ids``, ``n_models``, ``n_components``, ``seconds`` (of the
computation), ``n_capped`` (zero overlaps that were capped), ``is_streamed`` (distances read from disk at each pass),
``is_preview``, ``diagnostics`` (numbers per component) and ``panels``. Arrays: ``run`` and ``checkpoint`` (model,)
uint32, ``coordinates`` (model, component) float32, ``model:NAME`` (model,) float32 for each column of the table of
models, ``reference_coordinates`` (point, component) and ``reference_positions`` (point,) of the geodesic P0 to P*.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.figures import panel_figures
from engine.arrays import encode
from engine.values import Embedding, FloatArray, PreviewEmbedding, PreviewScene, Scene

MAGIC = b"INPCA2\n\0"


def encode_scene(scene: Scene) -> bytes:
    """Bytes of a scene with the figures of its panels."""
    embedding = scene.embedding
    diagnostics = {
        **_curves(embedding, embedding.explained_variance),
        "explained_distance": embedding.explained_distance.tolist(),
        "residual": _finite(embedding.residual),
    }
    made = {"n_capped": scene.n_capped, "device": scene.device, "is_streamed": scene.is_streamed, "is_preview": False}
    return _encode(scene, {**made, "diagnostics": diagnostics, "panels": panel_figures(embedding)})


def encode_preview(scene: PreviewScene) -> bytes:
    """Bytes of a preview: without panels, and with the estimated error of each component's coordinates."""
    embedding = scene.embedding
    variance = np.cumsum(embedding.eigenvalues) / embedding.trace if embedding.trace else embedding.eigenvalues
    diagnostics = {**_curves(embedding, variance), "error_estimate": embedding.error_estimate.tolist()}
    return _encode(scene, {"is_preview": True, "diagnostics": diagnostics})


def _encode(scene: Scene | PreviewScene, rest: dict[str, Any]) -> bytes:
    run, run_ids = pd.factorize(scene.models["run_id"])
    arrays = {
        "run": run.astype("<u4"),
        "checkpoint": scene.models["checkpoint"].to_numpy().astype("<u4"),
        "coordinates": scene.embedding.coordinates.astype("<f4"),
    }
    for name, column in scene.models.drop(columns=["run_id", "checkpoint"]).items():
        arrays[f"model:{name}"] = column.to_numpy(dtype=float, na_value=math.nan).astype("<f4")
    if scene.references is not None:
        arrays["reference_coordinates"] = scene.references.coordinates.astype("<f4")
        arrays["reference_positions"] = scene.references.positions.astype("<f4")
    header = {
        "key": scene.key,
        "study": scene.spec.study_id,
        "split": scene.spec.split,
        "divergence": scene.spec.divergence,
        "fit_references": scene.spec.fit_references,
        "run_ids": list(run_ids),
        "n_models": scene.embedding.n_models,
        "n_components": scene.embedding.n_components,
        "seconds": scene.seconds,
        **rest,
    }
    return encode_arrays(header, arrays)


def _curves(embedding: Embedding | PreviewEmbedding, variance: FloatArray) -> dict[str, Any]:
    return {
        "signature": embedding.signature.tolist(),
        "explained_stress": embedding.explained_stress.tolist(),
        "explained_variance": [_finite(value) for value in variance],
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def encode_arrays(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> bytes:
    """Bytes of a header and its arrays by name, float32 or uint32, which the page decodes; see :mod:`engine.arrays`."""
    return encode(MAGIC, {**header, "arrays": arrays}, is_strict=True)
