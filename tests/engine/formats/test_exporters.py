"""Exports of a study in every container, and their reimport."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr
from click.testing import CliRunner
from safetensors.numpy import load_file

from engine import (
    InvalidSpecError,
    MissingPackageError,
    Recorder,
    Study,
    embed,
    machine,
    open_study,
    pairwise_distances,
)
from engine.__main__ import main
from engine.formats.candidates import Request
from engine.formats.exporting import CONTAINERS, export_distances, export_embedding, export_study
from engine.formats.import_plan import plan_import, read_class_names, read_labels
from engine.formats.importing import carry_out
from engine.formats.tables import read_run_table
from tests.recording import LABELS, record_run


@pytest.fixture
def study(tmp_path: Path) -> Study:
    Recorder(tmp_path / "study", {}, LABELS, "named", class_names=("left", "right", "straight on")).close()
    shutil.rmtree(tmp_path / "study" / "runs" / "named")
    record_run(tmp_path / "study", "alpha", lr=0.1, is_wide=True)
    record_run(tmp_path / "study", "beta", 3, lr=0.01, note="a,b")
    return open_study(tmp_path / "study")


def arrays_in(path: Path) -> Mapping[str, np.ndarray]:
    if path.suffix == ".npz":
        return np.load(path)
    if path.suffix == ".safetensors":
        return load_file(path)
    if path.suffix == ".zarr":
        group = zarr.open_group(path, mode="r")
        return {name: group[name][:] for name in group}
    table = pd.read_csv(path)
    return {name: table[name].to_numpy() for name in table.columns}


@pytest.mark.parametrize("to", ["npz", "safetensors", "zarr"])
def test_an_exported_study_holds_every_number(study: Study, tmp_path: Path, to: str) -> None:
    folder = export_study(study, tmp_path / "out", to)
    table = pd.read_csv(folder / "runs.csv")
    assert table["run_id"].tolist() == ["alpha", "beta"]
    for run_id, path in zip(table["run_id"], table["path"], strict=True):
        arrays = arrays_in(folder / path)
        for split in LABELS:
            np.testing.assert_array_equal(arrays[split], study.log_probabilities(split, run_id))
        np.testing.assert_array_equal(arrays["steps"], study.run_folders[run_id].journal.steps)
    assert len(pd.read_csv(folder / "checkpoints.csv")) == 7


def test_an_exported_study_is_readable_as_tables(study: Study, tmp_path: Path) -> None:
    folder = export_study(study, tmp_path / "out", "csv", run_ids=["beta"])
    table = pd.read_csv(folder / "runs" / "beta.test.csv")
    names = [f"log_probability_{column}" for column in range(3)]
    values = table[names].to_numpy(np.float32).reshape(3, 5, 3)
    np.testing.assert_array_equal(values, study.log_probabilities("test", "beta"))
    assert table["label"].tolist() == LABELS["test"].tolist() * 3
    assert table["step"].tolist() == [0] * 5 + [1] * 5 + [2] * 5


@pytest.mark.parametrize("to", ["npz", "safetensors"])
def test_an_exported_study_comes_back_the_same(study: Study, tmp_path: Path, to: str) -> None:
    folder = export_study(study, tmp_path / "out", to)
    request = Request(folder, {}, "test", runs=read_run_table(folder / "runs.csv"))
    labels = read_labels(folder / "labels.npz", "test")
    names = read_class_names(folder / "classes.txt")
    plan = plan_import(request, tmp_path / "back", "arrays", labels=labels, dtype="float32", class_names=names)
    carry_out(plan)
    back = open_study(tmp_path / "back")
    assert back.problems == ()
    assert back.class_names == study.class_names == ("left", "right", "straight on")
    for run_id, run in study.run_folders.items():
        told = {name: value for name, value in back.run_folders[run_id].hyperparameters.items() if value is not None}
        assert told == dict(run.hyperparameters)
        for split in LABELS:
            np.testing.assert_allclose(
                back.log_probabilities(split, run_id), study.log_probabilities(split, run_id), atol=1e-6
            )
    np.testing.assert_array_equal(back.checkpoints["step"], study.checkpoints["step"])
    np.testing.assert_array_equal(back.checkpoints["epoch"], study.checkpoints["epoch"])


@pytest.mark.parametrize("to", list(CONTAINERS))
def test_distances_and_embeddings_leave_as_they_are_computed(study: Study, tmp_path: Path, to: str) -> None:
    predictions = study.predictions("train")
    distances = pairwise_distances(predictions.log_probabilities)
    embedding = embed(distances, 3)
    suffix = CONTAINERS[to].suffix
    folder = export_distances(study, tmp_path / "distances", to, split="train")
    arrays = arrays_in(folder / f"distances{suffix}")
    values = arrays["distances"] if to != "csv" else np.stack([arrays[f"distances_{i}"] for i in range(7)], axis=1)
    np.testing.assert_array_equal(values, distances.values)
    assert pd.read_csv(folder / "models.csv")["run_id"].tolist() == ["alpha"] * 4 + ["beta"] * 3
    folder = export_embedding(study, tmp_path / "embedding", to, split="train", n_components=3)
    if to == "csv":
        columns = arrays_in(folder / "coordinates.csv")
        coordinates = np.stack([columns[f"coordinates_{i}"] for i in range(3)], axis=1)
        components = arrays_in(folder / "components.csv")
    else:
        components = arrays_in(folder / f"embedding{suffix}")
        coordinates = components["coordinates"]
    np.testing.assert_array_equal(coordinates, embedding.coordinates)
    np.testing.assert_array_equal(components["eigenvalues"], embedding.eigenvalues)
    np.testing.assert_array_equal(components["signature"], embedding.signature)
    np.testing.assert_array_equal(components["explained_stress"], embedding.explained_stress)
    assert json.loads((folder / "facts.json").read_text())["divergence"] == "bhattacharyya"


def test_the_command_writes_new_folders_and_changes_none(study: Study, tmp_path: Path) -> None:
    runner = CliRunner()
    arguments = ["export", str(study.path), str(tmp_path / "out"), "--to", "npz"]
    assert runner.invoke(main, arguments).exit_code == 0
    again = runner.invoke(main, arguments)
    assert isinstance(again.exception, InvalidSpecError)
    assert "is there already" in str(again.exception)
    unsaid = runner.invoke(main, ["export", str(study.path), str(tmp_path / "d"), "--to", "npz", "--what", "distances"])
    assert unsaid.exit_code == 2
    assert "--split" in unsaid.output
    said = ["--what", "embedding", "--split", "test", "--run", "alpha", "--components", "2"]
    assert runner.invoke(main, ["export", str(study.path), str(tmp_path / "e"), "--to", "csv", *said]).exit_code == 0
    assert len(pd.read_csv(tmp_path / "e" / "coordinates.csv")) == 4


@pytest.mark.parametrize("to", ["safetensors", "zarr"])
def test_a_missing_package_leaves_nothing_behind(
    study: Study, tmp_path: Path, to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(module: str) -> None:
        raise ModuleNotFoundError(f"No module named {module!r}")

    monkeypatch.setattr(machine.importlib, "import_module", missing)
    with pytest.raises(MissingPackageError, match="pip install"):
        export_study(study, tmp_path / "out", to)
    assert [path.name for path in tmp_path.iterdir()] == ["study"]
