"""What leaves a study: its runs, distances or an embedding; always a new folder, which appears once it is complete."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from engine.divergences import pairwise_distances
from engine.errors import InvalidSpecError, RunError
from engine.exporters.containers import CONTAINERS, Container
from engine.inpca import embed
from engine.store import Study

Report = Callable[[str, int, int], None]

RUNS_TABLE = "runs.csv"
LABELS_FILE = "labels.npz"
CLASSES_FILE = "classes.txt"


def export_study(
    study: Study, destination: str | os.PathLike[str], to: str, *, run_ids: Sequence[str] | None = None,
    report: Report | None = None,
) -> Path:  # fmt: skip
    """Write the runs of a study: a file each, beside a table of runs, one of checkpoints, and the labels.

    Predictions are float32 natural-log probabilities, renormalised, (checkpoint, sample, class) by split; ``steps`` and
    ``epochs`` (NaN where unknown) lie beside them. Of npz and safetensors, ``python -m engine import --format arrays``
    with the tables makes the study again.

    Args:
        study: what to write.
        destination: a folder that is not there yet.
        to: key of `CONTAINERS`.
        run_ids: which runs; None for all.
        report: called with a run's id, runs done, runs to do.

    Returns:
        The folder.

    Raises:
        InvalidSpecError: no such container, or the destination is there already.
        MissingPackageError: the container needs a package that is not installed.
        SelectionError: an unknown run.
        RunFormatError: the records of a run are damaged.
        RunError: the disk refused.
    """
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
            rows.append({"run_id": run_id, "path": path, **_without_path(run.hyperparameters)})
            if report:
                report(run_id, done + 1, len(chosen))
        pd.DataFrame(rows, columns=None if rows else ["run_id", "path"]).to_csv(folder / RUNS_TABLE, index=False)
        checkpoints = study.checkpoints
        checkpoints[checkpoints["run_id"].isin(chosen)].to_csv(folder / "checkpoints.csv", index=False)
        labels = {split: probe.labels for split, probe in study.splits.items()}
        CONTAINERS["npz"].write(folder / LABELS_FILE, labels)
        (folder / CLASSES_FILE).write_text("".join(f"{name}\n" for name in study.class_names))
        _write_facts(folder, {"study": study.study_id, "title": study.title, "class_names": list(study.class_names)})
    return Path(destination)


def export_distances(
    study: Study, destination: str | os.PathLike[str], to: str, *, split: str, divergence: str = "bhattacharyya",
    run_ids: Sequence[str] | None = None, device: str | None = None,
) -> Path:  # fmt: skip
    """Write the divergences between all models of some runs, (model, model) float64, and the table of models.

    Args and raises as for `export_study`; `split`, `divergence`, `device` as for `engine.pairwise_distances`.
    """
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
    """Write an InPCA embedding: coordinates (model, component), and per component its eigenvalue, signature and shares.

    Args and raises as for `export_distances`; `n_components` as for `engine.embed`.
    """
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
            # Two lengths are two tables.
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


def _without_path(hyperparameters: object) -> dict[str, object]:
    # The table's column `path` leads to the run's file; a hyperparameter of that name gets another.
    return {"path_" if name == "path" else name: value for name, value in dict(hyperparameters).items()}  # type: ignore[call-overload]


def _write_predictions(path: Path, study: Study, split: str, array: np.ndarray, steps: np.ndarray) -> None:
    n_checkpoints, n_samples, n_classes = array.shape
    flat = array.reshape(-1, n_classes)
    table = {
        "checkpoint": np.repeat(np.arange(n_checkpoints), n_samples),
        "step": np.repeat(steps, n_samples),
        "sample": np.tile(np.arange(n_samples), n_checkpoints),
        "label": np.tile(study.splits[split].labels, n_checkpoints),
    }
    # Numbers, not class names: two classes may have one name, and a name may be that of another column.
    table |= {f"log_probability_{column}": flat[:, column] for column in range(n_classes)}
    pd.DataFrame(table).to_csv(path, index=False)


def _write_facts(folder: Path, facts: dict[str, object]) -> None:
    (folder / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")


@contextmanager
def _new_folder(destination: str | os.PathLike[str]) -> Iterator[Path]:
    target = Path(os.path.abspath(destination))
    if target.exists():
        raise InvalidSpecError(f"{target} is there already: an export makes a new folder and changes nothing.")
    folder = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        folder.mkdir(parents=True)
        yield folder
        os.rename(folder, target)
    except OSError as error:
        raise RunError(
            f"Nothing could be exported to {target} ({error.strerror or error}): make room there."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
