"""Bits that flip in the cache while it serves: no wrong number, and none that is kept."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest

from engine import EmbeddingSpec, Explorer, open_study
from engine.distances.distance_store import DistanceStore
from engine.distances.selection import Selection
from engine.errors import CacheError
from tests import oracles
from tests.recording import flip, record_run
from tests.scale import amount

pytestmark = pytest.mark.full

N_RUNS, N_CHECKPOINTS = 5, 3


@pytest.fixture
def study_path(tmp_path: Path) -> Path:
    for run in range(N_RUNS):
        record_run(tmp_path / "studies" / "study", f"run{run}", N_CHECKPOINTS, lr=run)
    return tmp_path / "studies" / "study"


def damage(folder: Path, rng: random.Random) -> str:
    """Flip a bit of some file, or cut it short.

    But not SQLite's shared memory, which it maps while the database is open and makes anew when it is opened.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    files = [path for path in files if not path.name.endswith("-shm")]
    path = rng.choice(files)
    if rng.random() < 0.2:
        os.truncate(path, rng.randrange(path.stat().st_size))
        return f"{path} cut"
    flip(path, place := rng.randrange(path.stat().st_size), 1 << rng.randrange(8))
    return f"{path} at {place}"


def test_distances_are_right_after_any_flip(study_path: Path, tmp_path: Path) -> None:
    """One store that goes on after its first use, and new ones on the same folder."""
    study, rng = open_study(study_path), random.Random(0)
    exact = {split: oracles.bhattacharyya(study.predictions(split).log_probabilities) for split in study.splits}
    names, folder, done = list(study.runs.index), tmp_path / "distances", ""
    store, n_refused = DistanceStore(folder, "cpu"), 0
    for number in range(amount(250, 1000)):
        split = rng.choice(list(study.splits))
        chosen = rng.sample(range(N_RUNS), rng.randint(2, N_RUNS))
        rows = [N_CHECKPOINTS * run + checkpoint for run in chosen for checkpoint in range(N_CHECKPOINTS)]
        selection = Selection.of(study, split, [names[run] for run in chosen])
        expected = exact[split][np.ix_(rows, rows)]
        np.testing.assert_allclose(store.matrix(selection).values, expected, atol=1e-6, err_msg=done)
        ones = np.ones((len(rows), 1))
        np.testing.assert_allclose(
            store.operator(selection).multiply(ones, np.dtype(np.float64))[:, 0], expected.sum(axis=1), atol=1e-5
        )
        try:
            products = store.tiles(selection).multiply(ones, np.dtype(np.float64))[:, 0]
        except CacheError:
            n_refused += 1
        else:
            np.testing.assert_allclose(products, expected.sum(axis=1), atol=1e-5, err_msg=done)
        done = damage(folder, rng)
        if number % 4 == 3:
            store = DistanceStore(folder, "cpu")
        if number % 9 == 8:
            # Distances to a new run are measured from the panels of the others, which lie on disk.
            for path in folder.rglob("index.jsonl"):
                path.unlink()
    assert n_refused < amount(250, 1000) / 10


def test_no_wrong_picture_survives_a_restart(study_path: Path, tmp_path: Path) -> None:
    rng, cache = random.Random(1), tmp_path / "cache"
    study, done = open_study(study_path), ""
    exact = oracles.bhattacharyya(study.predictions("train").log_probabilities)
    names = tuple(study.runs.index)
    for _ in range(amount(40, 300)):
        explorer = Explorer(study_path.parent, device="cpu", cache=cache)
        try:
            for chosen in (names, names[:3], names[1:]):
                rows = [N_CHECKPOINTS * names.index(run) + checkpoint for run in chosen for checkpoint in range(3)]
                values = np.linalg.eigvalsh(oracles.centred(exact[np.ix_(rows, rows)]))
                values = values[np.argsort(-np.abs(values))]
                scene = explorer.embed(EmbeddingSpec("study", "train", chosen))
                found = scene.embedding.eigenvalues
                np.testing.assert_allclose(found, values[: len(found)], atol=1e-5, err_msg=done)
                means = explorer.run_distances(scene.key).means
                block = exact[np.ix_(rows, rows)][N_CHECKPOINTS : 2 * N_CHECKPOINTS, :N_CHECKPOINTS]
                assert means[1, 0] == pytest.approx(block.mean(), abs=1e-5), done
                done = damage(cache, rng)
        finally:
            explorer.close()
