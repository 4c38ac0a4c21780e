"""Progress of runs, kept over restarts."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np

from engine import EmbeddingSpec, Explorer
from engine.cache.blobs import BlobCache
from tests.small_study import record_small_study


def progress_of_all(folder: Path) -> np.ndarray:
    explorer = Explorer(folder, device="cpu", cache=folder / "cache")
    try:
        runs = tuple(explorer.study("small").runs.index)
        return explorer.embed(EmbeddingSpec("small", "train", runs)).models["progress"].to_numpy()
    finally:
        explorer.close()


def test_progress_is_never_misread(tmp_path: Path) -> None:
    record_small_study(tmp_path / "small")
    first = progress_of_all(tmp_path)
    (database,) = (tmp_path / "cache").rglob("cache.db")
    with sqlite3.connect(database) as connection:
        keys = [key for (key,) in connection.execute("SELECT key FROM Cache WHERE key LIKE 'progress-%'")]
        connection.execute("DELETE FROM Cache WHERE key NOT LIKE 'progress-%'")
    connection.close()
    assert keys
    blobs = BlobCache(database.parent)
    # Until layout 2, the values lay here without a header.
    for key in keys:
        assert blobs.put(key, np.full(len(first) // len(keys), 0.5).tobytes())
    blobs.close()
    np.testing.assert_array_equal(progress_of_all(tmp_path), first)
