"""Laws of hyperparameters as factors: levels, contrasts, aliases."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import CubicSpline
from scipy.stats.contingency import association

import engine
from engine.statistics.factors import (
    aliased_groups,
    contrasts,
    cramers_v,
    describe_aliases,
    determines,
    directions,
    make_factor,
    spline,
    strata_of,
)

OPTIMIZER = make_factor("optimizer", ["sgd", "sgd", "adam", "adam", "sgd", "adam"])
RATE = make_factor("rate", [0.1, 0.2, 0.001, 0.002, 0.1, 0.001])
WIDTH = make_factor("width", [8, 16, 8, 16, 16, 8])


def test_levels_are_ordered_with_missing_as_one():
    assert RATE.levels == ("0.001", "0.002", "0.1", "0.2")
    assert RATE.codes.tolist() == [2, 3, 0, 1, 2, 0]
    gap = make_factor("x", ["b", None, "a", float("nan")])
    assert gap.levels == ("b", "missing", "a")
    assert gap.codes.tolist() == [0, 1, 2, 1]
    assert gap.numbers is None


def test_truth_is_no_number():
    mixed = make_factor("x", [True, 1, 1.0, False])
    assert mixed.codes.tolist() == [0, 1, 1, 2]
    assert mixed.numbers is None


def test_positive_numbers_enter_by_their_logarithms():
    assert np.log([0.1, 0.2]) == pytest.approx(RATE.numbers[:2])
    with_zero = make_factor("decay", [0.0, 0.1, 0.0, 0.1])
    assert with_zero.numbers.tolist() == [0.0, 0.1, 0.0, 0.1]


def test_numbers_that_hardly_repeat_are_taken_as_numbers():
    searched = make_factor("rate", [1.0, np.e, np.e**2, np.e**3])
    assert searched.is_continuous
    assert contrasts(searched)[:, 0] == pytest.approx([0, 1, 2, 3])
    assert not WIDTH.is_continuous
    assert not make_factor("name", list("abcd")).is_continuous


def test_splines_are_those_of_natural_boundaries():
    """The columns and the constant span all natural cubic splines of four knots."""
    numbers = np.sort(np.random.default_rng(0).uniform(0.1, 7.0, 30))
    columns = np.column_stack([np.ones(30), spline(numbers)])
    knots = np.quantile(numbers, [0, 1 / 3, 2 / 3, 1])
    natural = CubicSpline(knots, np.eye(4), bc_type="natural")(numbers)
    left = natural - columns @ np.linalg.lstsq(columns, natural, rcond=None)[0]
    assert np.abs(left).max() < 1e-9
    assert np.linalg.matrix_rank(columns) == 4


def test_few_numbers_are_fitted_by_a_line():
    assert spline(np.arange(11.0)).shape == (11, 1)
    assert spline(np.array([1.0, 2.0] * 20)).shape == (40, 1)
    assert spline(np.arange(12.0)).shape == (12, 3)


def test_strata_are_units_that_agree_in_all():
    codes = strata_of([OPTIMIZER, WIDTH], 6)
    for i in range(6):
        for j in range(6):
            agree = OPTIMIZER.codes[i] == OPTIMIZER.codes[j] and WIDTH.codes[i] == WIDTH.codes[j]
            assert (codes[i] == codes[j]) == agree
    assert strata_of([], 3).tolist() == [0, 0, 0]


def test_directions_are_an_orthonormal_basis_of_contrasts():
    both = directions([OPTIMIZER, WIDTH], 6)
    assert both.shape == (6, 2)
    assert both.T @ both == pytest.approx(np.eye(2), abs=1e-12)
    assert np.abs(both.sum(axis=0)).max() < 1e-12
    optimizer, rate = (
        make_factor("optimizer", ["sgd", "sgd", "adam", "adam"] * 2),
        make_factor("rate", [3, 4, 1, 2] * 2),
    )
    known = directions([optimizer], 8)
    added = directions([rate], 8, known)
    assert added.shape == (8, 2)
    assert np.abs(known.T @ added).max() < 1e-12
    assert directions([optimizer], 8, directions([rate], 8)).shape == (8, 0)
    assert directions([], 6).shape == (6, 0)
    assert directions([make_factor("x", [1] * 6)], 6).shape == (6, 0)


def test_cramers_v_agrees_with_scipy():
    random = np.random.default_rng(0)
    a, b = random.integers(0, 3, 50), random.integers(0, 4, 50)
    expected = association(pd.crosstab(a, b).to_numpy(), method="cramer")
    assert cramers_v(make_factor("a", a.tolist()), make_factor("b", b.tolist())) == pytest.approx(expected, abs=1e-12)
    assert cramers_v(OPTIMIZER, RATE) == pytest.approx(1.0)
    assert cramers_v(make_factor("x", [1] * 6), RATE) == 0.0


def test_nesting_is_found_and_said():
    assert determines(RATE, OPTIMIZER)
    assert not determines(OPTIMIZER, RATE)
    assert not determines(WIDTH, OPTIMIZER)
    assert aliased_groups([WIDTH, OPTIMIZER, RATE]) == [(1, 2)]
    assert aliased_groups([WIDTH, OPTIMIZER]) == []
    (sentence,) = describe_aliases([WIDTH, OPTIMIZER, RATE])
    assert sentence.startswith("Each rate occurs with one optimizer only")


def test_twins_and_jointly_fixed_columns_are_said_once():
    twin = make_factor("w2", [80, 160, 80, 160, 160, 80])
    assert describe_aliases([WIDTH, twin]) == ("width and w2 always change together: nothing can tell them apart.",)
    first, second = make_factor("a", [0, 1, 1, 2, 2, 0]), make_factor("b", [1, 0, 1, 1, 0, 1])
    either = make_factor("either", [1, 1, 0, 0, 1, 1])
    assert "either is fixed by the other hyperparameters together: it has no share of its own." in describe_aliases(
        [first, second, either]
    )


def test_links_chain():
    size = make_factor("size", ["s", "l", "s", "l", "s", "l"])
    parameters = make_factor("parameters", [1, 2, 1, 2, 3, 2])
    depth = make_factor("depth", [5, 6, 5, 6, 5, 6])
    assert aliased_groups([size, WIDTH, parameters, depth]) == [(0, 2, 3)]


def test_factors_of_other_units_are_refused():
    with pytest.raises(engine.InvalidSpecError, match=r"\[3, 6\] values"):
        cramers_v(RATE, make_factor("x", [1, 2, 3]))
