"""Rows with their bounds, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measured figure.

    Attributes:
        name: what was measured.
        value: the figure with its unit, and the range of repeats where there are some.
        bound: what was promised; empty where nothing was.
        met: whether it is; None where nothing was promised.
    """

    name: str
    value: str
    bound: str = ""
    met: bool | None = None


def markdown(title: str, rows: Sequence[Row]) -> str:
    """A section with a table; the verdict is a word, since colours and signs do not survive everywhere."""
    verdict = {True: "yes", False: "**no**", None: ""}
    lines = [f"| {row.name} | {row.value} | {row.bound} | {verdict[row.met]} |" for row in rows]
    return "\n".join([f"## {title}", "", "| what | measured | promised | met |", "|---|---|---|---|", *lines, ""])
