"""Converter of trusted pickled runs of the published study to arrays.

``python -m data.trusted_conversion FILE.p FOLDER --i-trust-this-file``, then
``python -m engine import FOLDER --format arrays --runs FOLDER/runs.csv ...``.

A pickle is a program. The importers never run one: they read arrays out of it or refuse. Some files of the study hold a
processed pandas table, whose contents cannot be distinguished from a program; this command loads them, apart from the
engine and the page, for users who made the file themselves. The file's author gains all rights of the user's account.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import torch

WARNING = (
    "Loading {name} RUNS whatever program its author put into it, as you, on this machine. Do this only with a file "
    "that you made yourself, or whose author you would let sit at this keyboard. If that is so: --i-trust-this-file."
)
_ARRAYS = {"train": "yh", "test": "yvh"}
_MEASURED = {"t", "e", "ev", "f", "fv", "err", "verr", "favg", "vfavg"}


def convert(content: Any, name: str, folder: Path) -> list[str]:
    """Write a .npz per run and ``runs.csv``; return the names of the runs.

    Args:
        content: content of the file: a table with one row per checkpoint (columns yh, yvh, t and the configuration), or
            the dictionary {"data": [...], "configs": ...}.
        name: the file's name without its suffix; used as the configuration if it is JSON of one.
        folder: a new folder.
    """
    rows: list[dict[str, Any]] = []
    folder.mkdir(parents=True)
    for index, (configuration, checkpoints) in enumerate(_runs(content, name)):
        run = f"run-{index:04d}"
        arrays = {
            split: np.stack([_matrix(checkpoint[key]) for checkpoint in checkpoints])
            for split, key in _ARRAYS.items()
            if key in checkpoints[0]
        }
        if not arrays:
            raise click.ClickException(
                f"{name} has neither 'yh' nor 'yvh': these predictions are what would be converted."
            )
        np.savez(folder / f"{run}.npz", **arrays)
        rows.append({"run_id": run, "path": f"{run}.npz", **configuration})
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with open(folder / "runs.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return [row["run_id"] for row in rows]


def _runs(content: Any, name: str) -> Iterator[tuple[dict[str, Any], list[Mapping[str, Any]]]]:
    """Yield configuration and checkpoints of each run."""
    named = json.loads(name) if name.startswith("{") else {}
    if isinstance(content, pd.DataFrame):
        rows = content.to_dict("records")
        settings = [column for column in content.columns if column not in _MEASURED and _is_setting(content[column])]
        groups: dict[str, list[Mapping[str, Any]]] = {}
        for row in rows:
            groups.setdefault(json.dumps([str(row[column]) for column in settings]), []).append(row)
        for checkpoints in groups.values():
            yield {**named, **{column: checkpoints[0][column] for column in settings}}, checkpoints
        return
    data = content["data"] if isinstance(content, dict) and "data" in content else content
    if not isinstance(data, list) or not data or not all(isinstance(entry, dict) for entry in data):
        raise click.ClickException(f"{name} holds a {type(content).__name__}, and no run as the study writes them.")
    configs = content.get("configs") if isinstance(content, dict) else None
    settings = {**(vars(configs) if hasattr(configs, "__dict__") else configs or {}), **named}
    yield {key: value for key, value in settings.items() if isinstance(value, str | int | float | bool)}, data


def _is_setting(column: pd.Series) -> bool:
    return all(isinstance(value, str | int | float | bool | np.generic) for value in column)


def _matrix(values: Any) -> np.ndarray:
    array = np.asarray(values.numpy() if isinstance(values, torch.Tensor) else values)
    return array.reshape(array.shape[0], array.shape[-1])


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--i-trust-this-file", "trusted", is_flag=True, help="Run what the file says.")
def main(file: Path, folder: Path, trusted: bool) -> None:
    """Convert a pickled FILE that only running it can read into the new FOLDER."""
    click.echo(WARNING.format(name=file.name), err=True)
    if not trusted:
        sys.exit(2)
    # The only place in the project that executes a file's content, and only after explicit consent.
    content = torch.load(file, map_location="cpu", weights_only=False)
    runs = convert(content, file.name.removesuffix(".p"), folder)
    click.echo(f"{len(runs)} runs are in {folder}: import it with --format arrays --runs {folder / 'runs.csv'}.")


if __name__ == "__main__":
    main()
