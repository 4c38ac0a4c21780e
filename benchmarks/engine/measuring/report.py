"""Report of a benchmark: Markdown tables with a description of the machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.engine.measuring.accuracy import Errors
from benchmarks.engine.measuring.timing import QUIET_CORES, Timing


@dataclass(frozen=True, slots=True)
class Table:
    """Table of text cells; ``note`` follows the table."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """Bound on a measured figure.

    Attributes:
        what: description of the figure.
        measured: measured value in ``unit``.
        bound: bound in ``unit``.
        at_least: whether the bound is a lower or an upper one.
        unit: ``"times"``, ``"%"``, ``"ms"`` or none.
    """

    what: str
    measured: float
    bound: float
    at_least: bool
    unit: str

    @property
    def is_met(self) -> bool:
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


def goals_table(goals: Sequence[Goal]) -> Table:
    """Return the goals as a table."""
    rows = [
        (
            goal.what,
            f"{'≥' if goal.at_least else '≤'} {goal.bound:g} {goal.unit}".rstrip(),
            f"{short(goal.measured)} {goal.unit}".rstrip(),
            "yes" if goal.is_met else "no",
        )
        for goal in goals
    ]
    return Table("Figures to reach", ("what", "to reach", "measured", "reached"), rows)


def short(value: float) -> str:
    """Return a number with three digits."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Return seconds in a suitable unit."""
    if seconds >= 1.0:
        return f"{short(seconds)} s"
    return f"{short(1e3 * seconds)} ms" if seconds >= 1e-3 else f"{short(1e6 * seconds)} µs"


def seconds_cells(timing: Timing) -> tuple[str, str, str, str]:
    """Return the cells median, spread, samples and others of a timing."""
    disturbance = timing.disturbance
    others = "" if disturbance is None else f"**{disturbance:.2f}**"
    if any(sample.others is None for sample in timing.samples):
        others = "not known"
    return duration(timing.median), f"{100 * timing.spread:.0f} %", str(len(timing.samples)), others


def error_cells(errors: Errors | None) -> tuple[str, str]:
    """Return the cells absolute and relative error."""
    return ("", "") if errors is None else (f"{errors.absolute:.1e}", f"{errors.relative:.1e}")


def markdown(machine: Sequence[tuple[str, str]], tables: Sequence[Table]) -> str:
    """Return the page."""
    lines = [
        "# Benchmark",
        "",
        "Written by `python -m benchmarks engine`. The rows of a table were measured in one process, taking turns;",
        "times are medians, the spread is that of the samples, largest minus smallest over the median. A sample counts",
        f"where other processes used no more than {QUIET_CORES} cores meanwhile; where it never got that quiet,",
        "*others* says how many they used, and the row is to be distrusted. Errors are the largest against float64",
        "on some hundreds of pairs, relative ones those of distances from 1e-8 on.",
        "",
        "| machine | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in machine),
    ]
    return "\n".join([*lines, "", "\n".join(map(table_lines, tables))]).rstrip("\n") + "\n"


def table_lines(table: Table) -> str:
    """Return a table with its heading and its note."""
    lines = [
        f"## {table.title}",
        "",
        _line(table.columns),
        _line(["---"] * len(table.columns)),
        *map(_line, table.rows),
    ]
    return "\n".join([*lines, *(["", table.note] if table.note else []), ""])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
