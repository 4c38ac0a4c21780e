"""Configurations: groups of runs that are repetitions of one another."""

from __future__ import annotations

import pandas as pd
import pytest

from engine.store.hyperparameters import configuration_codes, seed_columns


@pytest.mark.parametrize(
    "name",
    [
        *("seed", "Seed", "random_seed", "init_seed", "replica", "trial", "fold", "seed_id", "randomSeed", "init.seed"),
        *("rng", "random_state", "model/seed", "rep no", "SEED", "seed2", "repetition", "trial-number"),
    ],
)
def test_names_of_seeds(name):
    assert seed_columns(["width", name]) == (name,)


@pytest.mark.parametrize(
    "name", ["seedling", "foldness", "trials_per_epoch", "speed", "seeds per day", "state", "random", "number", "run"]
)
def test_names_that_only_look_like_it(name):
    assert seed_columns([name]) == ()


def test_configurations_count_missing_values():
    runs = pd.DataFrame(
        {"a": ["x", "x", None, None, "y"], "b": [1.0, 1.0, float("nan"), float("nan"), 1.0], "seed": [0, 1, 0, 1, 0]}
    )
    assert configuration_codes(runs, ["a", "b"]).tolist() == [0, 0, 1, 1, 2]


def test_true_is_not_one():
    runs = pd.DataFrame({"a": pd.Series([True, 1, 1.0], dtype=object)})
    assert configuration_codes(runs, ["a"]).tolist() == [0, 1, 1]


def test_without_any_hyperparameter_all_runs_are_repetitions():
    assert configuration_codes(pd.DataFrame({"seed": [0, 1]}), []).tolist() == [0, 0]
