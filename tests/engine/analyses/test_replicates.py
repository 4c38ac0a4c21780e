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
from engine.analyses.replicates import find_replicates
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
    role = found(table(lambda at, k, run: {"init_seed": k, "uuid": f"run {run}"}))
    assert (role.columns, role.how, role.question) == (("init_seed",), "name", "")
    assert "init_seed, as its name says" in role.sentence


@pytest.mark.parametrize("values", [lambda run: f"run-{run}", lambda run: 7919 * run + 3])
def test_values_of_their_own_are_found(values):
    role = found(table(lambda at, k, run: {"label": values(run)}))
    assert (role.columns, role.how) == (("label",), "values")
    assert "label" in role.question


def test_two_names_of_runs_are_one_role():
    role = found(table(lambda at, k, run: {"label": f"r{run}", "number": run}))
    assert role.columns == ("label", "number")


def test_a_random_search_is_asked_about():
    role = found(table(lambda at, k, run: {"decay": RANDOM.uniform()}))
    assert role.columns == ()
    assert "decay" in role.question


def test_names_of_single_runs_are_no_replicates():
    role = found(table(lambda at, k, run: {"label": f"run-{run}"}, repeats=1))
    assert (role.columns, role.question) == ((), "")


def test_a_counter_is_asked_about():
    role = found(table(lambda at, k, run: {"k": k}, repeats=3))
    assert role.columns == ()
    # Widths of 1 and 2 look the same.
    assert role.question == "Does width or k only tell repetitions apart? If so, choose it."


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
