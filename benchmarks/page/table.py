"""Markdown tables of measured figures with their bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measured figure.

    Attributes:
        name: name of the figure.
        value: the figure with its unit, and the range of repeats if there are any.
        bound: the bound; empty if none.
        met: whether the bound holds; None without a bound.
    """

    name: str
    value: str
    bound: str = ""
    met: bool | None = None


def markdown(title: str, rows: Sequence[Row]) -> str:
    """Return a section with a table; the verdict is a word, since colours and signs are not shown everywhere."""
    verdict = {True: "yes", False: "**no**", None: ""}
    lines = [f"| {row.name} | {row.value} | {row.bound} | {verdict[row.met]} |" for row in rows]
    return "\n".join([f"## {title}", "", "| what | measured | promised | met |", "|---|---|---|---|", *lines, ""])
