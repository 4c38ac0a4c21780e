"""Calibration of every interval and test, in simulated studies."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import calibration
from benchmarks.__main__ import main
from benchmarks.calibration import coverage, page, rejections
from benchmarks.calibration.fakes import Design, simulate
from engine.statistics.intervals.jackknife import Interval


@pytest.mark.full
def test_every_interval_holds_its_share_of_truths():
    rows = list(page.coverages(page.SHORT))
    assert {row.quantity.split(",")[0].split(":")[0] for row in rows} >= {
        "all configurations", "within a level", "between levels", "seeds of one configuration",
        "between minus within", "explained stress", "eigenvalues", "distance of a near pair",
    }  # fmt: skip
    assert [row for row in rows if not page.is_covered(row)] == []


@pytest.mark.full
def test_every_test_keeps_its_threshold_under_its_null():
    rows = list(page.tests(page.SHORT))
    null = [row for row in rows if row.is_null]
    assert {row.test for row in null} >= {*rejections.PRINTED, "nearer than all shuffles", "smallest adjusted p"}
    assert [row for row in null if not page.is_calibrated(row)] == []
    found = {(row.test, row.case): row.rate for row in rows if not row.is_null}
    assert found["beyond the others", "2 sd, strong other"] > 0.5
    assert found["unequal spread", "null, a quarter 3 times as wide"] > 0.8


def test_the_harness_sees_intervals_that_are_too_narrow(monkeypatch):
    """Percentiles of configurations drawn with replacement, as bands once were, do not pass."""

    def percentiles(distances, pairs, levels):
        rng, values = np.random.default_rng(0), []
        for _ in range(60):
            drawn = np.concatenate([rng.choice(own, len(own)) for own in (np.flatnonzero(levels == k) for k in (0, 1))])
            chosen = pairs[np.ix_(drawn, drawn)][np.triu_indices(len(drawn), 1)]
            values.append(distances[np.ix_(drawn, drawn)][np.triu_indices(len(drawn), 1)][chosen].mean())
        low, high = np.quantile(values, [0.025, 0.975])
        return Interval(np.asarray(np.nan), low, high)

    monkeypatch.setattr(coverage, "N_LARGE", 120)
    monkeypatch.setattr(coverage, "mean_over_configurations", percentiles)
    rows = list(coverage.over_configurations(Design(8, decay=0.6), "percentiles", 40))
    failed = {row.quantity for row in rows if not page.is_covered(row)}
    assert failed >= {"all configurations", "within a level"}
    coverage.true_means.cache_clear()


def test_the_harness_sees_tests_that_reject_too_often():
    row = rejections.Rejections("x", "null", 16, 0.05, 0.17, 150, 0.5, True)
    assert not page.is_calibrated(row)
    assert not page.is_calibrated(dataclasses.replace(row, rate=0.05, ks=1e-6))
    assert page.is_calibrated(dataclasses.replace(row, rate=0.06))
    covered = coverage.Coverage("x", "y", 8, 0.78, 100, 0.0)
    assert not page.is_covered(covered)
    assert page.is_covered(dataclasses.replace(covered, covered=0.94))
    assert not page.is_covered(dataclasses.replace(covered, covered=1.0, n_studies=1000))


def test_confounded_designs_are_as_confounded_as_said():
    study = simulate(Design(2000, 1, confounded=0.75), np.random.default_rng(0), n_points=1)
    assert np.mean(study.levels == study.other) == pytest.approx(0.75, abs=0.04)
    balanced = simulate(Design(40, 1), np.random.default_rng(0), n_points=1)
    assert np.mean(balanced.levels == balanced.other) == 0.5
    few = simulate(Design(40, 1, share=0.25), np.random.default_rng(0), n_points=1)
    assert few.levels.sum() == 10


def test_the_command_writes_its_page(monkeypatch, tmp_path):
    row = coverage.Coverage("within a level", "a case", 8, 0.94, 100, 0.25)
    null = rejections.Rejections("alone", "null", 8, 0.05, 0.04, 100, 0.4, True)
    found = dataclasses.replace(null, case="2 sd", rate=0.53, ks=np.nan, is_null=False)
    monkeypatch.setattr(page, "coverages", lambda size: iter([row]))
    monkeypatch.setattr(page, "tests", lambda size: iter([null, found]))
    assert calibration.SHORT.tests < calibration.LONG.tests
    result = CliRunner().invoke(main, ["calibration", "--quick", "--output", str(tmp_path / "page.md")])
    assert result.exit_code == 0
    text = (tmp_path / "page.md").read_text()
    assert "| within a level | a case | 8 | 0.940 | 0.9 to 0.97 | yes | 25% | 100 |" in text
    assert "| alone | null | 8 | 0.05 | 0.040 | 0.4 | yes | 100 |" in text
    assert "| alone | 2 sd | 8 | 0.530 | 100 |" in text
