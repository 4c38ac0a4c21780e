"""Analysis routes: figures and errors."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import json

import numpy as np
import pytest

from dashboard import create_app
from dashboard.figures.analyses import ANALYSIS_FIGURES
from dashboard.figures.analyses.series import MOST_POINTS, run_series
from engine import EmbeddingSpec, Explorer
from engine.analyses import ANALYSES
from engine.analyses.options import Number
from tests.awkward_studies import AWKWARD, LABELS, _record
from tests.wire import everything, finished

SHAPES = {"wide", "half", "square"}


@pytest.fixture(scope="module")
def explorer(shared_explorer):
    return shared_explorer


@pytest.fixture(scope="module")
def client(explorer):
    return create_app(explorer).server.test_client()


def question(explorer, kind, study_id="small"):
    return {**everything(explorer, study_id), "kind": kind, "options": {}}


def ask(client, explorer, kind, study_id="small"):
    return finished(client, question(explorer, kind, study_id), "analyses")


def test_every_analysis_has_its_figures():
    assert set(ANALYSIS_FIGURES) == set(ANALYSES) >= set(OTHER_SHAPES)


def test_the_control_of_a_doubtful_column_asks(tmp_path):
    for width, k in itertools.product((8, 16), (0, 1)):
        times = np.linspace(0, 1, 3)
        _record(tmp_path / "unnamed", f"{width}-{k}", times, LABELS, noise_of=width + k, width=width, k=k)
    explorer = Explorer(tmp_path, device="cpu", cache=tmp_path / "cache")
    try:
        status = ask(create_app(explorer).server.test_client(), explorer, "tube", "unnamed")
    finally:
        explorer.close()
    titles = {entry["key"]: entry["title"] for entry in status["described"]}
    assert titles["replicates"].startswith("Does k only tell repetitions apart?")
    assert titles["mean"] == "mean"
    assert ["found", "k (by its values)"] in status["alternatives"]["replicates"]


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
def test_figures_of_awkward_studies_are_drawn_or_refused(client, explorer, kind, study_id):
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


def test_a_key_never_asked_for_has_no_answer(client, explorer):
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


OTHER_SHAPES = {
    "progress": {"definition": "mean", "along": "step", "start": "cnn-0.001-0:1", "end": "cnn-0.1-1:7"},
    "geodesic-distance": {"clock": "arc-length", "start": "cnn-0.001-0:1"},
    "lengths": {"convention": "arc", "column": "learning_rate"},
    "reindexed": {"clock": "step", "points": 2, "after": "reference"},
    "outliers": {"column": "learning_rate", "threshold": 0.1},
    "trajectory-distances": {"measure": "frechet", "of": "configurations", "linkage": "single", "strips": ["seed"]},
    "trajectory-embedding": {"of": "configurations", "geodesic": "no", "points": 1},
    "tube": {"mean": "harmonic", "clock": "epoch", "points": 1},
    "mean-models": {"column": "seed", "definition": "angle", "points": 1},
    "fit-and-project": {"column": "seed", "fit": "others", "axes": 1},
    "weights": {"weights": "checkpoint", "column": "seed", "factor": 0},
    "train-and-test": {"join": "one", "repeats": 1},
    "samples": {"smallest": 30, "shuffles": 1},
    "three-bases": {"width": 1, "outliers": "in"},
    "importance": {"columns": ["learning_rate"], "unit": "run", "permutations": 99, "repeats": 5, "points": 1},
    "null": {"column": "seed", "shuffles": 1, "points": 1},
    "bootstrap": {"over": "samples", "components": 1},
    "distance-bands": {"over": "seeds", "column": "learning_rate", "points": 1},
}
"""Options of each analysis that change the shapes of its arrays: single rows, columns and repetitions, and lists."""


def other_shape(kind):
    """Those options, or the lowest numbers of an analysis that is not among them."""
    lowest = {option.key: option.low for option in ANALYSES[kind].options if isinstance(option, Number)}
    return OTHER_SHAPES.get(kind, lowest)


@pytest.mark.parametrize("is_other", [False, True], ids=["by default", "in another shape"])
@pytest.mark.parametrize("kind", ANALYSES)
def test_a_figure_from_disk_is_drawn_alike(explorer, kind, is_other):
    findings = explorer.analyses
    computed = findings.find(kind, selection_of(explorer), **(other_shape(kind) if is_other else {}))
    codec = findings.answers.codec
    drawn = [
        json.dumps(ANALYSIS_FIGURES[kind](finding)) for finding in (computed, codec.decode(codec.encode(computed)))
    ]
    assert drawn[0] == drawn[1]


def selection_of(explorer):
    return EmbeddingSpec("small", "train", tuple(explorer.study("small").runs.index))


def test_an_undrawable_finding_is_computed_again(client, explorer, caplog):
    status = ask(client, explorer, "lengths")
    findings = explorer.analyses
    _, finding = findings.finding(status["key"])
    for again in (1, 2):
        findings.answers.put(status["key"], dataclasses.replace(finding, tables={}))
        refusal = client.get(f"/api/analyses/{status['key']}")
        assert refusal.status_code == 404, "however often it was drawn in between"
        assert [record.levelname for record in caplog.records] == again * ["ERROR"]
        assert ask(client, explorer, "lengths")["key"] == status["key"]
        assert client.get(f"/api/analyses/{status['key']}").status_code == 200


def test_a_figure_that_cannot_be_drawn_is_named(client, explorer, monkeypatch, caplog):
    def broken(finding):
        raise KeyError("a column")

    monkeypatch.setitem(ANALYSIS_FIGURES, "outliers", broken)
    for code in (404, 500):
        status = ask(client, explorer, "outliers")
        answer = client.get(f"/api/analyses/{status['key']}")
        assert answer.status_code == code
        assert "could not be drawn" in answer.get_json()["error"]
        assert "500" not in answer.get_json()["error"]
    assert len([record for record in caplog.records if record.exc_info]) == 2
    assert client.get(f"/api/analyses/{ask(client, explorer, 'lengths')['key']}").status_code == 200


def test_a_defect_of_a_route_names_the_log(explorer, monkeypatch):
    app = create_app(explorer)
    client = app.server.test_client()
    monkeypatch.setattr(type(explorer.analyses), "finding", lambda self, key: 1 / 0)
    answer = client.get("/api/analyses/whatever")
    assert answer.status_code == 500
    assert answer.get_json() == {
        "error": "The server could not answer this. The reason is in its log, where it was started.",
        "kind": "Defect",
    }
