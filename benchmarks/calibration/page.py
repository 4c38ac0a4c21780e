"""Page of coverages and rejection rates, and what each must be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.calibration import coverage, rejections
from benchmarks.calibration.coverage import Coverage
from benchmarks.calibration.fakes import Design
from benchmarks.calibration.rejections import Rejections
from benchmarks.engine.measuring.report import Table, table_lines

NOMINAL = (0.93, 0.97)
STATED = (
    ("all configurations", (8,), (0.90, 0.97)),
    ("within a level", (8,), (0.90, 0.97)),
    ("seeds of one configuration", (8,), (0.89, 0.97)),
    ("between minus within", (16, 30), (0.91, 0.99)),
    ("explained stress, other", (), (0.90, 0.98)),
    ("eigenvalues, other", (), (0.87, 0.99)),
    ("distance of a ", (), (0.93, 0.985)),
)
"""(Beginning of a quantity, numbers of units or none for all) -> bounds of the coverage that is not ``NOMINAL``."""
SIMULATION = 3.3
"""Standard errors of the simulation that a rate may lie beyond its bounds: one row in a thousand does by chance."""
LEAST_KS = 1e-3

HEAD = """# Calibration

Written by `python -m benchmarks calibration` in {seconds:.0f} s of processor time. Studies are simulated whose truth is
known: trajectories of configurations with two seeds each unless said otherwise, two hyperparameters of two levels, and
a seed pair with a fifth of the variance of a pair of configurations. Their distances go through the functions of the
figures. An effect of 1 sd moves a level by one standard deviation of the configurations along one direction. The short
form of the same simulation is part of the full tests.

An interval *holds* if its coverage is within the bounds, a test if it rejects no more often than its threshold and its
p-values pass for uniform, both within {errors:g} standard errors of the simulation. What intervals of spectra hold is
the mean over studies with as many configurations or samples, not the value of a larger study. *No interval*: the share
of studies in which too little varies, or an end would be infinite.
"""

ELSEWHERE = """Rows with *null* are false alarms of tests that the figures call exploratory or warn of: *alone* mistakes
a confounded hyperparameter for a cause and is too strict where a strong other one is balanced; a level of two or four
configurations that is three times as wide makes p too small, and *unequal spread* says so from three on. A bar of
importance is the spread over splits of one study, no test."""


@dataclass(frozen=True, slots=True)
class Size:
    """Number of simulated studies.

    Attributes:
        means, seeds, samples, spectra: of a case of coverage.
        tests, pairs, importances: of a case of rejections.
        numbers: numbers of configurations of the coverages.
        tested: numbers of configurations of the tests.
    """

    means: int
    seeds: int
    samples: int
    spectra: int
    tests: int
    pairs: int
    importances: int
    numbers: tuple[int, ...]
    tested: tuple[int, ...]


SHORT = Size(60, 40, 20, 16, 60, 100, 0, (8, 16), (16,))
LONG = Size(300, 240, 120, 100, 150, 600, 20, (8, 16, 30), (8, 16, 32, 60))


def coverages(size: Size) -> Iterator[Coverage]:
    """Yield the coverage of every interval."""
    for n in size.numbers:
        for decay, words in ((0.7, "2.8 directions"), (0.5, "1.7 directions")):
            for effect in (0.0, 1.0, 2.0):
                design = Design(n, effect=effect, decay=decay)
                yield from coverage.over_configurations(design, f"{words}, {effect:g} sd", size.means)
            strong = Design(n, effect=1.0, strong=2.0, decay=decay)
            yield from coverage.over_configurations(strong, f"{words}, 1 sd, strong other", size.means)
        wide = Design(n, spread=3.0)
        yield from coverage.over_configurations(wide, "2.8 directions, one level 3 times as wide", size.means)
    for n_seeds in (2, 3, 5):
        yield from coverage.over_seeds(n_seeds, size.seeds)
    for n_samples in (40, 100, 400):
        yield from coverage.over_samples(n_samples, size.samples)
    for n in size.numbers:
        for decay, words in ((0.7, "2.8 directions"), (0.5, "1.7 directions")):
            yield from coverage.over_spectra(Design(n, decay=decay), words, size.spectra)


def tests(size: Size) -> Iterator[Rejections]:
    """Yield the rejections of every test."""
    three = ("beyond the others", "alone", "unequal spread")
    for n in size.tested:
        yield from rejections.printed_tests(Design(n), "null", size.tests, three)
        strong = Design(n, strong=2.0)
        yield from rejections.printed_tests(strong, "null, strong other", size.tests, three[:1], three[1:2])
        confounded = Design(n, strong=2.0, confounded=0.75)
        case = "null, 75 % confounded with a strong other"
        yield from rejections.printed_tests(confounded, case, size.tests, three[:1], three[1:2])
        for spread, words in ((1 / 3, "a third as wide"), (3.0, "3 times as wide")):
            uneven = Design(n, share=0.25, spread=spread)
            yield from rejections.printed_tests(uneven, f"null, a quarter {words}", size.tests, (), three)
        yield from rejections.several_factors(n, 5, size.tests)
        for effect in (1.0, 2.0):
            design = Design(n, effect=effect, strong=2.0)
            yield from rejections.printed_tests(design, f"{effect:g} sd, strong other", size.tests, (), three[:2])
    yield from rejections.shuffled_pairs(size.pairs)
    if size.importances:
        for n in (16, 30):
            for effect in (0.0, 2.0):
                case = f"{effect:g} sd, strong other" if effect else "null, strong other"
                yield from rejections.importances(Design(n, effect=effect, strong=2.0), case, size.importances)


def bounds_of(row: Coverage) -> tuple[float, float]:
    """Return between what the coverage must lie: nominal, or as stated."""
    for quantity, numbers, bounds in STATED:
        if row.quantity.startswith(quantity) and (not numbers or row.n_units in numbers):
            return bounds
    return NOMINAL


def is_covered(row: Coverage) -> bool:
    """Return whether a coverage lies within its bounds, within the error of the simulation."""
    low, high = bounds_of(row)
    return all(
        sign * (row.covered - bound) <= SIMULATION * (bound * (1 - bound) / row.n_studies) ** 0.5
        for sign, bound in ((-1, low), (1, high))
    )


def is_calibrated(row: Rejections) -> bool:
    """Return whether a test of a null rejects as often as it should, and its p-values are uniform."""
    error = SIMULATION * (row.threshold * (1 - row.threshold) / row.n_studies) ** 0.5
    return bool(row.rate <= row.threshold + error and not row.ks < LEAST_KS)


def calibration_page(size: Size = LONG, say: Callable[[str], None] = lambda _: None) -> str:
    """Return the page of tables, written by ``python -m benchmarks calibration``.

    Args:
        size: number of simulated studies.
        say: called with what is simulated next.
    """
    began = time.process_time()
    say("intervals")
    covered = list(coverages(size))
    say("tests")
    rates = list(tests(size))
    return render(covered, rates, time.process_time() - began)


def render(covered: Sequence[Coverage], rates: Sequence[Rejections], seconds: float) -> str:
    """Return the page of what was counted within some seconds of processor time."""
    tables = [_coverage_table(covered), _null_table(rates), _power_table(rates)]
    return (
        "\n".join([HEAD.format(seconds=seconds, errors=SIMULATION), *(table_lines(table) for table in tables)]).rstrip(
            "\n"
        )
        + "\n"
    )


def _coverage_table(rows: Iterable[Coverage]) -> Table:
    cells = [
        (
            row.quantity,
            row.case,
            str(row.n_units),
            f"{row.covered:.3f}",
            "{:g} to {:g}".format(*bounds_of(row)),
            "yes" if is_covered(row) else "no",
            f"{row.missing:.0%}" if row.missing else "",
            str(row.n_studies),
        )
        for row in rows
    ]
    columns = ("interval of", "studies", "units", "covered", "to be", "holds", "no interval", "simulated")
    return Table("Coverage of intervals of 95 %", columns, cells)


def _null_table(rows: Iterable[Rejections]) -> Table:
    cells = [
        (
            row.test,
            row.case,
            str(row.n_units),
            f"{row.threshold:g}",
            f"{row.rate:.3f}",
            f"{row.ks:.2g}" if row.ks == row.ks else "",
            "yes" if is_calibrated(row) else "no",
            str(row.n_studies),
        )
        for row in rows
        if row.is_null
    ]
    columns = ("test", "studies", "configurations", "p at most", "rate", "uniform, p", "holds", "simulated")
    return Table("Rejections where there is nothing to find", columns, cells)


def _power_table(rows: Iterable[Rejections]) -> Table:
    cells = [
        (row.test, row.case, str(row.n_units), f"{row.rate:.3f}", str(row.n_studies))
        for row in rows
        if not row.is_null and row.n_studies
    ]
    columns = ("test", "studies", "configurations", "rejects", "simulated")
    return Table("Rejections elsewhere", columns, cells, ELSEWHERE)
