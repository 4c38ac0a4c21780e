"""Saved-view routes: lists, changes, errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from dashboard import create_app
from dashboard.routes.callbacks import open_view
from dashboard.saved import Saved
from dashboard.view_state import ViewState, saved_query
from engine import Explorer
from tests.small_study import N_RUNS
from tests.wire import mask

VIEWS = "/api/studies/small/views"
VIEW = {"title": "All", "sentence": "Everything.", "query": "?v=1&d=small"}


@pytest.fixture
def explorer(studies_folder: Path, tmp_path: Path) -> Iterator[Explorer]:
    explorer = Explorer(studies_folder, device="cpu", cache=tmp_path / "cache")
    yield explorer
    explorer.close()


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    return Saved.at(tmp_path / "views")


@pytest.fixture
def client(explorer: Explorer, saved: Saved) -> FlaskClient:
    return create_app(explorer, saved=saved).server.test_client()


def titles(answer: Any) -> list[str]:
    return [view["title"] for view in answer.get_json()["views"]]


def test_views_are_saved_changed_moved_deleted_and_restored(client: FlaskClient) -> None:
    assert client.get(VIEWS).get_json() == {"views": [], "tour": [], "problems": []}
    client.post(VIEWS, json=VIEW)
    answer = client.post(VIEWS, json={**VIEW, "title": "Second"})
    assert titles(answer) == ["All", "Second"]
    second = answer.get_json()["views"][1]["view_id"]
    assert titles(client.post(f"{VIEWS}/{second}/move", json={"steps": -1})) == ["Second", "All"]
    assert titles(client.post(f"{VIEWS}/{second}", json={**VIEW, "title": "2nd"})) == ["2nd", "All"]
    assert titles(client.post(f"{VIEWS}/{second}/delete", json={})) == ["All"]
    assert titles(client.post(VIEWS, json={**VIEW, "title": "2nd", "position": 0})) == ["2nd", "All"]
    assert titles(client.get(VIEWS)) == ["2nd", "All"]


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (VIEWS, [], 400),
        (VIEWS, {**VIEW, "title": 7}, 400),
        (VIEWS, {**VIEW, "title": ""}, 409),
        (VIEWS, {**VIEW, "title": "x" * 5000}, 400),
        (VIEWS, {**VIEW, "query": "?ax=1,1,1"}, 400),
        (VIEWS, {**VIEW, "query": "?v=99"}, 400),
        (VIEWS, {**VIEW, "query": "?" + "a" * 17_000}, 400),
        (VIEWS, {**VIEW, "position": -1}, 400),
        (VIEWS, {**VIEW, "position": 0.5}, 400),
        (f"{VIEWS}/absent", VIEW, 404),
        (f"{VIEWS}/absent/delete", {}, 404),
        (f"{VIEWS}/absent/move", {"steps": 1e9}, 400),
        ("/api/studies/nowhere/views", VIEW, 404),
        ("/api/studies/%2e%2e/views", VIEW, 404),
        ("/api/studies/small/selections", {"fingerprint": "old", "mask": ""}, 409),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    client: FlaskClient, tmp_path: Path, path: str, body: Any, code: int
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == code
    assert not list(tmp_path.glob("views/*/views.json"))


def test_an_unreadable_tour_leaves_the_saved_views_visible(
    client: FlaskClient, explorer: Explorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post(VIEWS, json=VIEW)
    monkeypatch.setattr("dashboard.saved.views.TOUR_FILE", "study.json")
    answer = client.get(VIEWS).get_json()
    assert [view["title"] for view in answer["views"]] == ["All"]
    assert answer["tour"] == []
    assert "study.json cannot be read" in answer["problems"][0]


def test_a_saved_query_keeps_only_the_view() -> None:
    query = "?token=secret&v=1&d=digits&th=dark&at=17&ax=2%2C1%2C3&f=a%253Bb%3Ax%252Cy"
    assert saved_query(query) == "?v=1&d=digits&f=a%253Bb%3Ax%252Cy&ax=2%2C1%2C3"
    assert ViewState.from_query(saved_query(query)) == ViewState.from_query(query.replace("&th=dark", ""))


def test_a_kept_selection_opens_by_its_name(client: FlaskClient, explorer: Explorer, saved: Saved) -> None:
    study = explorer.study("small")
    answer = client.post(
        "/api/studies/small/selections", json={"fingerprint": study.fingerprint, "mask": mask([0, 3, 5])}
    )
    name = answer.get_json()["name"]
    opened = open_view(explorer, saved.selections, ViewState.from_query(f"?d=small&s={name}&ax=3,2,1"))
    assert opened["payload"]["view"]["picked"] == [study.runs.index[n] for n in (0, 3, 5)]
    assert opened["payload"]["notice"] == ""


def test_an_unknown_selection_is_said_the_rest_applied(explorer: Explorer, saved: Saved) -> None:
    opened = open_view(explorer, saved.selections, ViewState.from_query("?d=small&s=aaaaaaaaaa&ax=3,2,1&split=test"))
    assert "which this server does not keep" in opened["payload"]["notice"]
    assert opened["payload"]["view"]["picked"] == []
    assert len(opened["payload"]["run_ids"]) == N_RUNS
    assert (opened["axes"], opened["split"]) == (("3", "2", "1"), "test")
