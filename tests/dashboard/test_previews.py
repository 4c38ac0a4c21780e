"""What the browser is told and sent of a selection before its scene is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from dashboard import create_app
from dashboard.routes import scenes
from engine import DIVERGENCES, Explorer, previews
from engine.values import EmbeddingSpec
from tests.dashboard.test_routes import decode, finished, mask
from tests.small_study import N_RUNS

PATIENCE = 60.0
CHOSEN = list(range(0, N_RUNS, 2))


@pytest.fixture
def explorer(studies_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Explorer]:
    """An engine in which even a small study is worth a preview, once all of it is measured."""
    monkeypatch.setattr(previews, "WORTHWHILE_MODELS", 0)
    monkeypatch.setattr(scenes, "PREVIEW_SECONDS", -1.0)
    explorer = Explorer(studies_folder, device="cpu", cache=tmp_path)
    yield explorer
    explorer.close()


@pytest.fixture
def client(explorer: Explorer) -> FlaskClient:
    return create_app(explorer).server.test_client()


@pytest.fixture
def question(explorer: Explorer) -> dict[str, Any]:
    fingerprint = explorer.study("small").fingerprint
    return {"study": "small", "fingerprint": fingerprint, "split": "train", "mask": mask(CHOSEN), "client": "test"}


def measure_all(client: FlaskClient, explorer: Explorer, question: dict[str, Any]) -> None:
    everything = {**question, "mask": mask(list(range(N_RUNS))), "limit": 1e9}
    assert finished(client, everything)["state"] == "done"
    divergence = question.get("divergence", "bhattacharyya")
    assert explorer.wait(f"preview-train-{divergence}-small", PATIENCE).state == "done"


def test_there_is_none_before_the_study_is_measured(client: FlaskClient, question: dict[str, Any]) -> None:
    assert client.post("/api/scenes", json={**question, "limit": -1.0}).get_json()["preview"] is False
    answer = client.post("/api/previews", json=question)
    assert (answer.status_code, answer.get_json()["kind"]) == (404, "SceneNotReadyError")


def test_too_expensive_a_selection_can_still_be_previewed(
    client: FlaskClient, explorer: Explorer, question: dict[str, Any]
) -> None:
    measure_all(client, explorer, question)
    answer = client.post("/api/scenes", json={**question, "limit": -1.0}).get_json()
    assert (answer["state"], answer["preview"]) == ("expensive", True)


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_a_preview_is_marked_near_and_says_how_near(
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


def test_a_preview_of_one_divergence_is_none_of_another(
    client: FlaskClient, explorer: Explorer, question: dict[str, Any]
) -> None:
    measure_all(client, explorer, question)
    assert client.post("/api/previews", json={**question, "divergence": "hellinger"}).status_code == 404


def test_a_quick_selection_is_not_drawn_twice(
    client: FlaskClient, explorer: Explorer, question: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure_all(client, explorer, question)
    monkeypatch.setattr(scenes, "PREVIEW_SECONDS", 30.0)
    assert client.post("/api/scenes", json={**question, "limit": 1e9}).get_json()["preview"] is False
