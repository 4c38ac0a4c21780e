"""A scene comes back from its bytes exactly as it went in, and other bytes are refused."""

import contextlib
import random

import numpy as np
import pandas as pd
import pytest

from engine.cache import BlobCache
from engine.errors import CacheError
from engine.scenes import SceneCache, decode_scene, encode_scene
from engine.values import Embedding, EmbeddingSpec, References, Scene


def make_scene(key="v1-abc", n_models=7, n_components=3, *, references=True, models=None):
    rng = np.random.default_rng(0)
    if models is None:
        models = pd.DataFrame(
            {
                "run_id": ["a"] * 4 + ["b"] * (n_models - 4),
                "checkpoint": np.arange(n_models),
                "step": np.arange(n_models, dtype=np.int32),
                "epoch": np.linspace(0, 1, n_models),
                "train_loss": np.array([np.nan, np.inf, *rng.normal(size=n_models - 2)], dtype=np.float32),
                "finished": np.arange(n_models) % 2 == 0,
                "note": pd.Series(["ü", None, "x"] + ["<b>"] * (n_models - 3), dtype=object),
                "kind": pd.Categorical(["p", "q", None] + ["p"] * (n_models - 3), categories=["q", "p", "r"]),
            }
        )
    embedding = Embedding(
        coordinates=rng.normal(size=(n_models, n_components)),
        eigenvalues=np.array([2.0, -1.0, 0.5][:n_components]),
        signature=np.array([1, -1, 1][:n_components], dtype=np.int8),
        explained_stress=rng.random(n_components),
        explained_variance=rng.random(n_components),
        explained_variance_absolute=np.full(n_components, np.nan),
        explained_distance=rng.random(n_components),
        row_means=rng.random(n_models),
        grand_mean=np.float64(0.1) + 0.2,
        frobenius_norm=1.0 / 3.0,
        trace=np.nan,
        residual=1e-300,
        divergence="bhattacharyya",
    )
    points = References(rng.normal(size=(5, n_components)), np.linspace(0, 1, 5), fitted=False) if references else None
    spec = EmbeddingSpec("digits", "train", ("a", "b"), n_components=20)
    return Scene(key, spec, embedding, models, points, np.int64(3), "CPU (2 threads)", 0.1)


def assert_same_value(one, other):
    assert type(one) is type(other)
    for name in one.__dataclass_fields__:
        left, right = getattr(one, name), getattr(other, name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype
            np.testing.assert_array_equal(left, right)
            assert not right.flags.writeable
        elif hasattr(left, "__dataclass_fields__") and name != "spec":
            assert_same_value(left, right)
        elif isinstance(left, pd.DataFrame):
            pd.testing.assert_frame_equal(left, right, check_exact=True)
        else:
            assert left == right or (left != left and right != right), name


@pytest.mark.parametrize("references", [True, False])
def test_the_round_trip_is_exact(references):
    scene = make_scene(references=references)
    assert_same_value(scene, decode_scene(encode_scene(scene)))


def test_a_scene_without_components_survives():
    scene = make_scene(n_components=0)
    assert decode_scene(encode_scene(scene)).embedding.coordinates.shape == (7, 0)


def test_a_column_that_is_neither_number_nor_text_is_refused():
    models = pd.DataFrame({"odd": [[1], [2], [3], [4], [5], [6], [7]]})
    with pytest.raises((CacheError, TypeError)):
        encode_scene(make_scene(models=models))


def test_cut_or_changed_bytes_never_give_anything_but_a_scene_or_a_refusal():
    blob = encode_scene(make_scene())
    rng = random.Random(0)
    for length in range(0, len(blob) - 8, 37):
        with pytest.raises(CacheError):
            decode_scene(blob[:length])
    for _ in range(500):
        changed = bytearray(blob)
        changed[rng.randrange(len(blob))] ^= 1 << rng.randrange(8)
        with contextlib.suppress(CacheError):
            assert isinstance(decode_scene(bytes(changed)), Scene)


@pytest.mark.parametrize(
    "entry", ['"dtype": "|O"', '"dtype": "<U9"', '"shape": [1152921504606846976]', '"shape": [-1]']
)
def test_arrays_of_objects_and_impossible_sizes_are_refused(entry):
    blob = encode_scene(make_scene())
    start = 16
    length = int.from_bytes(blob[8:16], "little")
    header = blob[start : start + length].decode()
    old = '"dtype": "<f8"' if "dtype" in entry else '"shape": [7]'
    assert old in header
    changed = header.replace(old, entry, 1).encode()
    padded = changed + bytes(-len(changed) % 8)
    rest = blob[start + length + -length % 8 :]
    with pytest.raises(CacheError):
        decode_scene(blob[:8] + len(changed).to_bytes(8, "little") + padded + rest)


def test_scenes_survive_a_restart_and_leave_memory_when_others_need_the_place(tmp_path):
    first = SceneCache(BlobCache(tmp_path), memory_limit=1)
    for key in ("v1-a", "v1-b"):
        first.put(make_scene(key))
    assert first._recent.get("v1-a") is None
    assert first.get("v1-a").key == "v1-a"
    assert_same_value(make_scene("v1-b"), SceneCache(BlobCache(tmp_path)).get("v1-b"))


def test_bytes_in_the_cache_that_are_no_scene_are_a_miss(tmp_path):
    blobs = BlobCache(tmp_path)
    blobs.put("v1-a", b"no scene")
    assert SceneCache(blobs).get("v1-a") is None
