"""One embedding on its way to the browser: a JSON header followed by typed arrays, immutable under its key.

Layout, little-endian throughout::

    4 bytes   b"INP1"
    4 bytes   uint32, length of the header in bytes
    header    UTF-8 JSON, padded with spaces so that the arrays start at a multiple of eight
    arrays    one after another, each padded to a multiple of eight; the header gives dtype, shape and offset

``assets/10-scene.js`` is the reader.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd

from dashboard.figures import PANEL_FIGURES
from engine.values import Embedding, FloatArray, PreviewEmbedding, PreviewScene, Scene

MAGIC = b"INP1"
ALIGNMENT = 8


def encode_scene(scene: Scene) -> bytes:
    """Serialise a scene with its panels' figures."""
    embedding = scene.embedding
    return _encode(
        scene,
        {
            "n_capped": scene.n_capped,
            "device": scene.device,
            "is_streamed": scene.is_streamed,
            "is_preview": False,
            "diagnostics": {
                **_curves(embedding, embedding.explained_variance),
                "explained_distance": embedding.explained_distance.tolist(),
                "residual": _finite(embedding.residual),
            },
            "panels": {name: make(embedding) for name, make in PANEL_FIGURES.items()},
        },
    )


def encode_preview(scene: PreviewScene) -> bytes:
    """Serialise what can be shown before a scene is there: no panels, and the error estimate of each component."""
    embedding = scene.embedding
    variance = np.cumsum(embedding.eigenvalues) / embedding.trace if embedding.trace else embedding.eigenvalues
    return _encode(
        scene,
        {
            "is_preview": True,
            "diagnostics": {
                **_curves(embedding, variance),
                "error_estimate": embedding.error_estimate.tolist(),
            },
        },
    )


def _encode(scene: Scene | PreviewScene, rest: dict[str, Any]) -> bytes:
    run_ids = list(dict.fromkeys(scene.models["run_id"]))
    arrays = _model_arrays(scene.models, run_ids)
    arrays["coordinates"] = scene.embedding.coordinates.astype("<f4")
    if scene.references is not None:
        arrays["reference_coordinates"] = scene.references.coordinates.astype("<f4")
        arrays["reference_positions"] = scene.references.positions.astype("<f4")
    header = {
        "key": scene.key,
        "study": scene.spec.study_id,
        "split": scene.spec.split,
        "divergence": scene.spec.divergence,
        "fit_references": scene.spec.fit_references,
        "run_ids": run_ids,
        "n_models": scene.embedding.n_models,
        "n_components": scene.embedding.n_components,
        "seconds": scene.seconds,
        **rest,
    }
    return encode_arrays(header, arrays)


def _model_arrays(models: pd.DataFrame, run_ids: list[str]) -> dict[str, np.ndarray]:
    position = {run_id: index for index, run_id in enumerate(run_ids)}
    arrays = {
        "run": models["run_id"].map(position).to_numpy().astype("<u4"),
        "checkpoint": models["checkpoint"].to_numpy().astype("<u4"),
    }
    for name in models.columns:
        if name not in ("run_id", "checkpoint"):
            arrays[f"model:{name}"] = models[name].to_numpy(dtype=float, na_value=math.nan).astype("<f4")
    return arrays


def _curves(embedding: Embedding | PreviewEmbedding, variance: FloatArray) -> dict[str, Any]:
    return {
        "signature": embedding.signature.tolist(),
        "explained_stress": embedding.explained_stress.tolist(),
        "explained_variance": [_finite(value) for value in variance],
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def encode_arrays(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """A header with arrays behind it, laid out as above."""
    offset, blocks, listing = 0, [], {}
    for name, array in arrays.items():
        block = np.ascontiguousarray(array).tobytes()
        listing[name] = {"dtype": array.dtype.str, "shape": list(array.shape), "offset": offset}
        padded = block + b"\0" * (-len(block) % ALIGNMENT)
        blocks.append(padded)
        offset += len(padded)
    text = json.dumps({**header, "arrays": listing}, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return b"".join([MAGIC, len(text).to_bytes(4, "little"), text, *blocks])
