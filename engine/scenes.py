r"""Scenes as bytes, and where they are kept: the recent ones in memory, the others in the disk cache.

The bytes are, in this order: ``SCENE1\n``; the length of the header as eight little-endian bytes; the header, JSON in
UTF-8; the arrays it lists, C-ordered little-endian, each padded to eight bytes. The header holds the scalars of the
scene and for each array its name, dtype and shape. Columns of the model table are arrays; a column of text is an array
of codes into a list of distinct values in the header. Nothing in it can name a type to build or code to run.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.cache import BlobCache
from engine.errors import CacheError
from engine.recent import Recent
from engine.values import Embedding, EmbeddingSpec, References, Scene

logger = logging.getLogger(__name__)

MEMORY_LIMIT = 2**28

_MAGIC = b"SCENE1\n\0"
_ALIGNMENT = 8
_DTYPE = re.compile(r"[<|][fiu][1248]|\|b1")
_TEXT_DTYPES = ("str", "object", "category")


class SceneCache:
    """Scenes under their keys.

    Args:
        blobs: where their bytes survive a restart.
        memory_limit: bytes of recent scenes held in memory.
    """

    def __init__(self, blobs: BlobCache, memory_limit: int = MEMORY_LIMIT) -> None:
        self._blobs = blobs
        self._recent: Recent[Scene] = Recent(memory_limit)

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
    arrays: dict[str, NDArray[Any]] = {}
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
        "columns": [
            _encode_column(scene.models.iloc[:, i], f"column{i}", arrays) for i in range(scene.models.shape[1])
        ],
        "n_models": len(scene.models),
    }
    header["arrays"] = [{"name": name, "dtype": a.dtype.str, "shape": a.shape} for name, a in arrays.items()]
    text = json.dumps(header, default=np.generic.item).encode()
    parts = [_MAGIC, len(text).to_bytes(8, "little"), _padded(text), *(_padded(a.tobytes()) for a in arrays.values())]
    return b"".join(parts)


def decode_scene(blob: bytes) -> Scene:
    """Return the scene of these bytes, exactly as it was encoded; arrays are read-only views into the bytes.

    Raises:
        CacheError: these are not the bytes of a scene.
    """
    try:
        header, arrays = _read(blob)
        columns = {column["name"]: _decode_column(column, arrays) for column in header["columns"]}
        spec = {**header["spec"], "run_ids": tuple(header["spec"]["run_ids"])}
        references = header["references"]
        return Scene(
            spec=EmbeddingSpec(**spec),
            embedding=Embedding(**_put_together(header["embedding"], arrays)),
            models=pd.DataFrame(columns, index=pd.RangeIndex(header["n_models"])),
            references=None if references is None else References(**_put_together(references, arrays)),
            **header["scene"],
        )
    except CacheError:
        raise
    except Exception as error:
        raise CacheError(f"The bytes are no scene ({type(error).__name__}: {error}): compute it again.") from error


def _take_apart(value: Any, prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Scalars of a frozen value by field name; its arrays go to ``arrays``, and their names into the result."""
    scalars: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        content = getattr(value, field.name)
        if isinstance(content, np.ndarray):
            name = f"{prefix}.{field.name}"
            arrays[name] = _portable(content)
            scalars[field.name] = {"array": name}
        else:
            scalars[field.name] = content
    return scalars


def _put_together(fields: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    return {
        name: arrays[content["array"]] if isinstance(content, dict) else content for name, content in fields.items()
    }


def _encode_column(column: pd.Series, array_name: str, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": column.name, "array": array_name}
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiub":
        arrays[array_name] = _portable(column.to_numpy())
        return entry
    dtype = str(column.dtype)
    codes, values = pd.factorize(column.astype(object))
    if dtype not in _TEXT_DTYPES or not all(isinstance(value, str) for value in values):
        raise CacheError(f"The column {column.name!r} has the dtype {dtype}: keep numbers or text in a model table.")
    arrays[array_name] = _portable(codes.astype(np.int32))
    entry |= {"dtype": dtype, "values": list(values)}
    if dtype == "category":
        entry |= {"categories": list(column.cat.categories), "ordered": bool(column.cat.ordered)}
    return entry


def _decode_column(entry: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Any:
    array = arrays[entry["array"]]
    if "values" not in entry:
        return array
    if entry["dtype"] not in _TEXT_DTYPES:
        raise CacheError(f"A column has the unknown dtype {entry['dtype']!r}: compute the scene again.")
    text = np.array([*entry["values"], None], dtype=object)[array]
    if entry["dtype"] == "category":
        return pd.Categorical(text, categories=entry["categories"], ordered=entry["ordered"])
    return pd.Series(text, dtype=entry["dtype"])


def _portable(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % _ALIGNMENT)


def _read(blob: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    start = len(_MAGIC) + 8
    if blob[: len(_MAGIC)] != _MAGIC:
        raise CacheError("The bytes do not begin like a scene: compute it again.")
    length = int.from_bytes(blob[len(_MAGIC) : start], "little")
    header = json.loads(blob[start : start + length])
    offset = start + length + -length % _ALIGNMENT
    arrays = {}
    for entry in header["arrays"]:
        if not _DTYPE.fullmatch(entry["dtype"]) or any(
            type(extent) is not int or extent < 0 for extent in entry["shape"]
        ):
            raise CacheError(
                f"An array of dtype {entry['dtype']!r} and shape {entry['shape']!r} is no part of a scene."
            )
        dtype, count = np.dtype(entry["dtype"]), math.prod(entry["shape"])
        # Raises where the bytes end too early: nothing is allocated on the header's word.
        arrays[entry["name"]] = np.frombuffer(blob, dtype, count, offset).reshape(entry["shape"])
        offset += count * dtype.itemsize + -(count * dtype.itemsize) % _ALIGNMENT
    return header, arrays
