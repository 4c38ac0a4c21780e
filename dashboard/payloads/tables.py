"""CSV of coordinates: one row per checkpoint, all components, hyperparameters."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator

import pandas as pd

from engine.store.study import Study
from engine.values import Scene

CHUNK = 2000
"""Rows per piece, so that a table of 100,000 rows is never held as text."""
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def coordinates_csv(scene: Scene, study: Study, run_ids: Collection[str]) -> Iterator[bytes]:
    """CSV of a scene in UTF-8 pieces, header line first.

    Coordinates are float64 with the engine's signs; a picture may show a component mirrored.

    Args:
        scene: the embedding.
        study: source of hyperparameters; a run no longer in it has none.
        run_ids: the runs to list, in the scene's order.
    """
    chosen = scene.models["run_id"].isin(run_ids).to_numpy().nonzero()[0]
    along = scene.models.rename(columns={"run_id": "run"}).assign(divergence=scene.spec.divergence)
    components = [f"component_{number}" for number in range(1, scene.embedding.n_components + 1)]
    taken = [*along.columns, *components]
    names = taken + [f"hyperparameter {name}" if name in taken else name for name in study.hyperparameters]
    blank = dict.fromkeys(study.hyperparameters)
    belongings = {
        run_id: list((blank | dict(run.hyperparameters)).values()) for run_id, run in study.run_folders.items()
    }
    yield lines([[safe_text(name) for name in names]])
    columns = [along[name].tolist() for name in along.columns]
    for start in range(0, len(chosen), CHUNK):
        rows = chosen[start : start + CHUNK]
        yield lines(
            [cell(column[row]) for column in columns]
            + [repr(float(value)) for value in scene.embedding.coordinates[row]]
            + [cell(value) for value in belongings.get(columns[0][row], blank.values())]
            for row in rows
        )


def table_csv(table: pd.DataFrame) -> Iterator[bytes]:
    """CSV of a table in UTF-8 pieces, header line first."""
    yield lines([[safe_text(str(name)) for name in table.columns]])
    for start in range(0, len(table), CHUNK):
        part = table.iloc[start : start + CHUNK]
        columns = [part.iloc[:, column].tolist() for column in range(part.shape[1])]
        yield lines([cell(value) for value in row] for row in zip(*columns, strict=True))


def cell(value: object) -> str:
    """CSV text of a value."""
    if value is None or value is pd.NA or value != value:
        return ""
    return safe_text(value) if isinstance(value, str) else repr(value)


def safe_text(text: str) -> str:
    """Text, prefixed by an apostrophe if a spreadsheet would read it as a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def lines(rows: Iterable[Iterable[str]]) -> bytes:
    """UTF-8 bytes of CSV rows."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    # Names come from files; a lone surrogate would otherwise raise in mid-table.
    return buffer.getvalue().encode("utf-8", "replace")
