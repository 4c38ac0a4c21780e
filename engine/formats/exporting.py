"""Exports of studies, distances and embeddings as npz, safetensors, CSV or Zarr.

Each export creates a new folder, which appears when it is complete. Modules that compute or write tables are imported
on demand: commands for recorded studies run without them.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import machine
from engine.errors import InvalidSpecError
from engine.formats.candidates import Report
from engine.store import files
from engine.store.study import Study

Arrays = Mapping[str, NDArray[Any]]


def export_study(
    study: Study, destination: str | os.PathLike[str], to: str, *, run_ids: Sequence[str] | None = None,
    report: Report | None = None,
) -> Path:  # fmt: skip
    """Write the runs of a study: one file each, a table of runs, one of checkpoints, and the labels.

    Predictions are float32 natural-log probabilities, renormalised, (checkpoint, sample, class) by split, with
    ``steps`` and ``epochs`` (NaN if unknown). From npz and safetensors, ``python -m engine import --format arrays``
    with the tables recreates the study.

    Args:
        study: the study to export.
        destination: a folder that does not exist yet.
        to: key of `CONTAINERS`.
        run_ids: runs to export; None for all.
        report: called with a run's id, number of runs done, number of runs.

    Returns:
        The folder.

    Raises:
        InvalidSpecError: unknown container, or the destination exists.
        MissingPackageError: the container needs a package that is not installed.
        SelectionError: an unknown run.
        RunFormatError: the records of a run are damaged.
        RunError: writing failed.
    """
    pd = _pandas()
    container = _container(to)
    chosen = list(study.run_folders) if run_ids is None else list(run_ids)
    with _new_folder(destination) as folder:
        rows = []
        for done, run_id in enumerate(chosen):
            arrays = {split: study.log_probabilities(split, run_id) for split in study.splits}
            run = study.run_folders[run_id]
            clock = {"steps": run.journal.steps, "epochs": run.journal.epochs}
            (folder / "runs").mkdir(exist_ok=True)
            path = f"runs/{run_id}{container.suffix}"
            if container.key == "csv":
                for split, array in arrays.items():
                    _write_predictions(folder / f"runs/{run_id}.{split}.csv", study, split, array, clock["steps"])
                path = f"runs/{run_id}.{next(iter(arrays))}.csv"
            else:
                container.write(folder / path, {**arrays, **clock})
            # The table's column `path` names the run's file; a hyperparameter of that name is renamed.
            settings = {"path_" if name == "path" else name: value for name, value in run.hyperparameters.items()}
            rows.append({"run_id": run_id, "path": path, **settings})
            if report:
                report(run_id, done + 1, len(chosen))
        pd.DataFrame(rows, columns=None if rows else ["run_id", "path"]).to_csv(folder / "runs.csv", index=False)
        checkpoints = study.checkpoints
        checkpoints[checkpoints["run_id"].isin(chosen)].to_csv(folder / "checkpoints.csv", index=False)
        labels = {split: probe.labels for split, probe in study.splits.items()}
        CONTAINERS["npz"].write(folder / "labels.npz", labels)
        (folder / "classes.txt").write_text("".join(f"{name}\n" for name in study.class_names))
        _write_facts(folder, {"study": study.study_id, "title": study.title, "class_names": list(study.class_names)})
    return Path(destination)


def export_distances(
    study: Study, destination: str | os.PathLike[str], to: str, *, split: str, divergence: str = "bhattacharyya",
    run_ids: Sequence[str] | None = None, device: str | None = None,
) -> Path:  # fmt: skip
    """Write the divergences between all models of the runs, (model, model) float64, and the table of models.

    Args, returns and raises as for `export_study`; `split`, `divergence`, `device` as for `engine.pairwise_distances`.
    """
    from engine.distances.pairwise import pairwise_distances

    container = _container(to)
    predictions = study.predictions(split, run_ids)
    distances = pairwise_distances(predictions.log_probabilities, divergence=divergence, device=device)
    with _new_folder(destination) as folder:
        container.write(folder / f"distances{container.suffix}", {"distances": distances.values})
        predictions.models.to_csv(folder / "models.csv", index=False)
        facts = {"study": study.study_id, "split": split, "divergence": divergence, "n_capped": distances.n_capped}
        _write_facts(folder, facts)
    return Path(destination)


def export_embedding(
    study: Study, destination: str | os.PathLike[str], to: str, *, split: str, divergence: str = "bhattacharyya",
    n_components: int = 10, run_ids: Sequence[str] | None = None, device: str | None = None,
) -> Path:  # fmt: skip
    """Write an InPCA embedding: (model, component) coordinates; eigenvalue, signature and shares per component.

    Args, returns and raises as for `export_distances`; `n_components` as for `engine.embed`.
    """
    from engine.distances.pairwise import pairwise_distances
    from engine.embedding.inpca import embed

    container = _container(to)
    predictions = study.predictions(split, run_ids)
    distances = pairwise_distances(predictions.log_probabilities, divergence=divergence, device=device)
    embedding = embed(distances, n_components)
    components = {
        "eigenvalues": embedding.eigenvalues,
        "signature": embedding.signature.astype(np.int64),
        "explained_stress": embedding.explained_stress,
        "explained_variance": embedding.explained_variance,
        "explained_distance": embedding.explained_distance,
    }
    coordinates = {"coordinates": embedding.coordinates}
    with _new_folder(destination) as folder:
        if container.key == "csv":
            # Arrays of two lengths need two tables.
            container.write(folder / "coordinates.csv", coordinates)
            container.write(folder / "components.csv", components)
        else:
            container.write(folder / f"embedding{container.suffix}", coordinates | components)
        predictions.models.to_csv(folder / "models.csv", index=False)
        facts = {"study": study.study_id, "split": split, "divergence": divergence, "residual": embedding.residual}
        _write_facts(folder, facts)
    return Path(destination)


def _container(key: str) -> Container:
    if key not in CONTAINERS:
        raise InvalidSpecError(f"--to must be one of {list(CONTAINERS)}, received {key!r}.")
    return CONTAINERS[key]


def _pandas() -> Any:
    return machine.load_optional("pandas", "An export")


def _write_predictions(path: Path, study: Study, split: str, array: np.ndarray, steps: np.ndarray) -> None:
    n_checkpoints, n_samples, n_classes = array.shape
    flat = array.reshape(-1, n_classes)
    table = {
        "checkpoint": np.repeat(np.arange(n_checkpoints), n_samples),
        "step": np.repeat(steps, n_samples),
        "sample": np.tile(np.arange(n_samples), n_checkpoints),
        "label": np.tile(study.splits[split].labels, n_checkpoints),
    }
    # Class numbers, not names: two classes may share a name, or a name may equal that of another column.
    table |= {f"log_probability_{column}": flat[:, column] for column in range(n_classes)}
    _pandas().DataFrame(table).to_csv(path, index=False)


def _write_facts(folder: Path, facts: dict[str, object]) -> None:
    (folder / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")


@contextmanager
def _new_folder(destination: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a hidden folder that takes the destination's name at the end, or is removed after an error."""
    target = Path(os.path.abspath(destination))
    if target.exists():
        raise InvalidSpecError(f"{target} is there already: an export makes a new folder and changes nothing.")
    folder = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with files.disk_errors_named(f"Nothing could be exported to {target}", ": make room there."):
            folder.mkdir(parents=True)
            yield folder
            os.rename(folder, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Container:
    """File format of an export: its key on the command line, and the optional package it needs."""

    key: str
    suffix: str
    title: str
    write: Callable[[Path, Arrays], None]
    needs: str = ""


def _write_npz(path: Path, arrays: Arrays) -> None:
    np.savez(path, **arrays)  # type: ignore[arg-type]


def _write_safetensors(path: Path, arrays: Arrays) -> None:
    library = machine.load_optional("safetensors.numpy", "Writing safetensors", "safetensors")
    library.save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def _write_zarr(path: Path, arrays: Arrays) -> None:
    library = machine.load_optional("zarr", "Writing Zarr", "'zarr>=3,<4'")
    group = library.open_group(path, mode="w-", zarr_format=3)
    for name, array in arrays.items():
        # One chunk per checkpoint or model, the unit of reading.
        chunks = (1, *array.shape[1:]) if array.ndim > 2 else array.shape
        group.create_array(name, data=np.ascontiguousarray(array), chunks=chunks)


def _write_csv(path: Path, arrays: Arrays) -> None:
    """Write arrays of one length side by side; a second axis becomes columns."""
    parts = {}
    for name, array in arrays.items():
        if array.ndim == 1:
            parts[name] = array
        else:
            parts |= {f"{name}_{column}": array[:, column] for column in range(array.shape[1])}
    # A float64 needs 17 digits to be read back exactly, a float32 9; repr writes no more than necessary.
    _pandas().DataFrame(parts).to_csv(path, index=False)


CONTAINERS: Mapping[str, Container] = MappingProxyType(
    {
        entry.key: entry
        for entry in (
            Container("npz", ".npz", "NumPy archive", _write_npz),
            Container("safetensors", ".safetensors", "safetensors", _write_safetensors, "safetensors"),
            Container("csv", ".csv", "CSV tables", _write_csv),
            Container("zarr", ".zarr", "Zarr 3 group", _write_zarr, "zarr"),
        )
    }
)
"""Containers by the key of ``python -m engine export --to``."""
