"""Coordinates as CSV: one row per checkpoint, with all components in full precision and its run's hyperparameters."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from dashboard.export.table import CHUNK, cell, lines, safe_text
from engine.store import Study
from engine.values import Scene


def coordinates_csv(scene: Scene, study: Study, run_ids: Collection[str]) -> Iterator[bytes]:
    """The table of a scene in pieces of UTF-8, the first line being the names of the columns.

    Coordinates are the engine's own, in float64 and in its own signs; a picture may show a component mirrored.

    Args:
        scene: the embedding.
        study: where hyperparameters come from; a run that it lacks by now has none.
        run_ids: the runs to list, in the scene's order.
    """
    chosen = scene.models["run_id"].isin(run_ids).to_numpy().nonzero()[0]
    along = scene.models.rename(columns={"run_id": "run"}).assign(divergence=scene.spec.divergence)
    components = [f"component_{number}" for number in range(1, scene.embedding.n_components + 1)]
    names = _distinct([*along.columns, *components, *study.hyperparameters], n_taken=along.shape[1] + len(components))
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


def _distinct(names: list[str], n_taken: int) -> list[str]:
    """Names of columns, each once: a hyperparameter that is called like another column says what it is."""
    taken = set(names[:n_taken])
    return names[:n_taken] + [f"hyperparameter {name}" if name in taken else name for name in names[n_taken:]]
