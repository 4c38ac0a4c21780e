"""Bits that flip in the cache while it serves: no wrong number, and none that is kept."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine import EmbeddingSpec, Explorer, open_study
from engine.analyses import ANALYSES, Finding
from engine.distances.distance_store import DistanceStore
from engine.distances.selection import Selection
from engine.errors import CacheError, EngineError
from engine.explorer.previews import factors
from tests import oracles
from tests.recording import flip, record_run
from tests.scale import amount

pytestmark = pytest.mark.full

N_RUNS, N_CHECKPOINTS = 5, 3
LITTLE_MEMORY = 8192 * N_RUNS * N_CHECKPOINTS + 100
"""Bytes that suffice to embed all models, but not to gather their distances."""
FEW = {"permutations": 99, "repeats": 20, "shuffles": 1, "points": 5}


@pytest.fixture
def study_path(tmp_path: Path) -> Path:
    for run in range(N_RUNS):
        record_run(tmp_path / "studies" / "study", f"run{run}", N_CHECKPOINTS, lr=run)
    return tmp_path / "studies" / "study"


def damage(folder: Path, rng: random.Random, times: int = 1) -> str:
    """Flip bits of some files, or cut them short; files of each kind are as likely, however many there are."""
    done = []
    for _ in range(times):
        kinds: dict[str, list[Path]] = {}
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size):
            kinds.setdefault(path.suffix, []).append(path)
        path = rng.choice(kinds[rng.choice(sorted(kinds))])
        if rng.random() < 0.2:
            os.truncate(path, rng.randrange(path.stat().st_size))
            done.append(f"{path} cut")
        else:
            flip(path, place := rng.randrange(path.stat().st_size), 1 << rng.randrange(8))
            done.append(f"{path} at {place}")
    return " and ".join(done)


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


def finding_of(explorer: Explorer, kind: str, selection: EmbeddingSpec) -> Finding | str:
    """The finding, or why there is none."""
    options = {option.key: FEW[option.key] for option in ANALYSES[kind].options if option.key in FEW}
    try:
        return explorer.analyses.find(kind, selection, **options)
    except EngineError as refusal:
        return str(refusal)


def assert_same(found: Finding | str, expected: Finding | str, done: str) -> None:
    if isinstance(found, str) or isinstance(expected, str):
        assert found == expected, done
        return
    assert (list(found.tables), list(found.arrays)) == (list(expected.tables), list(expected.arrays)), done
    for name, table in expected.tables.items():
        pd.testing.assert_frame_equal(found.tables[name], table, check_index_type=False, rtol=1e-4, atol=1e-5)
    for name, array in expected.arrays.items():
        np.testing.assert_allclose(found.arrays[name], array, rtol=1e-4, atol=1e-5, err_msg=done)
    assert found.notes == expected.notes, done


@pytest.fixture
def undamaged(study_path: Path, tmp_path: Path) -> dict[str, Finding | str]:
    """Findings of all runs, by kind, from a cache of their own."""
    explorer = Explorer(study_path.parent, device="cpu", cache=tmp_path / "another")
    selection = EmbeddingSpec("study", "train", tuple(explorer.study("study").runs.index))
    try:
        return {kind: finding_of(explorer, kind, selection) for kind in ANALYSES}
    finally:
        explorer.close()


def test_every_other_answer_is_right_after_flips(
    study_path: Path, tmp_path: Path, undamaged: dict[str, Finding | str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spectra, Shepard diagrams, previews and findings; every second server streams its distances from the disk."""
    monkeypatch.setattr(factors, "WORTHWHILE_MODELS", 0)
    rng, cache, done = random.Random(2), tmp_path / "cache", ""
    study = open_study(study_path)
    exact = oracles.bhattacharyya(study.predictions("train").log_probabilities)
    eigenvalues = oracles.eigenpairs(exact)[0]
    names, n_previews = tuple(study.runs.index), 0
    selection = EmbeddingSpec("study", "train", names)
    assert sum(not isinstance(finding, str) for finding in undamaged.values()) > 12
    for number in range(amount(15, 42)):
        explorer = Explorer(study_path.parent, device="cpu", cache=cache, memory=(None, LITTLE_MEMORY)[number % 2])
        try:
            key = explorer.embed(selection).key
            # A bit is flipped by writing the file anew, which would undo what a preview appends meanwhile.
            explorer._scenes.jobs.wait("preview-train-bhattacharyya-study", 60.0)
            for kind in rng.sample(list(ANALYSES), 4):
                done = damage(cache, rng, 3)
                assert_same(finding_of(explorer, kind, selection), undamaged[kind], f"{kind} after {done}")
            done = damage(cache, rng, 3)
            found = explorer.spectrum(key).eigenvalues
            np.testing.assert_allclose(found, eigenvalues[: len(found)], atol=1e-5, err_msg=done)
            done = damage(cache, rng, 3)
            pairs = explorer.shepard(key, [1, 2]).diagram.sample
            np.testing.assert_allclose(pairs.distances, exact[pairs.rows, pairs.columns], atol=1e-6, err_msg=done)
            done = damage(cache, rng, 3)
            previews = explorer._scene_builder().previews
            previews.make(Selection.of(study, "train", names), "bhattacharyya", lambda: None)
            done = damage(cache, rng, 3)
            preview = explorer.preview(explorer.plan(EmbeddingSpec("study", "train", names[1:])))
            if preview is not None:
                n_previews += 1
                rest = oracles.eigenpairs(exact[N_CHECKPOINTS:, N_CHECKPOINTS:])[0]
                np.testing.assert_allclose(preview.embedding.eigenvalues[:2], rest[:2], atol=1e-3, err_msg=done)
        finally:
            explorer.close()
    assert n_previews > amount(15, 42) / 2
