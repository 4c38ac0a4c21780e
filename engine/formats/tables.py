"""Tables of runs: hyperparameters from plain, MLflow and W&B CSV files."""

from __future__ import annotations

import ast
import csv
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from engine.errors import ImportSourceError
from engine.store import files
from engine.store.documents import drawable_parts
from engine.store.hyperparameters import TAKEN, Scalar, parse_hyperparameters

TABLE_LIMIT = 1 << 25
"""Size limit in bytes; 2,296 runs with thirty columns have half a megabyte, with configurations of W&B some 10 MB."""

LINE_LIMIT = 1 << 20
"""Most characters of a row; one with a W&B configuration and a summary of the longest have 230,000."""

MOST_CELLS = 1_000_000
"""Most values of a table, those in W&B configurations included; 2,296 runs with thirty columns have 69,000."""

MOST_RUNS = 100_000
"""In one file."""

CONFIG_LIMIT = 100_000
"""Most characters of a W&B configuration."""

PATH_COLUMN = "path"
_IDS = ("run_id", "Run ID", "id", "ID", "name", "Name", "run", "file")
_BOOKKEEPING = {
    *("State", "Notes", "User", "Tags", "Created", "Runtime", "Sweep", "Updated", "Hostname", "Description", "summary"),
    *("GPU Count", "GPU Type", "Start Time", "End Time", "Duration", "Run ID", "Run Name", "Source Type", "ID", "Name"),
    *("Source Name", "experiment_id", "artifact_uri", "start_time", "end_time", "Commit", "Github", "Job Type"),
    "Group",
}


@dataclass(frozen=True, slots=True)
class RunTable:
    """Hyperparameters by run id.

    Attributes:
        dialect: ``"plain"``, ``"MLflow"`` or ``"Weights & Biases"``.
        rows: hyperparameters by id, in the table's order.
        paths: file of each run, if the table has a column `path`.
        notes: omitted columns, and the reasons.
    """

    name: str
    dialect: str
    rows: Mapping[str, Mapping[str, Scalar]]
    paths: Mapping[str, str]
    notes: tuple[str, ...]


def read_run_table(path: Path, id_column: str | None = None, renamed: Mapping[str, str] | None = None) -> RunTable:
    """Read a CSV file with one row per run.

    In an MLflow table (``mlflow.search_runs().to_csv``) the columns ``params.*`` are the hyperparameters. A W&B table
    has a column ``config`` of Python literals (the export script of its documentation). In any other table every column
    is a hyperparameter, except the id, `path`, columns of experiment trackers, and names of the study's own columns.
    Types are inferred per cell: integer, number, true or false, text; an empty cell is a missing value.

    Args:
        path: the file.
        id_column: column of the ids in the predictions' file names; None takes the first of run_id, id, name, ...
        renamed: new names of columns.

    Raises:
        ImportSourceError: not CSV, no ids, a duplicate id, or a value that is not a hyperparameter.
    """
    lines = _lines(path)
    _, header = next(lines, (0, []))
    if not header:
        raise ImportSourceError(f"{path.name} is empty: it needs a line of column names and one line per run.")
    if len(set(header)) != len(header):
        raise ImportSourceError(f"{path.name} names a column twice: {header!r:.200}.")
    chosen = _id_column(header, id_column, path.name)
    dialect = "MLflow" if any(name.startswith("params.") for name in header) else "plain"
    if "config" in header:
        dialect = "Weights & Biases"
    renamed = renamed or {}
    names, notes = _columns(header, chosen, dialect, renamed)
    rows: dict[str, dict[str, Scalar]] = {}
    paths: dict[str, str] = {}
    n_cells = 0
    for number, line in lines:
        if len(line) != len(header):
            raise ImportSourceError(f"{path.name} line {number} has {len(line)} fields, the first line {len(header)}.")
        cells = dict(zip(header, line, strict=True))
        run_id = cells[chosen].strip()
        if not run_id or run_id in rows:
            raise ImportSourceError(
                f"{path.name} line {number}: its {chosen} is {run_id!r}: each run needs one of its own."
            )
        try:
            values = {new: _value(cells[old]) for old, new in names.items()}
            if dialect == "Weights & Biases":
                values |= {renamed.get(key, key): value for key, value in _config(cells["config"]).items()}
            n_cells += len(values)
            if n_cells > MOST_CELLS:
                raise ValueError(f"The table holds more than {MOST_CELLS:,} values: split it, or leave columns out.")
            rows[run_id] = parse_hyperparameters({name: drawable_parts(value) for name, value in values.items()})
        except ValueError as error:
            raise ImportSourceError(
                f"{path.name} line {number}: {error} (--rename OLD=NEW renames a column.)"
            ) from None
        if PATH_COLUMN in cells:
            paths[run_id] = cells[PATH_COLUMN].strip()
        if len(rows) > MOST_RUNS:
            raise ImportSourceError(f"{path.name} has more than {MOST_RUNS:,} rows: split it.")
    return RunTable(path.name, dialect, rows, paths, notes)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV file that are not empty, each behind the number of its last line."""
    n_characters = 0

    def pieces(text: IO[str]) -> Iterator[str]:
        # A row ends with a line unless a quotation goes on; the parser holds all of it.
        nonlocal n_characters
        while piece := text.readline(LINE_LIMIT):
            n_characters += len(piece)
            if n_characters >= LINE_LIMIT:
                raise ValueError(f"line {reader.line_num + 1} belongs to a row of over {LINE_LIMIT:,} characters")
            yield piece

    try:
        with files.opened(path) as (descriptor, size):
            if size > TABLE_LIMIT:
                raise ValueError(f"it has {size:,} bytes; at most {TABLE_LIMIT:,} are read: split it")
            with os.fdopen(os.dup(descriptor), encoding="utf-8-sig", newline="") as text:
                reader = csv.reader(pieces(text), strict=True)
                for row in reader:
                    n_characters = 0
                    if row:
                        yield reader.line_num, row
    except (ValueError, csv.Error) as error:
        raise ImportSourceError(f"{path.name} is no readable CSV table ({error}).") from None


def _id_column(header: Sequence[str], asked: str | None, table: str) -> str:
    for name in (asked,) if asked else _IDS:
        if name in header:
            return name
    raise ImportSourceError(
        f"{table} has no column {asked or 'run_id'!r} to join by; it has {', '.join(header)[:300]}. Name one with --id."
    )


def _columns(
    header: Sequence[str], chosen: str, dialect: str, renamed: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the new name of each column that becomes a hyperparameter, and notes on the others."""
    names, left_out = {}, []
    for column in header:
        # A first column without a heading is the index of a table written by pandas.
        if column in (chosen, PATH_COLUMN, "") or (
            dialect == "Weights & Biases" and column in ("config", "summary", "name")
        ):
            continue
        is_parameter = column.startswith("params.")
        new = renamed.get(column, column.removeprefix("params."))
        if dialect == "MLflow" and not is_parameter and column not in renamed:
            continue
        if new in TAKEN or (column in _BOOKKEEPING and column not in renamed):
            left_out.append(column)
        else:
            names[column] = new
    if not left_out:
        return names, ()
    columns = ", ".join(left_out)
    note = f"Columns left out, because the study makes them itself or a tracker keeps them: {columns}. "
    return names, (note + "--rename OLD=NEW takes one in.",)


def _value(text: str) -> Scalar:
    """Return the value of a cell: None, bool, int, finite float, else the text."""
    text = text.strip()
    if text in ("", "None", "null"):
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    # Python also parses 1_000 and digits of other scripts as numbers; here they are text.
    for parse in (int, float) if text.isascii() and "_" not in text else ():
        with suppress(ValueError):
            number: int | float = parse(text)
            return number if math.isfinite(number) else text
    return text


def _config(text: str) -> dict[str, Scalar]:
    """Return the scalar settings of a W&B config cell, a Python dictionary as text."""
    if len(text) > CONFIG_LIMIT:
        raise ValueError(f"its config has {len(text)} characters; at most {CONFIG_LIMIT} are read.")
    try:
        config = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ValueError(f"its config is no Python dictionary of plain values: {text!r:.100}.") from None
    if not isinstance(config, dict):
        raise ValueError(f"its config must be a dictionary, it is {text!r:.100}.")
    # Keys with a leading underscore are W&B's own; nested settings are not scalars.
    return {
        str(key): value
        for key, value in config.items()
        if not str(key).startswith("_") and (value is None or isinstance(value, str | int | float | bool))
    }
