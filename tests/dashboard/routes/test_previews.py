"""Preview of a selection, sent before its scene."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from dashboard import create_app
from dashboard.routes import scenes
from engine import DIVERGENCES, Explorer
from engine.explorer.previews import compiling, factors
from engine.values import EmbeddingSpec
from tests.scale import full_but
from tests.small_study import N_RUNS
from tests.wire import decode, everything, finished, mask

PATIENCE = 60.0
CHOSEN = list(range(0, N_RUNS, 2))


@pytest.fixture
def explorer(studies_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Explorer]:
    """Explorer that previews even a small study, with all distances computed."""
    monkeypatch.setattr(factors, "WORTHWHILE_MODELS", 0)
    monkeypatch.setattr(scenes, "PREVIEW_SECONDS", -1.0)
    explorer = Explorer(studies_folder, device="cpu", cache=tmp_path)
    yield explorer
    explorer.close()


@pytest.fixture
def client(explorer: Explorer) -> FlaskClient:
    return create_app(explorer).server.test_client()


@pytest.fixture
def question(explorer: Explorer) -> dict[str, Any]:
    everything_asked = everything(explorer)
    del everything_asked["limit"]
    return {**everything_asked, "mask": mask(CHOSEN)}


def measure_all(client: FlaskClient, explorer: Explorer, question: dict[str, Any]) -> None:
    everything = {**question, "mask": mask(list(range(N_RUNS))), "limit": 1e9}
    assert finished(client, everything)["state"] == "done"
    divergence = question.get("divergence", "bhattacharyya")
    assert explorer.wait(f"preview-train-{divergence}-small", PATIENCE).state == "done"


def test_there_is_none_before_the_study_is_measured(client: FlaskClient, question: dict[str, Any]) -> None:
    assert client.post("/api/scenes", json={**question, "limit": -1.0}).get_json()["preview"] is False
    answer = client.post("/api/previews", json=question)
    assert (answer.status_code, answer.data) == (204, b"")


def test_too_expensive_a_selection_can_still_be_previewed(
    client: FlaskClient, explorer: Explorer, question: dict[str, Any]
) -> None:
    measure_all(client, explorer, question)
    answer = client.post("/api/scenes", json={**question, "limit": -1.0}).get_json()
    assert (answer["state"], answer["preview"]) == ("expensive", True)


@pytest.mark.parametrize("divergence", full_but(["bhattacharyya", "euclidean"], DIVERGENCES))
def test_a_preview_is_marked_near_with_its_error(
    client: FlaskClient, explorer: Explorer, question: dict[str, Any], divergence: str
) -> None:
    question["divergence"] = divergence
    measure_all(client, explorer, question)
    header, arrays = decode(client.post("/api/previews", json=question).data)
    runs = explorer.study("small").runs.index
    exact = explorer.embed(EmbeddingSpec("small", "train", tuple(runs[run] for run in CHOSEN), divergence))
    assert (header["is_preview"], header["key"], header["divergence"]) == (True, exact.key, divergence)
    assert "panels" not in header
    shown = arrays["coordinates"][:, :3]
    signs = np.sign((shown * exact.embedding.coordinates[:, :3]).sum(axis=0))
    errors = np.sqrt(((shown * signs - exact.embedding.coordinates[:, :3]) ** 2).mean(axis=0))
    first = np.sqrt((exact.embedding.coordinates[:, 0] ** 2).mean())
    # Float32 coordinates: beyond the estimate, only their rounding.
    assert (errors / first <= np.array(header["diagnostics"]["error_estimate"][:3]) + 1e-6).all()
    np.testing.assert_allclose(
        header["diagnostics"]["explained_variance"][:3], exact.embedding.explained_variance[:3], atol=1e-3
    )


def test_previews_of_different_divergences_are_kept_apart(
    client: FlaskClient, explorer: Explorer, question: dict[str, Any]
) -> None:
    measure_all(client, explorer, question)
    assert client.post("/api/previews", json={**question, "divergence": "hellinger"}).status_code == 204


def test_a_quick_selection_is_not_drawn_twice(
    client: FlaskClient, explorer: Explorer, question: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure_all(client, explorer, question)
    monkeypatch.setattr(scenes, "PREVIEW_SECONDS", 30.0)
    assert client.post("/api/scenes", json={**question, "limit": 1e9}).get_json()["preview"] is False


def test_while_kernels_compile_quick_selections_are_previewed(
    client: FlaskClient, explorer: Explorer, question: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = threading.Event()
    monkeypatch.setattr(scenes, "PREVIEW_SECONDS", 30.0)
    monkeypatch.setattr(compiling, "are_compiled", compiled.is_set)
    monkeypatch.setattr(compiling, "compile_apart", lambda folder, check: compiled.wait(PATIENCE))
    explorer.warm_up()
    answer = client.post("/api/scenes", json={**question, "limit": 1e9}).get_json()
    assert (answer["state"], answer["preview"]) == ("queued", True)
    header, _ = decode(client.post("/api/previews", json=question).data)
    assert (header["is_preview"], header["key"]) == (True, answer["key"])
    assert client.get(f"/api/scenes/{answer['key']}.bin").status_code == 404, "nothing is kept under the scene's key"
    compiled.set()
    assert finished(client, {**question, "limit": 1e9})["state"] == "done"
    again = client.post("/api/scenes", json={**question, "limit": 1e9}).get_json()
    assert (again["state"], again["preview"]) == ("done", False)
