"""Filters of the run columns that differ between runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dashboard import text
from dashboard.payloads.filters import LevelsFilter, RangeFilter, filters_of
from dashboard.payloads.study import study_payload
from engine import Recorder, open_study
from engine.analyses.options import levels_of
from tests.recording import LABELS, record_run


def table(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(columns)


def test_columns_that_do_not_differ_give_no_filter() -> None:
    runs = table(momentum=[0.9, 0.9], architecture=["CNN", "ViT"])
    assert [entry.name for entry in filters_of(runs, ["momentum", "architecture"])] == ["architecture"]


def test_categories_become_pills() -> None:
    (entry,) = filters_of(table(architecture=["ViT", "CNN", "ViT"]), ["architecture"])
    assert entry == LevelsFilter("architecture", ("CNN", "ViT"))


def test_few_numbers_become_pills_in_numeric_order() -> None:
    (entry,) = filters_of(table(batch_size=[128, 32, 1024, 32]), ["batch_size"])
    assert entry == LevelsFilter("batch_size", ("32", "128", "1024"))


def test_several_numbers_become_a_range_with_their_stops() -> None:
    rates = [0.1, 0.001, 0.003, 0.01, 0.03, 0.1]
    (entry,) = filters_of(table(learning_rate=rates), ["learning_rate"])
    assert entry == RangeFilter("learning_rate", (0.001, 0.003, 0.01, 0.03, 0.1), (1, 1, 1, 1, 2), True)


@pytest.mark.parametrize("scale", [lambda u: u, lambda u: 10 ** (4 * u)], ids=["linear", "logarithmic"])
def test_many_numbers_are_binned_without_losing_runs(scale: object) -> None:
    values = scale(np.linspace(0.1, 1.0, 100))  # type: ignore[operator]
    (entry,) = filters_of(table(error=values), ["error"])
    assert isinstance(entry, RangeFilter)
    assert not entry.discrete
    assert sum(entry.counts) == 100
    assert entry.stops[0] == values.min()
    assert entry.stops[-1] == values.max()
    assert max(entry.counts) <= 12


def test_missing_values_are_a_level_of_their_own() -> None:
    (entry,) = filters_of(table(augmentation=["flip", None, "flip"]), ["augmentation"])
    assert entry == LevelsFilter("augmentation", ("flip", "none"))


def test_figures_group_runs_by_the_filters_texts() -> None:
    values = [None, True, False, 0.30000000000000004, 32, "32.0", "é"]
    column = pd.Series(values, dtype=object)
    (entry,) = filters_of(pd.DataFrame({"mixed": column}), ["mixed"])
    assert entry.levels == tuple(sorted(levels_of(column)))


def test_truth_values_are_categories() -> None:
    (entry,) = filters_of(table(batch_norm=[True, False]), ["batch_norm"])
    assert isinstance(entry, LevelsFilter)
    assert entry.levels == ("no", "yes")


@pytest.mark.parametrize(
    ("limits", "stops"),
    [((0.2, 0.3), (1, 2)), ((0.15, 0.25), (0, 2)), ((0.22, 0.23), (1, 2)), ((0.0, 0.1), (0, 0)), ((5.0, 6.0), (0, 2))],
)
def test_a_range_opens_wide_enough_for_its_names(limits: tuple[float, float], stops: tuple[int, int]) -> None:
    assert RangeFilter("lr", (0.1, 0.2, 0.3), (1, 1, 1), True).enclosing_stops(*limits) == stops


def assert_bare(study: Path, unfiltered: str, empty: tuple[str, str] | None) -> None:
    payload = study_payload(open_study(study), None)
    assert (payload["filters"], payload["unfiltered"], payload["empty"]) == ([], unfiltered, empty)


def test_a_study_without_filters_says_why(tmp_path: Path) -> None:
    first = record_run(tmp_path / "alike", "a", lr=1)
    assert_bare(tmp_path / "alike", text.ONE_RUN, None)
    shutil.copytree(first, tmp_path / "copy")
    shutil.rmtree(first)
    assert_bare(tmp_path / "alike", "", text.NO_RUNS)
    shutil.copytree(tmp_path / "copy", tmp_path / "alike" / "runs" / "another name")
    assert_bare(tmp_path / "alike", "", text.NO_USABLE_RUN)


@pytest.mark.parametrize(("hyperparameters", "words"), [({}, text.NO_HYPERPARAMETERS), ({"lr": 0.1}, text.ALL_ALIKE)])
def test_runs_that_are_alike_say_how(tmp_path: Path, hyperparameters: dict[str, float], words: str) -> None:
    for run_id in ("a", "b"):
        with Recorder(tmp_path / "study", hyperparameters, LABELS, run_id=run_id) as recorder:
            # Equal predictions, so that the final errors are no filters either.
            recorder.record(step=0, **{split: np.eye(3)[labels] for split, labels in LABELS.items()})
    assert_bare(tmp_path / "study", words, None)
