"""Panel routes: requests about a scene, and their answers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from flask.testing import FlaskClient

from dashboard.figures import panel_figures
from engine import EmbeddingSpec, Explorer, Scene
from tests.small_study import N_RUNS
from tests.wire import decode, finished


@pytest.fixture(scope="module")
def scene(explorer: Explorer) -> Scene:
    return explorer.embed(EmbeddingSpec("small", "train", tuple(explorer.study("small").runs.index)))


def test_further_components_go_on_where_the_scene_stops(client: FlaskClient, scene: Scene) -> None:
    answer = client.get(f"/api/scenes/{scene.key}/components")
    assert "immutable" in answer.headers["Cache-Control"]
    panels = answer.get_json()["panels"]
    (stress,) = panels["explained-stress"]["data"]
    assert len(stress["x"]) == 50 > scene.embedding.n_components
    np.testing.assert_allclose(stress["y"][: scene.embedding.n_components], scene.embedding.explained_stress, atol=1e-6)
    assert sum(len(trace["x"]) for trace in panels["spectrum"]["data"]) == 50


def test_a_shepard_diagram_comes_with_its_pairs(client: FlaskClient, explorer: Explorer, scene: Scene) -> None:
    answer = client.get(f"/api/scenes/{scene.key}/shepard/2,1")
    assert "immutable" in answer.headers["Cache-Control"]
    body = answer.get_json()
    found = explorer.shepard(scene.key, [2, 1])
    assert (body["components"], body["n_runs"], body["n_pairs"]) == ([2, 1], N_RUNS, found.diagram.n_pairs)
    assert body["explained"] == found.diagram.explained
    assert body["sample"]["rows"] == found.diagram.sample.rows.tolist()
    assert body["worst"]["columns"] == found.diagram.worst.columns.tolist()
    assert body["worst"]["embedded"] == found.diagram.worst.embedded.tolist()
    json.dumps(body, allow_nan=False)


def test_run_distances_come_as_half_a_matrix(client: FlaskClient, explorer: Explorer, scene: Scene) -> None:
    header, arrays = decode(client.get(f"/api/scenes/{scene.key}/run-distances.bin").data)
    means = explorer.run_distances(scene.key).means
    assert header["n_runs"] == N_RUNS
    assert arrays["means"].dtype == np.float32
    for a, b in ((0, 0), (7, 3), (N_RUNS - 1, N_RUNS - 1)):
        assert arrays["means"][a * (a + 1) // 2 + b] == np.float32(means[a, b])


@pytest.mark.parametrize("components", ["one", "1;2", "0", "21", "1,1", "-1", "1," * 300 + "1", "²"])
def test_components_that_there_are_not_are_refused(client: FlaskClient, scene: Scene, components: str) -> None:
    answer = client.get(f"/api/scenes/{scene.key}/shepard/{components}")
    assert answer.status_code == 400
    assert "components" in answer.get_json()["error"]


@pytest.mark.parametrize("what", ["components", "shepard/1,2,3", "run-distances.bin"])
def test_a_missing_scene_has_no_panels(client: FlaskClient, what: str) -> None:
    assert client.get(f"/api/scenes/v2-{'0' * 64}/{what}").status_code == 404


def test_shuffled_runs_come_as_a_job_with_panels(client: FlaskClient, explorer: Explorer, scene: Scene) -> None:
    body = {"scene": scene.key, "client": "test", "limit": 1e9}
    status = finished(client, body, about="shuffled")
    assert (status["state"], status["key"]) == ("done", scene.key)
    answer = client.get(f"/api/shuffled/{scene.key}")
    assert "immutable" in answer.headers["Cache-Control"]
    shuffled = explorer.compare_with_shuffled(scene.key)
    expected = panel_figures(explorer.spectrum(scene.key), shuffled)
    assert answer.get_json() == json.loads(json.dumps({"panels": expected}))
    assert expected["spectrum"]["verdict"].startswith("Components 2, 3")
    assert client.post("/api/shuffled", json=body).get_json()["state"] == "done"


def test_long_shuffles_are_not_begun_unasked(client: FlaskClient, explorer: Explorer) -> None:
    other = explorer.embed(EmbeddingSpec("small", "test", tuple(explorer.study("small").runs.index)))
    body = {"scene": other.key, "client": "test", "limit": 0}
    answer = client.post("/api/shuffled", json=body).get_json()
    assert answer["state"] == "expensive"
    assert answer["predicted"] > 0
    assert client.get(f"/api/shuffled/{other.key}").status_code == 404


def test_shuffles_of_one_run_are_refused_with_reason(client: FlaskClient, explorer: Explorer) -> None:
    one = explorer.embed(EmbeddingSpec("small", "train", tuple(explorer.study("small").runs.index[:1])))
    status = finished(client, {"scene": one.key, "client": "test", "limit": 1e9}, about="shuffled")
    assert status["state"] == "failed"
    assert status["message"].endswith("Select more runs.")


def test_shuffles_of_an_unknown_scene_are_refused(client: FlaskClient) -> None:
    assert client.post("/api/shuffled", json={"scene": "v2-x", "client": "a", "limit": 1}).status_code == 404
    assert client.post("/api/shuffled", json={"scene": 5, "client": "a", "limit": 1}).status_code == 400
    assert client.get("/api/shuffled/v2-x/status").status_code == 404
    assert client.post("/api/shuffled/v2-x/cancel", json={"client": "a"}).status_code == 404
