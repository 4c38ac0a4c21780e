"""The analysis "dimension" against embeddings of the same runs."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine import EmbeddingSpec
from engine.analyses.inference import dimension
from engine.errors import EngineError
from engine.statistics.shuffling import within_class_orders


@pytest.fixture(scope="module")
def explorer(shared_explorer):
    return shared_explorer


def find(explorer, study_id="small", n_runs=None, **options):
    run_ids = tuple(explorer.study(study_id).runs.index[:n_runs])
    return explorer.analyses.find("dimension", EmbeddingSpec(study_id, "train", run_ids), **options)


@pytest.fixture(scope="module")
def finding(explorer):
    return find(explorer, shuffles=3)


def test_both_spectra_are_those_of_embeddings(explorer, finding):
    predictions = explorer.study("small").predictions("train")
    table = finding.tables["components"]
    real = engine.embed(engine.pairwise_distances(predictions.log_probabilities), 20)
    np.testing.assert_allclose(table["eigenvalue"], real.eigenvalues, atol=1e-5)
    np.testing.assert_allclose(table["explained stress"], real.explained_stress, atol=1e-6)
    runs = predictions.log_probabilities.reshape(30, 8, *predictions.log_probabilities.shape[1:])
    spectra = []
    for orders in within_class_orders(predictions.labels, 90).reshape(3, 30, -1):
        models = np.concatenate([run[:, order] for run, order in zip(runs, orders, strict=True)])
        spectra.append(engine.embed(engine.pairwise_distances(models), 20))
    moduli = np.abs([each.eigenvalues for each in spectra])
    np.testing.assert_allclose(table["shuffled modulus"], moduli.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(table["shuffled share, high"], (moduli / moduli[:, :1]).max(axis=0), atol=1e-6)
    stress = np.array([each.explained_stress for each in spectra])
    np.testing.assert_allclose(table["shuffled stress, low"], stress.min(axis=0), atol=1e-6)
    assert finding.numbers["of shuffled runs"] == pytest.approx(stress[:, 2].mean(), abs=1e-6)
    assert finding.numbers["explained stress of 3"] == pytest.approx(real.explained_stress[2], abs=1e-6)


def test_architectures_of_the_small_study_stand_out(finding):
    above = finding.tables["components"].set_index("component")["above shuffled runs"]
    assert (above[2], above[3]) == ("yes", "yes"), "three architectures take three detours"
    assert finding.numbers["verdict"].startswith("components 2, 3")


def test_stress_by_runs_is_that_of_drawn_runs(explorer, finding):
    table = finding.tables["by_number"].set_index(["runs", "of"])
    assert sorted(set(table.index.get_level_values("runs"))) == [1, 2, 5, 10, 20, 30]
    draws = finding.tables["draws"]
    for of in ("as they are", "shuffled"):
        stress = draws[(draws["runs"] == 5) & (draws["of"] == of)]["explained stress"]
        assert len(stress) == table.loc[(5, of), "draws"] == dimension.DRAWS
        row = table.loc[(5, of)]
        expected = stress.mean(), stress.min(), stress.max()
        assert (row["stress"], row["stress, low"], row["stress, high"]) == pytest.approx(expected)
    # A single run is what it is, however its samples are shuffled.
    assert table.loc[(1, "shuffled"), "stress"] == pytest.approx(table.loc[(1, "as they are"), "stress"], abs=1e-5)
    first = dimension._subsets(np.full(30, 8))[0][2]
    models = explorer.study("small").predictions("train").log_probabilities[first]
    drawn = draws[(draws["runs"] == 1) & (draws["draw"] == 0)]["explained stress"].iloc[0]
    assert drawn == pytest.approx(engine.embed(engine.pairwise_distances(models)).explained_stress[2], abs=1e-6)


def test_random_walks_have_the_published_law(finding):
    table = finding.tables["components"]
    np.testing.assert_allclose(table["one long walk, share"], 1 / table["component"] ** 2, rtol=1e-3)
    by_number = finding.tables["by_number"].set_index("runs")["stress of unrelated walks"]
    assert by_number.loc[1].iloc[0] > 0.85 > 0.1 > by_number.loc[30].iloc[0]


def test_few_runs_get_no_verdict_but_words(explorer):
    few = find(explorer, n_runs=9)
    assert few.numbers["verdict"].startswith("too few runs to say")
    assert set(few.tables["components"]["above shuffled runs"]) == {""}
    with pytest.raises(EngineError, match="Select more runs"):
        find(explorer, n_runs=1)


def test_of_too_many_checkpoints_whole_runs_are_drawn(explorer, monkeypatch):
    monkeypatch.setattr(dimension, "MOST_MODELS", 81)
    # A number of shuffles that no other test asks the shared explorer for.
    finding = find(explorer, shuffles=4)
    assert any("10 of 30 runs were drawn at random, 80 checkpoints" in note for note in finding.notes)
    assert finding.tables["by_number"]["runs"].max() == 10
