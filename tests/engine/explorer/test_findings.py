"""Analysis requests: shared, cached, cancelled, never delaying an embedding."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from engine import EmbeddingSpec, Explorer
from engine.analyses import ANALYSES, Finding
from engine.errors import CacheError, EngineError, InvalidSpecError, SceneNotReadyError, SelectionError
from engine.explorer.findings import _codec
from tests.recording import flip, record_run

PATIENCE = 30.0


@pytest.fixture
def explorer(studies_folder, tmp_path):
    explorer = Explorer(studies_folder, device="cpu", cache=tmp_path)
    yield explorer
    explorer.close()


@pytest.fixture
def selection(explorer):
    return EmbeddingSpec("small", "train", tuple(explorer.study("small").runs.index))


@pytest.fixture
def slow(monkeypatch):
    """Analysis "progress" held at a gate: the gate, its calls, and the threads it ended on."""
    gate, calls, ends = threading.Event(), [], []

    def run(material, options):
        calls.append(dict(options))
        try:
            while not gate.wait(0.005):
                material.report(0.5)
        finally:
            ends.append(threading.current_thread().name)
        return Finding({"t": pd.DataFrame({"run_id": list(material.run_ids)})})

    monkeypatch.setitem(ANALYSES, "progress", replace(ANALYSES["progress"], run=run))
    return gate, calls, ends


def test_two_who_ask_the_same_share_one_computation(explorer, selection, slow):
    gate, calls, _ = slow
    spec = explorer.analyses.parse("progress", selection, {})
    keys = {explorer.analyses.request(spec, client=name).key for name in ("one", "two")}
    gate.set()
    (key,) = keys
    assert explorer.analyses.wait(key, PATIENCE).state == "done"
    assert len(calls) == 1
    assert explorer.analyses.request(spec, "three").state == "done"
    assert len(calls) == 1


def test_newer_questions_of_a_client_end_older_ones(explorer, selection, slow):
    gate, calls, ends = slow
    first = explorer.analyses.request(explorer.analyses.parse("progress", selection, {}), "me")
    while not calls:
        pass
    second = explorer.analyses.request(explorer.analyses.parse("progress", selection, {"definition": "mean"}), "me")
    assert explorer.analyses.wait(first.key, PATIENCE).state == "cancelled"
    assert len(ends) == 1
    gate.set()
    assert explorer.analyses.wait(second.key, PATIENCE).state == "done"


def test_a_cancelled_analysis_stops_and_delays_no_embedding(explorer, selection, slow):
    _, calls, ends = slow
    status = explorer.analyses.request(explorer.analyses.parse("progress", selection, {}), "me")
    while not calls:
        pass
    assert explorer.embed(selection).embedding.n_models == 240
    assert not ends
    assert explorer.analyses.wait(status.key, 0).fraction == 0.5
    explorer.analyses.cancel(status.key, "me")
    assert explorer.analyses.wait(status.key, PATIENCE).state == "cancelled"
    assert len(ends) == 1


def test_a_failure_is_told_and_can_be_retried(explorer, selection, monkeypatch):
    def run(material, options):
        raise InvalidSpecError("There is nothing to see here: select more.")

    with monkeypatch.context() as patch:
        patch.setitem(ANALYSES, "progress", replace(ANALYSES["progress"], run=run))
        with pytest.raises(EngineError, match="nothing to see"):
            explorer.analyses.find("progress", selection)
    assert explorer.analyses.find("progress", selection).tables


def test_a_finding_that_cannot_be_kept_is_said(explorer, selection, monkeypatch):
    odd = Finding({"t": pd.DataFrame({"odd": [object()]})})
    monkeypatch.setitem(ANALYSES, "progress", replace(ANALYSES["progress"], run=lambda *_: odd))
    assert explorer.troubles() == ()
    assert list(explorer.analyses.find("progress", selection).tables["t"]) == ["odd"]
    (told,) = explorer.troubles()
    assert "figure" in told
    assert "'odd'" in told


def test_what_is_asked_must_exist(explorer, selection):
    with pytest.raises(InvalidSpecError, match="no figure 'horoscope'"):
        explorer.analyses.find("horoscope", selection)
    with pytest.raises(SelectionError):
        explorer.analyses.find("progress", replace(selection, run_ids=("absent",)))
    for key in ("analysis-" + "0" * 64, "v2-" + "0" * 64, "../../etc/passwd"):
        with pytest.raises(SceneNotReadyError):
            explorer.analyses.finding(key)
        assert explorer.analyses.wait(key, 0).state == "cancelled"


def test_the_question_does_not_depend_on_the_picture(explorer, selection):
    one = explorer.analyses.request(explorer.analyses.parse("progress", selection, {}))
    other = replace(selection, fit_references=True, n_components=5, run_ids=selection.run_ids[::-1])
    assert explorer.analyses.request(explorer.analyses.parse("progress", other, {})).key == one.key
    fewer = replace(selection, run_ids=selection.run_ids[:-1])
    assert explorer.analyses.request(explorer.analyses.parse("progress", fewer, {})).key != one.key


def test_a_run_found_damaged_is_named_then_omitted(tmp_path):
    for name in ("a", "b", "c"):
        record_run(tmp_path / "studies" / "mine", name)
    flip(tmp_path / "studies" / "mine" / "runs" / "b" / "train.npy", -7)
    explorer = Explorer(tmp_path / "studies", device="cpu", cache=tmp_path / "cache")
    selection = EmbeddingSpec("mine", "train", ("a", "b", "c"))
    try:
        with pytest.raises(EngineError, match="b"):
            explorer.analyses.find("progress", selection)
        finding = explorer.analyses.find("progress", selection)
        assert set(finding.tables["progress"]["run_id"]) == {"a", "c"}
    finally:
        explorer.close()


def test_a_renamed_hyperparameter_is_another_question(tmp_path):
    for value in ("one", "two"):
        record_run(tmp_path / "studies" / value, "a", kind=value)
    explorer = Explorer(tmp_path / "studies", device="cpu", cache=tmp_path / "cache")
    try:
        keys = {
            explorer.analyses.request(
                explorer.analyses.parse("progress", EmbeddingSpec(study, "train", ("a",)), {})
            ).key
            for study in ("one", "two")
        }
        assert len(keys) == 2
    finally:
        explorer.close()


def test_cut_or_changed_bytes_are_no_finding():
    table = pd.DataFrame({"run_id": ["a", "b"], "x": [0.5, np.nan], "n": [1, 2], "is_it": [True, False]})
    finding = Finding({"t": table}, {"m": np.eye(3)}, {"share": 0.25, "words": "some"}, ("A note.",))
    codec = _codec()
    blob = codec.encode(finding)
    again = codec.decode(blob)
    pd.testing.assert_frame_equal(again.tables["t"], table)
    np.testing.assert_array_equal(again.arrays["m"], np.eye(3))
    for length in range(0, len(blob) - 8, 7):
        with pytest.raises(CacheError):
            codec.decode(blob[:length])
