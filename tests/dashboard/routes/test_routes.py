"""Routes: valid requests, their answers, refused requests."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from dashboard import create_app
from dashboard.figures import PANEL_FIGURES
from dashboard.server.access import AccessPolicy
from engine import Explorer
from tests.small_study import N_CHECKPOINTS, N_RUNS
from tests.wire import decode, finished, mask


def test_health_answers_json(client: FlaskClient) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.get_json()["status"] == "ok"
    assert answer.get_json()["studies"] == ["small"]


def test_a_scene_holds_the_engine_s_numbers(client: FlaskClient, explorer: Explorer, question: dict[str, Any]) -> None:
    status = finished(client, question)
    assert status["state"] == "done"
    header, arrays = decode(client.get(f"/api/scenes/{status['key']}.bin").data)
    scene = explorer.scene(status["key"])
    assert header["n_models"] == N_RUNS * N_CHECKPOINTS
    np.testing.assert_array_equal(arrays["coordinates"], scene.embedding.coordinates.astype("f4"))
    assert header["diagnostics"]["explained_stress"] == scene.embedding.explained_stress.tolist()
    assert [header["run_ids"][run] for run in arrays["run"]] == list(scene.models["run_id"])
    np.testing.assert_allclose(arrays["model:epoch"], scene.models["epoch"])
    assert list(header["panels"]) == list(PANEL_FIGURES)


def test_a_scene_s_address_never_changes_its_content(client: FlaskClient, question: dict[str, Any]) -> None:
    key = finished(client, question)["key"]
    first, second = client.get(f"/api/scenes/{key}.bin"), client.get(f"/api/scenes/{key}.bin")
    assert first.data == second.data
    assert "immutable" in first.headers["Cache-Control"]


def test_a_small_scene_answers_where_it_is_accepted(
    client: FlaskClient, question: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = finished(client, question)["key"]
    accept = {"Accept": "application/octet-stream, application/json;q=0.9"}
    scene = client.get(f"/api/scenes/{key}.bin").data
    assert client.post("/api/scenes", json=question, headers=accept).data == scene
    assert client.get(f"/api/scenes/{key}/status", headers=accept).data == scene
    assert client.post("/api/scenes", json=question, headers={"Accept": "*/*"}).get_json()["state"] == "done"
    monkeypatch.setattr("dashboard.routes.scenes.MAXIMUM_INLINE_BYTES", len(scene) - 1)
    assert client.post("/api/scenes", json=question, headers=accept).get_json()["key"] == key


def test_the_mask_selects_runs_by_its_bits(client: FlaskClient, explorer: Explorer, question: dict[str, Any]) -> None:
    chosen = [1, 9, N_RUNS - 1]
    status = finished(client, {**question, "mask": mask(chosen)})
    header, _ = decode(client.get(f"/api/scenes/{status['key']}.bin").data)
    run_ids = explorer.study("small").runs.index
    assert header["run_ids"] == [run_ids[run] for run in chosen]


def test_a_question_over_its_limit_is_not_begun(
    client: FlaskClient, question: dict[str, Any], explorer: Explorer
) -> None:
    answer = client.post("/api/scenes", json={**question, "mask": mask([0, 2]), "limit": 0.0}).get_json()
    assert answer["state"] == "expensive"
    assert answer["predicted"] > 0


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"study": "../small"}, 404, "study"),
        ({"study": 7}, 400, "study"),
        ({"fingerprint": "old"}, 409, "reload"),
        ({"split": "validation"}, 400, "split"),
        ({"divergence": "manhattan"}, 400, "divergence must be one of"),
        ({"divergence": ["hellinger"]}, 400, "divergence"),
        ({"mask": "%%%"}, 400, "base64"),
        ({"mask": base64.b64encode(b"\xff").decode()}, 400, "one bit"),
        ({"mask": mask([])}, 400, "run"),
        ({"limit": "soon"}, 400, "limit"),
        ({"client": "x" * 1000}, 400, "client"),
    ],
)
def test_a_bad_question_is_refused_with_its_reason(
    client: FlaskClient, question: dict[str, Any], change: dict[str, Any], code: int, text: str
) -> None:
    answer = client.post("/api/scenes", json={**question, **change})
    assert answer.status_code == code
    assert text in answer.get_json()["error"]


@pytest.mark.parametrize("body", ["[]", "null", "7", '"text"'])
def test_a_body_that_is_no_object_is_refused(client: FlaskClient, body: str) -> None:
    answer = client.post("/api/scenes", data=body, content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.parametrize("key", ["nonsense", "v1-" + "0" * 64, "..", "%00"])
def test_an_unknown_scene_is_refused(client: FlaskClient, key: str) -> None:
    assert client.get(f"/api/scenes/{key}.bin").status_code == 404
    assert client.get(f"/api/scenes/{key}/status").get_json()["state"] == "cancelled"


def test_foreign_hosts_and_origins_are_refused(client: FlaskClient, question: dict[str, Any]) -> None:
    assert client.get("/health", headers={"Host": "evil.example"}).status_code == 400
    answer = client.post("/api/scenes", json=question, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403


def test_too_large_a_body_is_refused(client: FlaskClient) -> None:
    assert client.post("/api/scenes", data=b"x" * 2_000_000, content_type="application/json").status_code == 413


def test_every_answer_binds_the_browser(client: FlaskClient) -> None:
    for path in ("/", "/health", "/_dash-layout"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe-eval" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_token_admits_once_then_the_cookie(explorer: Explorer) -> None:
    client = create_app(explorer, AccessPolicy(hosts=(), token="secret")).server.test_client()
    assert client.get("/health").status_code == 401
    assert client.get("/health?token=wrong").status_code == 401
    assert client.get("/?token=secret").status_code == 302
    assert client.get("/health").status_code == 200


def test_plotly_is_served_by_the_app_itself(client: FlaskClient) -> None:
    answer = client.get("/plotly.min.js", headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "immutable" in answer.headers["Cache-Control"]
