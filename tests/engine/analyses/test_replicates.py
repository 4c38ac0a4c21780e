"""Role of the replicate column: found by name, by values, chosen, and asked about."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from engine import EmbeddingSpec, Explorer, InvalidSpecError
from engine.analyses import ANALYSES
from engine.analyses.between_runs.repetitions import pair_numbers, repetition_notes, repetitions_of, variance_numbers
from engine.analyses.material import offer_of
from engine.analyses.options import REPLICATES
from engine.analyses.replicates import Replicates, find_replicates
from engine.store.hyperparameters import is_differing
from tests.awkward_studies import LABELS as TRUE
from tests.awkward_studies import _record

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


@pytest.fixture(scope="module")
def unnamed(tmp_path_factory):
    """Two equal studies of four configurations, whose seed is called so and otherwise."""
    folder = tmp_path_factory.mktemp("unnamed")
    for name in ("seed", "k"):
        for at, (width, rate) in enumerate(itertools.product((8, 16), (0.1, 0.2))):
            for k in range(2):
                setting = {"width": width, "rate": rate, name: k}
                _record(folder / name, f"run-{at}-{k}", np.linspace(0, 1, 3), TRUE, noise_of=2 * at + k, **setting)
    explorer = Explorer(folder, device="cpu", cache=folder / "cache")
    yield explorer
    explorer.close()


def test_a_seed_of_another_name_gives_the_same(unnamed):
    for kind in ("importance", "tube"):
        by_name, by_values = (
            unnamed.analyses.find(kind, EmbeddingSpec(study_id, "train", tuple(unnamed.study(study_id).runs.index)))
            for study_id in ("seed", "k")
        )
        assert by_values.numbers == by_name.numbers
        assert "Does k only tell repetitions apart?" in by_values.notes[0]
        assert "Does" not in by_name.notes[0]


def test_the_control_of_a_doubtful_column_asks(unnamed):
    selection = EmbeddingSpec("k", "train", tuple(unnamed.study("k").runs.index))
    asked = unnamed.analyses.asked(unnamed.analyses.parse("tube", selection, {}))
    assert asked["replicates"].startswith("Does k only tell repetitions apart?")
    assert asked["mean"] == "mean"
    decided = unnamed.analyses.parse("tube", selection, {"replicates": "of:k"})
    assert unnamed.analyses.asked(decided)["replicates"] == REPLICATES.title


@pytest.mark.parametrize(
    ("codes", "distances", "reason"),
    [
        ([0, 0, 0], np.ones((3, 3)) - np.eye(3), "of one configuration"),
        ([0, 1, 2], np.ones((3, 3)) - np.eye(3), "only one of its configuration"),
        ([0, 0, 1, 1], np.kron(1.0 - np.eye(2), np.ones((2, 2))), "are equal"),
        ([0, 0, 1, 1], np.zeros((4, 4)), "are equal"),
    ],
    ids=["one configuration", "no repetition", "equal seeds", "equal runs"],
)
def test_what_cannot_be_told_is_said(codes, distances, reason):
    material = SimpleNamespace(configurations=np.array(codes), n_seeds=np.bincount(codes).max())
    found = repetitions_of(distances, material)
    assert reason in found
    assert variance_numbers(found) == pair_numbers(found) == {}
    assert repetition_notes(found) == [found]


def test_no_variance_between_is_none_found():
    random = np.random.default_rng(5)
    points = np.repeat(random.normal(size=(3, 1)), 2, axis=1).T.ravel()[:, None]  # each configuration has both ends
    material = SimpleNamespace(configurations=np.repeat([0, 1], 3), n_seeds=3)
    found = repetitions_of((points - points.T) ** 2, material)
    assert found.between < 0
    assert variance_numbers(found)["variance between configurations"] == "none found"
    assert "No variance between configurations" in repetition_notes(found)[0]
