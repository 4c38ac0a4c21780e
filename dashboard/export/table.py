"""Tables as CSV: numbers in full precision, missing values empty, text that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

CHUNK = 2000
"""Rows at a time: a hundred thousand of them leave without being held as text."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def table_csv(table: pd.DataFrame) -> Iterator[bytes]:
    """A table in pieces of UTF-8, the first line being the names of the columns."""
    yield lines([[safe_text(str(name)) for name in table.columns]])
    for start in range(0, len(table), CHUNK):
        part = table.iloc[start : start + CHUNK]
        columns = [part.iloc[:, column].tolist() for column in range(part.shape[1])]
        yield lines([cell(value) for value in row] for row in zip(*columns, strict=True))


def cell(value: Any) -> str:
    """A value as it stands in a CSV file."""
    if value is None or value is pd.NA or value != value:
        return ""
    return safe_text(value) if isinstance(value, str) else repr(value)


def safe_text(text: str) -> str:
    """Text that a spreadsheet would take for a formula is led by an apostrophe (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def lines(rows: Iterable[Iterable[str]]) -> bytes:
    """Lines of a CSV file in UTF-8."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    # Names come from files: a lone surrogate must not end the table in the middle.
    return buffer.getvalue().encode("utf-8", "replace")
