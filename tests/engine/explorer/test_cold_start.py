"""Previews during compilation: nearly exact, never cached, ended by the kernels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import JobCancelled
from engine.explorer.explorer import Explorer
from engine.explorer.previews import cold_start, compiling
from engine.values import EmbeddingSpec, PreviewScene, Scene

PATIENCE = 60.0
ROOT = Path(__file__).resolve().parents[3]
START = """
import json, sys
from engine.explorer.explorer import Explorer
from engine.values import EmbeddingSpec
studies, cache = sys.argv[1:]
explorer = Explorer(studies, device="cpu", cache=cache)
explorer.warm_up()
spec = EmbeddingSpec("small", "train", tuple(explorer.study("small").runs.index))
status = explorer.request(spec, "page")
preview = explorer.preview(explorer.plan(spec))
is_compiling, first = explorer.is_compiling, explorer.status(status.key).state
compiled_here = []
from numba.core import event
class Listener(event.Listener):
    def on_start(self, happened):
        compiled_here.append(str(happened.data["dispatcher"]))
    def on_end(self, happened):
        pass
event.register("numba:compile", Listener())
last = explorer.wait(status.key, 300.0).state
scene = explorer.scene(status.key)
print(json.dumps({
    "is_compiling": is_compiling, "states": [first, last], "compiled_here": compiled_here,
    "ends": explorer.is_compiling is False and explorer.preview(explorer.plan(spec)) is None,
    "previewed": preview and preview.embedding.coordinates[:, :3].tolist(),
    "coordinates": scene.embedding.coordinates.tolist(), "progress": scene.models["progress"].tolist(),
}))
explorer.close()
"""


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return an event until which kernels seem not to be compiled."""
    event = threading.Event()

    def wait(folder: Path, check: Any) -> None:
        while not event.wait(0.01):
            check()

    monkeypatch.setattr(compiling, "are_compiled", event.is_set)
    monkeypatch.setattr(compiling, "compile_apart", wait)
    return event


@pytest.fixture
def explorer(studies_folder: Path, tmp_path: Path, released: threading.Event) -> Iterator[Explorer]:
    explorer = Explorer(studies_folder, device="cpu", cache=tmp_path / "cache")
    explorer.warm_up()
    yield explorer
    explorer.close()


@pytest.fixture
def spec(explorer: Explorer) -> EmbeddingSpec:
    return EmbeddingSpec("small", "train", tuple(explorer.study("small").runs.index))


def assert_alike(preview: PreviewScene, scene: Scene) -> None:
    shown, exact = preview.embedding, scene.embedding
    assert (preview.key, preview.spec) == (scene.key, scene.spec)
    assert np.abs(shown.coordinates[:, :3] - exact.coordinates[:, :3]).max() < 1e-6
    size = np.sqrt((exact.coordinates[:, 0] ** 2).mean())
    errors = np.sqrt(((shown.coordinates - exact.coordinates) ** 2).mean(axis=0)) / size
    assert (errors <= shown.error_estimate).all()
    assert np.abs(shown.row_means - exact.row_means).max() < 1e-6
    assert np.array_equal(shown.signature, exact.signature)
    assert shown.explained_stress == pytest.approx(exact.explained_stress, abs=1e-6)
    assert list(preview.models) == list(scene.models)
    assert np.abs(preview.models["progress"] - scene.models["progress"]).max() < 1e-8
    assert preview.models.drop(columns="progress").equals(scene.models.drop(columns="progress"))
    assert scene.references is not None
    assert np.abs(preview.references.coordinates - scene.references.coordinates)[:, :3].max() < 1e-6


def test_a_preview_precedes_the_kernels_and_the_scene(
    explorer: Explorer, spec: EmbeddingSpec, released: threading.Event
) -> None:
    key = explorer.request(spec, "page").key
    assert explorer.is_compiling
    assert explorer.plan(spec).can_preview
    preview = explorer.preview(explorer.plan(spec))
    assert preview is not None
    assert explorer.preview(explorer.plan(spec)) is preview, "asked for again it is not computed again"
    assert explorer.status(key).state == "queued"
    released.set()
    assert explorer.wait(key, PATIENCE).state == "done"
    assert_alike(preview, explorer.scene(key))
    assert not explorer.is_compiling
    assert explorer.preview(explorer.plan(spec)) is None


def test_nothing_of_it_is_kept(explorer: Explorer, spec: EmbeddingSpec, tmp_path: Path) -> None:
    preview = explorer.preview(explorer.plan(spec))
    assert preview is not None
    assert explorer.status(preview.key).state == "cancelled", "nothing is known of such a scene"
    assert explorer._blobs.get(preview.key) is None
    assert not (tmp_path / "cache" / "distances").exists()


def test_only_previews_quicker_than_the_kernels_are_drawn(
    explorer: Explorer, spec: EmbeddingSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not explorer.plan(EmbeddingSpec("small", "train", spec.run_ids, "hellinger")).can_preview
    monkeypatch.setattr(cold_start, "WORTHWHILE_SECONDS", 0.0)
    assert not explorer.plan(spec).can_preview
    assert explorer.preview(explorer.plan(spec)) is None
    monkeypatch.undo()


def test_a_closed_explorer_does_not_wait_for_kernels(explorer: Explorer) -> None:
    assert explorer.is_compiling
    explorer.close()
    assert explorer.status("warm-up").state == "cancelled"
    assert not explorer.is_compiling


def test_where_kernels_are_there_nothing_is_drawn_beforehand(
    explorer: Explorer, spec: EmbeddingSpec, released: threading.Event
) -> None:
    released.set()
    assert explorer.wait("warm-up", PATIENCE).state == "done"
    explorer.warm_up()
    assert not explorer.is_compiling
    assert not explorer.plan(spec).can_preview


def test_kernels_that_are_no_kernels_need_no_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "KERNELS", {"explorer.previews.compiling": ("main",)})
    assert compiling.are_compiled()


def test_an_abandoned_process_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    class Watched(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    def check() -> None:
        raise JobCancelled("closed")

    monkeypatch.setattr(subprocess, "Popen", Watched)
    with pytest.raises(JobCancelled):
        compiling.compile_apart(tmp_path, check)
    assert [process.returncode for process in started] == [-9]


@pytest.mark.parametrize("program", ["/bin/false", "/nowhere/python"])
def test_the_work_of_a_failed_process_is_redone(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    compiling.compile_apart(tmp_path, lambda: None)
    assert "compiled by this process" in caplog.text


@pytest.mark.full
def test_cold_and_warm_starts_leave_the_same_files(studies_folder: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "compiled"), "PYTHONPATH": str(ROOT)}

    def start(name: str) -> dict[str, Any]:
        command = [sys.executable, "-c", START, str(studies_folder), str(tmp_path / name)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=600)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    cold, warm = start("cold"), start("warm")
    assert (cold["is_compiling"], cold["states"], cold["ends"]) == (True, ["queued", "done"], True)
    assert (warm["is_compiling"], warm["previewed"], warm["states"][1]) == (False, None, "done")
    assert (cold["compiled_here"], warm["compiled_here"]) == ([], [])
    assert np.abs(np.array(cold["previewed"]) - np.array(warm["coordinates"])[:, :3]).max() < 1e-6
    assert cold["coordinates"] == warm["coordinates"]
    assert cold["progress"] == warm["progress"]
    stores = [
        {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
        for folder in (tmp_path / "cold" / "distances", tmp_path / "warm" / "distances")
    ]
    assert stores[0] == stores[1]
    assert any(path.name == "tiles.f32" for path in stores[0])
