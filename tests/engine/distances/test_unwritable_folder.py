"""A cache folder that is full or read-only costs time only."""

from __future__ import annotations

import errno
import gc
import os
from pathlib import Path

import numpy as np
import pytest

from dashboard import create_app
from engine import EmbeddingSpec, Explorer, open_study
from engine.distances import memory_folder
from engine.distances.distance_store import DistanceStore
from engine.distances.selection import Selection
from engine.errors import UnwritableCacheError
from engine.explorer.previews import compiling
from engine.store import files
from tests import oracles


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of this test's own for folders in memory."""
    place = tmp_path / "memory"
    place.mkdir()
    monkeypatch.setattr(memory_folder, "MEMORY", place)
    return place


@pytest.fixture
def refusing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """A cache folder on a disk that refuses every write after some."""
    folder, code, budget = tmp_path / "cache", *request.param
    really = os.pwrite
    left = [budget]

    def pwrite(descriptor: int, data: bytes, offset: int) -> int:
        if Path(os.readlink(f"/proc/self/fd/{descriptor}")).is_relative_to(folder):
            left[0] -= 1
            if left[0] < 0:
                raise OSError(code, os.strerror(code))
        return really(descriptor, data, offset)

    monkeypatch.setattr(files.os, "pwrite", pwrite)
    return folder


DISKS = [(errno.ENOSPC, 0), (errno.EROFS, 0), (errno.EACCES, 0), (errno.ENOSPC, 3)]


@pytest.mark.parametrize("refusing", DISKS, indirect=True, ids=["full", "read-only", "forbidden", "filling up"])
def test_distances_are_measured_in_memory(studies_folder: Path, refusing: Path, memory: Path) -> None:
    study = open_study(studies_folder / "small")
    selection = Selection.of(study, "train", list(study.runs.index[:4]))
    exact = oracles.bhattacharyya(study.predictions("train", selection.run_ids).log_probabilities)
    store = DistanceStore(refusing, "cpu")
    for _ in range(2):
        np.testing.assert_allclose(store.matrix(selection).values, exact, atol=1e-6)
        assert store.missing(selection) == 0
    assert str(refusing) in store.trouble
    assert "kept in memory" in store.trouble
    assert len(list(memory.iterdir())) == 1
    del store
    gc.collect()
    assert list(memory.iterdir()) == []


@pytest.mark.parametrize("refusing", DISKS[:1], indirect=True)
def test_the_page_says_what_is_not_kept(studies_folder: Path, refusing: Path) -> None:
    explorer = Explorer(studies_folder, device="cpu", cache=refusing)
    study = explorer.study("small")
    scene = explorer.embed(EmbeddingSpec("small", "train", tuple(study.runs.index)))
    exact = oracles.bhattacharyya(study.predictions("train").log_probabilities)
    assert scene.embedding.explained_stress[2] == pytest.approx(oracles.explained(exact, 3)[0], abs=1e-4)
    client = create_app(explorer).server.test_client()
    told = client.get(f"/api/studies/small/pulse?fingerprint={study.fingerprint}").get_json()["troubles"]
    assert any("Distances cannot be written" in trouble for trouble in told)
    explorer.close()


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_folder_that_cannot_be_made_is_said(
    studies_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    folder, really = tmp_path / "locked" / "cache", os.mkdir

    def mkdir(path: str, *arguments: object, **options: object) -> None:
        if Path(path).is_relative_to(folder.parent):
            raise OSError(code, os.strerror(code))
        really(path, *arguments, **options)

    monkeypatch.setattr(os, "mkdir", mkdir)
    explorer = Explorer(studies_folder, device="cpu", cache=folder)
    try:
        (told,) = explorer.troubles()
        assert os.strerror(code) in told
        selection = EmbeddingSpec("small", "train", tuple(explorer.study("small").runs.index))
        scene = explorer.embed(selection)
        assert scene.embedding.n_models == 240
        assert explorer.run_distances(scene.key).means.shape == (30, 30)
        assert explorer.analyses.find("lengths", selection).tables
        assert explorer.troubles() == (told,)
        compiling.warm_up(explorer.cache_folder, "cpu")
    finally:
        explorer.close()
    assert not folder.parent.exists()


@pytest.mark.parametrize("refusing", DISKS[:1], indirect=True)
def test_without_any_room_the_reason_is_named(
    studies_folder: Path, refusing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_folder, "MEMORY", refusing)
    refusing.mkdir()
    study = open_study(studies_folder / "small")
    store = DistanceStore(refusing, "cpu")
    with pytest.raises(UnwritableCacheError, match="No space left on device"):
        store.matrix(Selection.of(study, "train", list(study.runs.index)))


def test_folders_of_killed_processes_are_removed(memory: Path) -> None:
    class Owner:
        pass

    owner = Owner()
    mine = memory_folder.memory_folder(owner)
    (memory / "inpca-distances-abandoned").mkdir()
    (memory / "of another program").mkdir()
    other = Owner()
    theirs = memory_folder.memory_folder(other)
    assert {path.name for path in memory.iterdir()} == {mine.name, theirs.name, "of another program"}
