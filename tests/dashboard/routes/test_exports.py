"""Export routes: coordinates, recipes, the empty standalone page."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import plotly.offline
import pytest
from flask.testing import FlaskClient

from dashboard.payloads.standalone import PLACE, PLOTLY, standalone_page
from dashboard.payloads.tables import coordinates_csv
from engine import EmbeddingSpec, Explorer, Recorder, open_study
from engine.values import Scene
from tests.recording import LABELS, record_step, rewrite
from tests.small_study import N_CHECKPOINTS, N_RUNS
from tests.wire import mask, rows_of


@pytest.fixture(scope="module")
def scene(explorer: Explorer) -> Scene:
    return explorer.embed(EmbeddingSpec("small", "test", tuple(explorer.study("small").runs.index)))


def test_coordinates_come_back_to_the_last_bit(client: FlaskClient, scene: Scene, explorer: Explorer) -> None:
    rows = rows_of(client.get(f"/api/scenes/{scene.key}/coordinates.csv").data)
    assert len(rows) == N_RUNS * N_CHECKPOINTS
    names = [f"component_{number}" for number in range(1, scene.embedding.n_components + 1)]
    assert np.array_equal([[float(row[name]) for name in names] for row in rows], scene.embedding.coordinates)
    assert [float(row["progress"]) for row in rows] == scene.models["progress"].tolist()
    assert [row["run"] for row in rows] == scene.models["run_id"].tolist()
    study = explorer.study("small")
    for row in rows[::7]:
        assert row["architecture"] == study.runs["architecture"][row["run"]]
        assert float(row["learning_rate"]) == study.runs["learning_rate"][row["run"]]


def test_only_the_runs_that_are_shown(client: FlaskClient, scene: Scene, explorer: Explorer) -> None:
    address = f"/api/scenes/{scene.key}/coordinates.csv"
    rows = rows_of(client.get(address, query_string={"runs": mask([2, 9])}).data)
    run_ids = explorer.study("small").runs.index
    assert {row["run"] for row in rows} == {run_ids[2], run_ids[9]}
    assert len(rows) == 2 * N_CHECKPOINTS
    assert client.get(address, query_string={"runs": "%%"}).status_code == 400
    assert client.get("/api/scenes/nonsense/coordinates.csv").status_code == 404


def test_names_become_no_formulas_and_hide_no_columns(tmp_path: Path) -> None:
    folder = tmp_path / "studies" / "odd"
    odd = {"=cmd": '=HYPERLINK("http://evil")', "component_1": -3, "note": 'a "quoted", line\nbroken', "minus": "-1+1"}
    for run_id in ("a", "b", "plain"):
        recorded = {**odd, "note": "a line"}
        with Recorder(folder, hyperparameters=recorded, labels=LABELS, run_id=run_id) as recorder:
            for step in range(3):
                record_step(recorder, step)
        # A recorder takes no broken lines; a file may hold one all the same.
        rewrite(recorder.path / "run.json", lambda fields: {**fields, "hyperparameters": odd})
    explorer = Explorer(tmp_path / "studies", device="cpu", cache=tmp_path / "cache")
    study = explorer.study("odd")
    scene = explorer.embed(EmbeddingSpec("odd", "train", tuple(study.runs.index)))
    rows = rows_of(b"".join(coordinates_csv(scene, study, study.runs.index)))
    explorer.close()
    cells = [cell for row in rows for cell in (*row, *row.values())]
    assert [cell for cell in cells if cell[:1] in ("=", "@", "+")] == []
    assert rows[0]["'=cmd"] == "'" + odd["=cmd"]
    assert rows[0]["minus"] == "'-1+1"
    assert float(rows[2]["component_1"]) == scene.embedding.coordinates[2, 0]
    assert rows[2]["hyperparameter component_1"] == "-3"
    assert rows[0]["note"] == 'a "quoted", line\\nbroken'


def test_a_recipe_is_given_and_compared(client: FlaskClient, scene: Scene, explorer: Explorer) -> None:
    address = f"/api/scenes/{scene.key}/recipe"
    recipe = client.get(address).get_json()
    assert recipe["eigenvalues"] == scene.embedding.eigenvalues.tolist()
    assert list(recipe["runs"]) == list(scene.spec.run_ids)
    answer = client.post(address, json={"recipe": recipe}).get_json()
    assert (answer["is_same"], answer["differences"], answer["eigenvalue_difference"]) == (True, [], 0.0)
    recipe["eigenvalues"].pop()
    answer = client.post(address, json={"recipe": recipe}).get_json()
    assert (answer["is_same"], answer["eigenvalue_difference"]) == (False, None)


@pytest.mark.parametrize(
    ("body", "words"), [({}, "JSON object"), ({"recipe": 7}, "object"), ({"recipe": {}}, "format")]
)
def test_a_bad_recipe_is_refused_with_its_reason(
    client: FlaskClient, scene: Scene, body: dict[str, Any], words: str
) -> None:
    answer = client.post(f"/api/scenes/{scene.key}/recipe", json=body)
    assert answer.status_code == 400
    assert words in answer.get_json()["error"]


def test_bundle_and_page_have_the_same_version() -> None:
    version = re.compile(r"v(\d+\.\d+\.\d+)")
    small = PLOTLY.read_text(encoding="utf-8")[:300]
    full = plotly.offline.get_plotlyjs()[:300]
    assert "gl3d" in small
    assert version.search(small)[1] == version.search(full)[1]  # type: ignore[index]
    assert PLOTLY.stat().st_size < 2_000_000


def test_the_standalone_page_binds_itself(client: FlaskClient) -> None:
    page = standalone_page()
    assert page.count(PLACE) == 1
    scripts = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digests = {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts}
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]  # type: ignore[index]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
    assert set(re.findall(r"sha256-([^']+)'", policy)) == digests
    answer = client.get("/api/standalone.html")
    assert answer.mimetype == "text/plain"
    packed = client.get("/api/standalone.html", headers={"Accept-Encoding": "gzip"})
    assert len(packed.data) < len(answer.data) / 2
    for tag in (answer.headers["ETag"], packed.headers["ETag"]):
        assert client.get("/api/standalone.html", headers={"If-None-Match": tag}).status_code == 304


def test_open_study_is_all_that_coordinates_need(studies_folder: Path, scene: Scene) -> None:
    study = open_study(studies_folder / "small").without(scene.spec.run_ids[0], "gone since")
    first = rows_of(b"".join(coordinates_csv(scene, study, scene.spec.run_ids[:1])))
    assert [row["architecture"] for row in first] == [""] * N_CHECKPOINTS
    assert all(row["component_1"] for row in first)
