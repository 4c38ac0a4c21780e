"""Figures as the browser asks for them: every one can be drawn and taken away, and refusals are named."""

from __future__ import annotations

import base64
import csv
import io
import json

import numpy as np
import pytest

from dashboard import create_app
from dashboard.figures.analyses import ANALYSIS_FIGURES
from dashboard.figures.analyses.series import MOST_POINTS, run_series
from engine import Explorer
from engine.analyses import ANALYSES
from tests.awkward_studies import AWKWARD, record_awkward_studies

SHAPES = {"wide", "half", "square"}


@pytest.fixture(scope="module")
def explorer(tmp_path_factory, studies_folder):
    folder = record_awkward_studies(tmp_path_factory.mktemp("awkward"))
    (folder / "small").symlink_to(studies_folder / "small")
    explorer = Explorer(folder, device="cpu", cache=tmp_path_factory.mktemp("cache"))
    yield explorer
    explorer.close()


@pytest.fixture(scope="module")
def client(explorer):
    return create_app(explorer).server.test_client()


def question(explorer, kind, study_id="small", **changes):
    study = explorer.study(study_id)
    n_runs = len(study.runs)
    bits = np.packbits(np.ones(n_runs, dtype=np.uint8), bitorder="little")
    return {
        "study": study_id,
        "fingerprint": study.fingerprint,
        "split": "train",
        "mask": base64.b64encode(bits.tobytes()).decode(),
        "kind": kind,
        "options": {},
        "client": "a test",
        **changes,
    }


def ask(client, explorer, kind, study_id="small", **changes):
    status = client.post("/api/analyses", json=question(explorer, kind, study_id, **changes)).get_json()
    while status.get("state") in ("queued", "running"):
        status |= client.get(f"/api/analyses/{status['key']}/status").get_json()
    return status


def test_every_analysis_has_its_figures():
    assert list(ANALYSIS_FIGURES) == list(ANALYSES)


@pytest.mark.parametrize("kind", ANALYSES)
def test_a_figure_comes_with_its_words_and_tables(client, explorer, kind):
    status = ask(client, explorer, kind)
    assert status["state"] == "done"
    assert status["options"].keys() == status["alternatives"].keys() == {entry["key"] for entry in status["described"]}
    answer = client.get(f"/api/analyses/{status['key']}")
    assert "immutable" in answer.headers["Cache-Control"]
    body = json.loads(answer.data, parse_constant=pytest.fail)
    assert body["figures"]
    for figure in body["figures"]:
        assert figure["title"]
        assert figure["shape"] in SHAPES
        assert figure["series"] or figure["data"]
        for series in figure["series"]:
            assert len(series["x"]) == len(series["y"]) > 0
            assert len(series["starts"]) == len(series["run_ids"]) == len(set(series["run_ids"]))
            assert series["starts"] == sorted(set(series["starts"]))
    assert "30 runs of 15 configurations (up to 2 seeds each)" in body["basis"]
    for table in body["tables"]:
        taken = client.get(f"/api/analyses/{status['key']}/{table['name']}.csv")
        assert "attachment" in taken.headers["Content-Disposition"]
        rows = list(csv.reader(io.StringIO(taken.get_data(as_text=True))))
        assert len(rows) == table["n_rows"] + 1
        assert {len(row) for row in rows} == {len(rows[0])}


@pytest.mark.parametrize("study_id", AWKWARD)
@pytest.mark.parametrize("kind", ANALYSES)
def test_figures_of_awkward_studies_can_be_drawn_or_are_refused(client, explorer, kind, study_id):
    status = ask(client, explorer, kind, study_id)
    if "error" in status or status["state"] == "failed":
        assert len(status.get("error") or status["message"]) > 40
        return
    body = json.loads(client.get(f"/api/analyses/{status['key']}").data, parse_constant=pytest.fail)
    assert body["figures"]
    # Names from files are text wherever plotly would look for tags.
    assert "<b>bold" not in json.dumps([[figure["data"], figure["layout"]] for figure in body["figures"]])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "horoscope"}, 400),
        ({"kind": 7}, 400),
        ({"options": []}, 400),
        ({"options": {"definition": "by heart"}}, 400),
        ({"options": {"definition": {"a": 1}}}, 400),
        ({"split": "validation"}, 400),
        ({"mask": "!"}, 400),
        ({"study": "nowhere"}, 404),
        ({"fingerprint": "old"}, 409),
    ],
)
def test_questions_without_an_answer_are_refused(client, explorer, changes, code):
    answer = client.post("/api/analyses", json=question(explorer, "progress") | changes)
    assert answer.status_code == code
    assert answer.get_json()["error"]


def test_nothing_is_said_about_a_key_that_nobody_asked_for(client, explorer):
    key = "analysis-" + "0" * 64
    assert client.get(f"/api/analyses/{key}").status_code == 404
    assert client.get(f"/api/analyses/{key}/progress.csv").status_code == 404
    assert client.get(f"/api/analyses/{key}/status").get_json()["state"] == "cancelled"
    known = ask(client, explorer, "progress")["key"]
    assert client.get(f"/api/analyses/{known}/nothing.csv").status_code == 400


def test_long_series_are_thinned_and_keep_their_ends():
    import pandas as pd

    n = 3 * MOST_POINTS
    table = pd.DataFrame({"run_id": np.repeat(["a", "b"], n // 2), "x": np.arange(n), "y": np.arange(n)})
    series = run_series(table, "x", "y")
    assert len(series["x"]) <= MOST_POINTS + 2
    assert (series["x"][0], series["x"][-1]) == (0, n - 1)
    second = series["starts"][1]
    assert (series["x"][second - 1], series["x"][second]) == (n // 2 - 1, n // 2)
