"""Codec of scenes."""

from __future__ import annotations

import re
from typing import Any

from engine.explorer.answers import Codec
from engine.values import Embedding, EmbeddingSpec, References, Scene


def _size(scene: Scene) -> int:
    embedding = scene.embedding
    return int(embedding.coordinates.nbytes + embedding.row_means.nbytes + scene.models.memory_usage(index=False).sum())


def _build(fields: dict[str, Any]) -> Scene:
    spec, references = fields["spec"], fields["references"]
    fields |= {
        "spec": EmbeddingSpec(**{**spec, "run_ids": tuple(spec["run_ids"])}),
        "embedding": Embedding(**fields["embedding"]),
        "references": None if references is None else References(**references),
    }
    return Scene(**fields)


SCENES = Codec(
    "embedding", re.compile(r"v\d{1,6}-[0-9a-f]{64}"), b"SCENE2\n\0", _build, _size, lambda scene: scene.seconds
)
