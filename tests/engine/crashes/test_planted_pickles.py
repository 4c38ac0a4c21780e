"""Pickles planted in every place that holds data."""

from __future__ import annotations

import io
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from dashboard.saved import Saved
from engine import EmbeddingSpec, Explorer, open_study, verify_study
from engine.errors import SavedFileError, StudyFormatError
from tests.bomb import Bomb
from tests.small_study import record_small_study

RUN = "cnn-0.1-0"


def as_pickle(bomb: Bomb) -> bytes:
    return pickle.dumps(bomb)


def as_object_array(bomb: Bomb) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([bomb], dtype=object), allow_pickle=True)
    return file.getvalue()


def as_archive(bomb: Bomb) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("log_probabilities.npy", as_object_array(bomb))
    return file.getvalue()


def as_checkpoint(bomb: Bomb) -> bytes:
    file = io.BytesIO()
    torch.save({"model": bomb}, file)
    return file.getvalue()


FORMS = [as_pickle, as_object_array, as_archive, as_checkpoint]
PLACES = ["study.json", "train_labels.npy", "tour.json", *(f"runs/{RUN}/{name}" for name in (
    "run.json", "train.npy", "journal.jsonl", "seal.json"))]  # fmt: skip


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record_small_study(tmp_path_factory.mktemp("recorded") / "small")


@pytest.mark.parametrize("form", FORMS)
def test_a_bomb_goes_off_when_it_is_unpickled(tmp_path: Path, form: Callable[[Bomb], bytes]) -> None:
    content = form(Bomb(tmp_path / "marker"))
    file = tmp_path / "bomb"
    file.write_bytes(content)
    if form is as_pickle:
        pickle.loads(content).close()
    elif form is as_checkpoint:
        torch.load(file, weights_only=False)["model"].close()
    else:
        loaded = np.load(file, allow_pickle=True)
        (loaded if form is as_object_array else loaded["log_probabilities"])[0].close()
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("place", PLACES)
def test_a_pickle_in_a_study_is_never_run(recorded: Path, tmp_path: Path, place: str) -> None:
    marker = tmp_path / "marker"
    study = shutil.copytree(recorded, tmp_path / "studies" / "small")
    for form in FORMS:
        (study / place).write_bytes(form(Bomb(marker)))
        (study / "extra.pkl").write_bytes(as_pickle(Bomb(marker)))
        findings = verify_study(study)
        if place.startswith("runs/"):
            assert place in {finding.file for finding in findings}
            assert [problem.run_id for problem in open_study(study).problems] == [RUN]
        elif place == "tour.json":
            with pytest.raises(SavedFileError):
                Saved.at(tmp_path / "views").views.tour(open_study(study))
        else:
            with pytest.raises(StudyFormatError):
                open_study(study)
        assert not marker.exists()


def test_a_pickle_in_the_cache_is_never_run(recorded: Path, tmp_path: Path) -> None:
    marker, cache = tmp_path / "marker", tmp_path / "cache"
    spec = EmbeddingSpec("small", "train", tuple(open_study(recorded).runs.index))

    def coordinates() -> np.ndarray:
        explorer = Explorer(recorded.parent, device="cpu", cache=cache)
        selections = Saved.at(tmp_path / "views").selections
        name = selections.keep(explorer.study("small"), spec.run_ids[:3])
        assert len(selections.run_ids(explorer.study("small"), name)) == 3
        found = explorer.embed(spec).embedding.coordinates
        explorer.close()
        return found

    right = coordinates()
    files = [path for folder in (cache, tmp_path / "views") for path in folder.rglob("*") if path.is_file()]
    assert len(files) >= 4
    for file in files:
        if file.exists() and file.parent.parent.name != "views" and file.suffix != ".json":
            file.write_bytes(as_pickle(Bomb(marker)) * 50)
            np.testing.assert_allclose(coordinates(), right, atol=1e-6)
            assert not marker.exists(), file
