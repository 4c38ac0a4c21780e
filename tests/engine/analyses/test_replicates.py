"""Role of the replicate column: found by name, by values, chosen, and asked about."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from engine import EmbeddingSpec, InvalidSpecError
from engine.analyses import ANALYSES
from engine.analyses.material import offer_of
from engine.analyses.options import REPLICATES
from engine.analyses.replicates import Replicates, find_replicates
from engine.store.hyperparameters import is_differing

GRID = [{"width": width, "rate": rate} for width in (1, 2) for rate in (0.1, 0.2, 0.5)]
RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def explorer(shared_explorer):
    return shared_explorer


def table(extra, repeats=2):
    """Runs of a grid, each repeated, with further columns: (configuration, repetition, run) -> values."""
    pairs = itertools.product(enumerate(GRID), range(repeats))
    return pd.DataFrame([{**point, **extra(at, k, repeats * at + k)} for (at, point), k in pairs])


def found(runs, choice="found"):
    return find_replicates(runs, [name for name in runs if is_differing(runs[name].tolist())], choice)


def test_names_decide_first():
    role = found(table(lambda at, k, run: {"init_seed": k}))
    assert (role.columns, role.how, role.question) == (("init_seed",), "name", "")
    assert "init_seed, as its name says" in role.sentence


def test_a_label_beside_a_seed_makes_no_configurations():
    role = found(table(lambda at, k, run: {"seed": k, "uuid": f"run {run}"}))
    assert (role.columns, role.how, role.question) == (("seed", "uuid"), "name", "")
    doubtful = found(table(lambda at, k, run: {"seed": k, "k": 1000 + 7 * run}))
    assert doubtful.columns == ("seed", "k")
    assert "Does k only" in doubtful.question


@pytest.mark.parametrize("name", ["n_fold", "num_seed"])
def test_a_number_of_seeds_is_no_seed(name):
    assert found(table(lambda at, k, run: {name: at % 3, "seed": k})).columns == ("seed",)


def test_a_fold_is_taken_and_asked_about():
    role = found(table(lambda at, k, run: {"fold": k}))
    assert role.columns == ("fold",)
    assert "Does fold only" in role.question


@pytest.mark.parametrize("name", ["hidden_units", "batch size", "modelName"])
def test_usual_settings_are_no_replicates(name):
    assert found(table(lambda at, k, run: {name: 11 + 3 * run})) == Replicates()
    assert found(table(lambda at, k, run: {name: k})) == Replicates()


def test_runs_recorded_twice_do_not_hide_it():
    runs = table(lambda at, k, run: {"k": k})
    assert found(pd.concat([runs, runs.iloc[:1]])).columns == ("k",)
    assert found(runs.drop(columns="k")) == Replicates()


def test_few_runs_have_the_role_of_their_study(explorer):
    study = explorer.study("small")
    few = study.runs.index[(study.runs["learning_rate"] == 0.01) & (study.runs["seed"] == 0)]
    offer = offer_of(study, list(few))
    assert offer.differing == ("architecture",)
    assert offer.replicates({}).columns == ("seed",)
    finding = explorer.analyses.find("trajectory-distances", EmbeddingSpec("small", "train", tuple(few)))
    assert finding.basis.n_configurations == 3
    assert "two seeds over two configurations" not in finding.numbers
    assert any("nothing is known of seeds" in note for note in finding.notes)


@pytest.mark.parametrize("values", [lambda run: f"run-{run}", lambda run: 7919 * run + 3])
def test_values_of_their_own_are_found(values):
    role = found(table(lambda at, k, run: {"label": values(run)}))
    assert (role.columns, role.how) == (("label",), "values")
    assert "label" in role.question


def test_two_names_of_runs_are_one_role():
    role = found(table(lambda at, k, run: {"label": f"r{run}", "number": run}))
    assert role.columns == ("label", "number")


def test_a_random_search_is_asked_about():
    role = found(table(lambda at, k, run: {"alpha": RANDOM.uniform()}))
    assert role.columns == ()
    assert "alpha" in role.question


def test_names_of_single_runs_are_no_replicates():
    role = found(table(lambda at, k, run: {"label": f"run-{run}"}, repeats=1))
    assert (role.columns, role.question) == ((), "")


def test_a_counter_is_taken_and_asked_about():
    # Widths of 1 and 2 look the same, but for their name.
    role = found(table(lambda at, k, run: {"k": k}, repeats=3))
    assert (role.columns, role.how) == (("k",), "values")
    assert "Does k only" in role.question
    two = found(table(lambda at, k, run: {"k": k}, repeats=3).rename(columns={"width": "w"}))
    assert two.columns == ()
    assert two.question == "Does w or k only tell repetitions apart? If so, choose it."


def test_a_grid_without_repetitions_has_none():
    role = found(pd.DataFrame(GRID)[["width", "rate"]])
    assert role.columns == ()
    assert "are configurations" in role.sentence


def test_what_is_chosen_holds():
    runs = table(lambda at, k, run: {"k": k, "seed": run})
    assert found(runs, "of:k").columns == ("k",)
    assert found(runs, "of:k").question == ""
    assert found(runs, "none").columns == ()
    # Kept while filters leave a single value of it.
    assert find_replicates(runs[runs["k"] == 0], ["width", "rate", "seed"], "of:k").columns == ("k",)
    for wrong in ("k", "of:kk", "", "of:"):
        with pytest.raises(InvalidSpecError, match="replicates"):
            found(runs, wrong)


def test_a_choice_makes_the_configurations(explorer):
    study = explorer.study("small")
    offer = offer_of(study, list(study.runs.index))
    alternatives = dict(REPLICATES.alternatives(offer, {"replicates": "found"}))
    assert set(alternatives) == {"found", "none", *(f"of:{name}" for name in offer.differing)}
    columns = ANALYSES["importance"].options[1]
    assert "seed" not in columns.parse(None, offer, {"replicates": "found"})
    assert "seed" in columns.parse(None, offer, {"replicates": "none"})


def test_figures_name_what_repetitions_differ_in(explorer):
    selection = EmbeddingSpec("small", "train", tuple(explorer.study("small").runs.index))
    found = explorer.analyses.find("trajectory-distances", selection, of="configurations")
    chosen = explorer.analyses.find("trajectory-distances", selection, of="configurations", replicates="none")
    assert any("seed, as its name says" in note for note in found.notes)
    assert any("No hyperparameter tells repetitions apart" in note for note in chosen.notes)
    assert found.basis.n_configurations < chosen.basis.n_configurations == len(selection.run_ids)


def test_figures_that_group_no_runs_ignore_the_role(explorer):
    study = explorer.study("small")
    offer = offer_of(study, list(study.runs.index))
    for analysis in ANALYSES.values():
        chosen = dict(analysis.parse({"replicates": "none"}, offer))
        assert chosen.get("replicates", "none") == "none"
