"""Every analysis on every kind of study: answers and named errors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from engine import EmbeddingSpec, Explorer
from engine.analyses import ANALYSES, Finding
from engine.analyses.material import offer_of
from engine.analyses.options import Choice
from engine.errors import EngineError, InvalidSpecError
from engine.explorer.findings import _codec
from tests.awkward_studies import AWKWARD
from tests.scale import full_but


@pytest.fixture(scope="module")
def explorer(shared_explorer):
    return shared_explorer


def whole(explorer, study_id, split="train"):
    return EmbeddingSpec(study_id, split, tuple(explorer.study(study_id).runs.index))


def few_repetitions(kind):
    """The options that make an analysis short, and change nothing but how sure it is."""
    counts = {"permutations", "repeats", "shuffles"}
    return {option.key: int(option.low) for option in ANALYSES[kind].options if option.key in counts}


def same(one: Finding, other: Finding) -> None:
    assert list(one.tables) == list(other.tables)
    for name, table in one.tables.items():
        pd.testing.assert_frame_equal(table.reset_index(drop=True), other.tables[name], check_exact=True)
    for name, array in one.arrays.items():
        assert (array.shape, array.dtype) == (other.arrays[name].shape, other.arrays[name].dtype)
        np.testing.assert_array_equal(array, other.arrays[name])
    kinds = [{key: type(value) for key, value in each.numbers.items()} for each in (one, other)]
    assert kinds[0] == kinds[1]
    assert (dict(one.numbers), one.notes) == (dict(other.numbers), other.notes)


@pytest.mark.parametrize("kind", ANALYSES)
def test_an_analysis_says_what_it_shows_and_computes(kind):
    analysis = ANALYSES[kind]
    for text in (analysis.title, analysis.group, analysis.shows, analysis.computed):
        assert len(text) >= 4
    assert analysis.shows.endswith(".")
    assert analysis.computed.endswith(".")
    assert len({option.key for option in analysis.options}) == len(analysis.options)


@pytest.mark.parametrize("kind", ANALYSES)
def test_answers_of_ordinary_studies_survive_encoding(explorer, kind):
    finding = explorer.analyses.find(kind, whole(explorer, "small"))
    assert finding.tables
    assert all(len(table) and table.columns.is_unique for table in finding.tables.values())
    assert all(isinstance(value, str) or np.isfinite(value) for value in finding.numbers.values())
    assert all(note.strip().endswith(".") for note in finding.notes)
    assert (finding.basis.n_runs, finding.basis.n_configurations, finding.basis.n_seeds) == (30, 15, 2)
    codec = _codec()
    same(codec.decode(codec.encode(finding)), finding)


@pytest.mark.parametrize("kind", full_but(["progress", "lengths", "null", "samples"], ANALYSES))
def test_it_is_computed_the_same_again(studies_folder, explorer, kind, tmp_path):
    few = few_repetitions(kind)
    first = explorer.analyses.find(kind, whole(explorer, "small", "test"), **few)
    other = Explorer(studies_folder, device="cpu", cache=tmp_path)
    try:
        same(other.analyses.find(kind, whole(other, "small", "test"), **few), first)
    finally:
        other.close()


@pytest.mark.full
@pytest.mark.parametrize("kind", ANALYSES)
def test_every_choice_there_is_has_an_answer(explorer, kind):
    selection = whole(explorer, "small")
    short = few_repetitions(kind)
    if any(option.key == "points" for option in ANALYSES[kind].options):
        short["points"] = 5
    alternatives = explorer.analyses.alternatives(explorer.analyses.parse(kind, selection, {}))
    for option in ANALYSES[kind].options:
        for value, _ in alternatives[option.key] if isinstance(option, Choice) else ():
            assert explorer.analyses.find(kind, selection, **short, **{option.key: value}).tables


@pytest.mark.parametrize("study_id", AWKWARD)
@pytest.mark.parametrize("kind", ANALYSES)
def test_an_awkward_study_is_answered_or_refused(explorer, kind, study_id):
    refusal, finding = answer_of(explorer, kind, whole(explorer, study_id))
    if finding is None:
        # The job's message is the engine's own: a sentence that says what to do, and no name of a Python exception.
        assert refusal.endswith(".")
        assert "Error" not in refusal
        assert len(refusal) > 40
    else:
        assert finding.tables
        assert all(isinstance(value, str) or not np.isinf(value) for value in finding.numbers.values())


def answer_of(explorer, kind, selection):
    try:
        return "", explorer.analyses.find(kind, selection)
    except EngineError as error:
        return str(error), None


@pytest.mark.parametrize("kind", ANALYSES)
def test_unknown_options_are_refused_before_anything_is_computed(explorer, kind):
    study = explorer.study("small")
    offer = offer_of(study, list(study.runs.index))
    analysis = ANALYSES[kind]
    assert dict(analysis.parse({}, offer)).keys() == {option.key for option in analysis.options}
    with pytest.raises(InvalidSpecError, match="has no option"):
        analysis.parse({"nothing of the kind": 1}, offer)
    for option in analysis.options:
        for wrong in ("no such value", {"a": 1}, True, ["no such value"], float("nan")):
            with pytest.raises(InvalidSpecError, match=option.key):
                analysis.parse({option.key: wrong}, offer)


def test_a_finding_on_disk_outlives_the_process(studies_folder, tmp_path, monkeypatch):
    findings = []
    for _ in range(2):
        explorer = Explorer(studies_folder, device="cpu", cache=tmp_path)
        findings.append(explorer.analyses.find("progress", whole(explorer, "small")))
        explorer.close()
        again = dataclasses.replace(ANALYSES["progress"], run=lambda *_: pytest.fail("computed again"))
        monkeypatch.setitem(ANALYSES, "progress", again)
    assert findings[0].basis.n_checkpoints == 240
    same(findings[1], findings[0])
