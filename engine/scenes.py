r"""Scenes as bytes, and where they are kept: the recent ones in memory, the others in the disk cache.

The bytes are those of :mod:`engine.array_bytes`; the header holds the scalars of the scene and says which array is
which.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from typing import Any

import numpy as np

from engine.array_bytes import Arrays, decode_arrays, decode_table, encode_arrays, encode_table
from engine.cache import BlobCache
from engine.errors import CacheError
from engine.recent import Recent
from engine.values import Embedding, EmbeddingSpec, References, Scene

logger = logging.getLogger(__name__)

MEMORY_LIMIT = 2**28
STAND_INS = 1000

_KEY = re.compile(r"v\d{1,6}-[0-9a-f]{64}")
_MAGIC = b"SCENE1\n\0"


class SceneCache:
    """Scenes under their keys.

    Args:
        blobs: where their bytes survive a restart.
        memory_limit: bytes of recent scenes held in memory.
    """

    def __init__(self, blobs: BlobCache, memory_limit: int = MEMORY_LIMIT) -> None:
        self._blobs = blobs
        self._recent: Recent[Scene] = Recent(memory_limit)
        self._stand_ins: Recent[str] = Recent(STAND_INS)

    def get(self, key: str) -> Scene | None:
        """The scene of this key, or None."""
        scene = self._recent.get(key)
        if scene is not None:
            return scene
        blob = self._blobs.get(key)
        if blob is None:
            return None
        try:
            scene = decode_scene(blob)
        except CacheError:
            return None
        self._remember(scene)
        return scene

    def put(self, scene: Scene) -> None:
        """Keep a scene under its own key."""
        self._remember(scene)
        try:
            self._blobs.put(scene.key, encode_scene(scene))
        except CacheError as refusal:
            logger.warning("The scene %.20s is not kept on disk. %s", scene.key, refusal)

    def stand_in(self, key: str, intact_key: str) -> None:
        """Let the scene without a damaged run answer for the question with it.

        Only those who hold the key already are led there: a run that is repaired gives the question its own scene.
        """
        self._stand_ins.put(key, intact_key, 1)

    def computed_under(self, key: str) -> str:
        """The key of the question that the answer to this one was computed for."""
        return self._stand_ins.get(key) or key

    def answer(self, key: str) -> Scene | None:
        """What somebody who holds a key is shown, under that key; None where that is nothing, or no key at all."""
        if not _KEY.fullmatch(key):
            return None
        scene = self.get(key)
        if scene is None and (intact_key := self.computed_under(key)) != key:
            scene = self.get(intact_key)
            scene = None if scene is None else dataclasses.replace(scene, key=key)
        return scene

    def _remember(self, scene: Scene) -> None:
        self._recent.put(scene.key, scene, _size(scene))


def _size(scene: Scene) -> int:
    embedding = scene.embedding
    return int(embedding.coordinates.nbytes + embedding.row_means.nbytes + scene.models.memory_usage(index=False).sum())


def encode_scene(scene: Scene) -> bytes:
    """Return the bytes of a scene.

    Raises:
        CacheError: the model table has a column of a kind that is not provided for.
    """
    arrays: Arrays = {}
    header = {
        "scene": {
            "key": scene.key,
            "n_capped": scene.n_capped,
            "device": scene.device,
            "seconds": scene.seconds,
            "is_streamed": scene.is_streamed,
        },
        "spec": dataclasses.asdict(scene.spec),
        "embedding": _take_apart(scene.embedding, "embedding", arrays),
        "references": None if scene.references is None else _take_apart(scene.references, "references", arrays),
        "columns": encode_table(scene.models, "column", arrays),
        "n_models": len(scene.models),
    }
    return encode_arrays(_MAGIC, header, arrays)


def decode_scene(blob: bytes) -> Scene:
    """Return the scene of these bytes, exactly as it was encoded; arrays are read-only views into the bytes.

    Raises:
        CacheError: these are not the bytes of a scene.
    """
    try:
        header, arrays = decode_arrays(_MAGIC, blob)
        spec = {**header["spec"], "run_ids": tuple(header["spec"]["run_ids"])}
        references = header["references"]
        return Scene(
            spec=EmbeddingSpec(**spec),
            embedding=Embedding(**_put_together(header["embedding"], arrays)),
            models=decode_table(header["columns"], header["n_models"], arrays),
            references=None if references is None else References(**_put_together(references, arrays)),
            **header["scene"],
        )
    except CacheError:
        raise
    except Exception as error:
        raise CacheError(f"The bytes are no scene ({type(error).__name__}: {error}): compute it again.") from error


def _take_apart(value: Any, prefix: str, arrays: Arrays) -> dict[str, Any]:
    """Scalars of a frozen value by field name; its arrays go to ``arrays``, and their names into the result."""
    scalars: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        content = getattr(value, field.name)
        if isinstance(content, np.ndarray):
            name = f"{prefix}.{field.name}"
            arrays[name] = content
            scalars[field.name] = {"array": name}
        else:
            scalars[field.name] = content
    return scalars


def _put_together(fields: dict[str, Any], arrays: Arrays) -> dict[str, Any]:
    return {
        name: arrays[content["array"]] if isinstance(content, dict) else content for name, content in fields.items()
    }
