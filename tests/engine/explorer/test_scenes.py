"""Byte encoding of scenes, in both directions."""

import contextlib
import random
import zlib

import numpy as np
import pandas as pd
import pytest

from engine.cache.blobs import BlobCache
from engine.errors import CacheError
from engine.explorer.answers import Answers
from engine.explorer.scenes import SCENES
from engine.values import Embedding, EmbeddingSpec, References, Scene

KEY = f"v1-{'a' * 64}"


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
    assert_same_value(scene, SCENES.decode(SCENES.encode(scene)))


def test_a_scene_without_components_survives():
    scene = make_scene(n_components=0)
    assert SCENES.decode(SCENES.encode(scene)).embedding.coordinates.shape == (7, 0)


def test_a_column_of_other_types_is_refused():
    models = pd.DataFrame({"odd": [[1], [2], [3], [4], [5], [6], [7]]})
    with pytest.raises((CacheError, TypeError)):
        SCENES.encode(make_scene(models=models))


def test_changed_bytes_give_a_scene_or_a_refusal():
    blob = SCENES.encode(make_scene())
    rng = random.Random(0)
    for length in range(0, len(blob) - 8, 37):
        with pytest.raises(CacheError):
            SCENES.decode(blob[:length])
    for _ in range(500):
        changed = bytearray(blob)
        changed[rng.randrange(len(blob))] ^= 1 << rng.randrange(8)
        with pytest.raises(CacheError):
            SCENES.decode(bytes(changed))
        changed[8:12] = zlib.crc32(changed[12:]).to_bytes(4, "little")
        with contextlib.suppress(CacheError):
            assert isinstance(SCENES.decode(bytes(changed)), Scene)


@pytest.mark.parametrize(
    ("old", "new"), [('"<f8"', '"|O"'), ('"<f8"', '"<U9"'), ("[7]", f"[{2**60}]"), ("[7]", "[-1]")]
)
def test_arrays_of_objects_and_impossible_sizes_are_refused(old, new):
    blob = SCENES.encode(make_scene())
    length = int.from_bytes(blob[12:16], "little")
    header = blob[16 : 16 + length].decode()
    assert old in header
    changed = header.replace(old, new, 1).encode()
    padded = changed + bytes(-(16 + len(changed)) % 64)
    rest = len(changed).to_bytes(4, "little") + padded + blob[16 + length + -(16 + length) % 64 :]
    with pytest.raises(CacheError):
        SCENES.decode(blob[:8] + zlib.crc32(rest).to_bytes(4, "little") + rest)


def test_scenes_survive_restarts_and_leave_a_full_memory(tmp_path):
    first, keys = Answers(SCENES, BlobCache(tmp_path), 1), (KEY, KEY.replace("a", "b"))
    for key in keys:
        first.put(key, make_scene(key))
    assert first._recent.get(keys[0]) is None
    assert first.get(keys[0]).key == keys[0]
    assert_same_value(make_scene(keys[1]), Answers(SCENES, BlobCache(tmp_path), 1).get(keys[1]))


def test_cached_bytes_of_no_scene_are_a_miss(tmp_path):
    blobs = BlobCache(tmp_path)
    blobs.put(KEY, b"no scene")
    assert Answers(SCENES, blobs, 1).get(KEY) is None


def test_scenes_of_an_earlier_layout_are_a_miss(tmp_path):
    blobs = BlobCache(tmp_path)
    blobs.put(KEY, b"SCENE1\n\0" + SCENES.encode(make_scene(KEY))[8:])
    assert Answers(SCENES, blobs, 1).get(KEY) is None


def test_a_value_too_large_for_disk_is_said(tmp_path):
    blobs = BlobCache(tmp_path, size_limit=16_000)
    answers = Answers(SCENES, blobs, 2**20)
    told = []
    for key in (KEY, KEY.replace("a", "b")):
        answers.put(key, make_scene(key, n_models=40))
        assert answers.get(key) is not None
        told.append(answers.trouble)
    assert blobs.put("another", b"value")
    assert told == 2 * [answers.trouble]
    assert "cannot be kept on disk" in answers.trouble
    assert Answers(SCENES, blobs, 1).get(KEY) is None


def test_a_value_without_a_frame_is_said(tmp_path):
    scene = make_scene()
    scene.models["odd"] = [object()] * len(scene.models)
    answers = Answers(SCENES, BlobCache(tmp_path), 2**20)
    answers.put(KEY, scene)
    assert answers.get(KEY) is scene
    assert "'odd'" in answers.trouble
