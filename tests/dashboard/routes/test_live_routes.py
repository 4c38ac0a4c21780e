"""Pulse route of a study still being recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from dashboard import create_app
from engine import Explorer, Recorder
from tests.recording import record_run, record_step
from tests.wire import finished


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    record_run(tmp_path / "studies" / "demo", "cnn-1", 3, seed=0)
    record_run(tmp_path / "studies" / "demo", "cnn-2", 2, seal=False, seed=1)
    return tmp_path / "studies"


@pytest.fixture
def client(studies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    monkeypatch.setattr("engine.explorer.catalogue.CHECK_INTERVAL", 0.0)
    monkeypatch.setattr("engine.explorer.catalogue.CHECK_SHARE", float("inf"))
    explorer = Explorer(studies, device="cpu", cache=tmp_path / "cache")
    yield create_app(explorer).server.test_client()
    explorer.close()


def test_a_pulse_tells_contents_and_unfinished_runs(client: FlaskClient) -> None:
    body = client.get("/api/studies/demo/pulse").get_json()
    assert (body["n_runs"], body["n_checkpoints"]) == (2, 5)
    (run,) = body["unfinished"]
    assert (run["run_id"], run["n_checkpoints"], run["patience"], run["is_stalled"]) == ("cnn-2", 2, 60.0, False)
    assert 0.0 <= run["silence"] < 60.0


def test_a_pulse_is_resent_only_after_a_change(
    client: FlaskClient, studies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = client.get("/api/studies/demo/pulse").headers["ETag"]
    again = client.get("/api/studies/demo/pulse", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    # Nothing was committed, and the run has been silent for too long.
    monkeypatch.setattr("dashboard.routes.live.time.time", lambda: 4e9)
    stalled = client.get("/api/studies/demo/pulse", headers={"If-None-Match": tag})
    assert stalled.get_json()["unfinished"][0]["is_stalled"] is True
    monkeypatch.undo()
    record_run(studies / "demo", "cnn-3", 1, seal=False, seed=2)
    grown = client.get("/api/studies/demo/pulse", headers={"If-None-Match": stalled.headers["ETag"]})
    assert (grown.status_code, grown.get_json()["n_runs"]) == (200, 3)


@pytest.mark.parametrize("route", ["pulse", "growth"])
@pytest.mark.parametrize("study", ["nowhere", "..", "%00", ".hidden", "x" * 5000])
def test_an_id_is_compared_never_made_a_path(client: FlaskClient, study: str, route: str) -> None:
    answer = client.get(f"/api/studies/{study}/{route}")
    assert (answer.status_code, answer.get_json()["kind"]) == (404, "StudyNotFoundError")


@pytest.mark.parametrize("study", ["..%2Fdemo", "demo%2F..", "demo%2Fruns"])
def test_an_id_with_a_slash_finds_no_study(client: FlaskClient, study: str) -> None:
    assert client.get(f"/api/studies/{study}/pulse").mimetype == "text/html"


def test_growth_comes_with_its_controls_without_a_view(client: FlaskClient, studies: Path) -> None:
    record_run(studies / "demo", "vit-1", 1, seal=False, seed=7)
    body = client.get("/api/studies/demo/growth").get_json()
    assert body["study"]["run_ids"] == ["cnn-1", "cnn-2", "vit-1"]
    assert body["study"]["view"] is None
    assert body["study"]["filters"][0]["name"] == "seed"
    assert ("Now", ["run:status"]) in [
        (group["group"], [item["value"] for item in group["items"]]) for group in body["colors"]
    ]
    status = next(column for column in body["columns"] if column["field"] == "status")
    assert "is-stalled" in status["cellClassRules"]


def test_a_finished_study_is_not_coloured_by_status(client: FlaskClient, studies: Path) -> None:
    record_run(studies / "still", "cnn-1", 2)
    groups = [group["group"] for group in client.get("/api/studies/still/growth").get_json()["colors"]]
    assert "Now" not in groups


def test_a_pulse_tells_server_trouble_while_it_lasts(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    well = client.get("/api/studies/demo/pulse")
    assert well.get_json()["troubles"] == []
    monkeypatch.setattr("engine.explorer.explorer.Explorer.troubles", lambda _: ("The disk is full.",))
    ill = client.get("/api/studies/demo/pulse", headers={"If-None-Match": well.headers["ETag"]})
    assert (ill.status_code, ill.get_json()["troubles"]) == (200, ["The disk is full."])


def question(fingerprint: str) -> dict[str, Any]:
    """Both runs that there were at first."""
    return {
        "study": "demo",
        "fingerprint": fingerprint,
        "split": "train",
        "mask": "Aw==",
        "limit": 1e9,
        "client": "page",
    }


def n_embedded(client: FlaskClient, fingerprint: str) -> int:
    status = finished(client, question(fingerprint))
    assert status["state"] == "done", status
    return sum(1 for _ in client.get(f"/api/scenes/{status['key']}/coordinates.csv").text.splitlines()) - 1


def test_a_page_is_answered_about_what_it_shows(client: FlaskClient, studies: Path) -> None:
    shown = client.get("/api/studies/demo/growth").get_json()["study"]["fingerprint"]
    record_run(studies / "demo", "cnn-0", 4, seed=2)
    with Recorder.resume(studies / "demo" / "runs" / "cnn-2") as recorder:
        record_step(recorder, 2)
    now = client.get("/api/studies/demo/pulse").get_json()["fingerprint"]
    assert now != shown
    assert n_embedded(client, shown) == 5
    assert n_embedded(client, now) == 7
    figure = {**question(shown), "kind": "lengths", "options": {}}
    assert client.post("/api/analyses", json=figure).status_code == 200
    kept = client.post("/api/studies/demo/selections", json=question(shown))
    assert kept.status_code == 200


def test_a_pulse_holds_what_its_page_shows(client: FlaskClient, studies: Path) -> None:
    opened = client.get("/api/studies/demo/pulse").get_json()["fingerprint"]
    record_run(studies / "demo", "cnn-3", 1, seed=2)
    now = client.get(f"/api/studies/demo/pulse?held={opened}").get_json()["fingerprint"]
    refused = client.post("/api/scenes", json=question(opened))
    assert (refused.status_code, refused.get_json()["kind"]) == (409, "StaleStudyError")
    client.get(f"/api/studies/demo/pulse?held={now}")
    record_run(studies / "demo", "cnn-4", 1, seed=2)
    assert client.get(f"/api/studies/demo/pulse?held={now}").get_json()["n_runs"] == 4
    assert client.post("/api/scenes", json=question(now)).status_code == 200
