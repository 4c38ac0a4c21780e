"""Reader of the published study's .p files.

A file is a torch.save of {"data": [a dictionary per checkpoint], "configs": namespace}. Its name is the JSON of the
configuration; the keys ``yh`` and ``yvh`` are the log-probabilities on the train and the validation set,
(sample, class), sometimes (sample, 1, class). Steps are not in the file.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ImportSourceError
from engine.formats.array_files import checked_members, file_section, member_section, opened_archive
from engine.formats.candidates import (
    Candidate,
    Checkpoint,
    Refusal,
    Request,
    blaming,
    digest_of,
    each_file,
    hyperparameters_of,
    run_id_of,
    stated_clock,
)
from engine.formats.readers.pickles import PickledArray, read_pickle
from engine.formats.records import BLOCK_BYTES, Record
from engine.recording.schedules import study_steps
from engine.store.documents import drawable_parts
from engine.store.hyperparameters import Scalar, parse_hyperparameters

_KEYS = {"train": "yh", "test": "yvh"}
_EPOCHS = (200, 300)
_NAMES = {"m": "architecture", "opt": "optimizer", "bs": "batch_size", "lr": "learning_rate", "wd": "weight_decay",
          "aug": "augmentation", "bn": "batch_norm", "drop": "dropout", "bseed": "batch_seed"}  # fmt: skip


def find_study_pickles(request: Request) -> Iterator[Candidate | Refusal]:
    """Find runs: the source is one .p file or a folder of them; only numeric arrays are read, no code is run."""
    return each_file(request, (".p",), _candidate)


def load_study_pickle(path: Path) -> Any:
    """Load the content of a .p file with unread arrays: torch's zip format, or a bare pickle.

    Raises:
        ImportSourceError: it names anything but numeric arrays, or is damaged.
    """
    with blaming(path.name):
        if not zipfile.is_zipfile(path):
            return read_pickle(file_section(path))
        with opened_archive(path) as archive:
            members = checked_members(archive, path.name)
            root = next((name.removesuffix("/data.pkl") for name in members if name.endswith("/data.pkl")), None)
            if root is None:
                raise ValueError("it is a zip file, but none that torch.save wrote")
            order = members.get(f"{root}/byteorder")
            if order is not None and (order.file_size > 6 or archive.read(order) != b"little"):
                raise ValueError("its numbers are big-endian")
        return read_pickle(
            member_section(path, members[f"{root}/data.pkl"], in_place=True),
            lambda key: member_section(path, members[f"{root}/data/{key}"]),
        )


def _candidate(path: Path, request: Request) -> Candidate:
    content = load_study_pickle(path)
    configs = content.get("configs", {}) if isinstance(content, dict) else {}
    data = content.get("data") if isinstance(content, dict) else content
    if not isinstance(data, list) or not data or not all(isinstance(entry, dict) for entry in data):
        raise ImportSourceError(
            f"{path.name} is no run of the study: its 'data' must be a list of one dictionary each."
        )
    arrays = [{split: _array(entry, split, place) for split in request.n_samples} for place, entry in enumerate(data)]
    shapes = {split: (array.shape[0], array.shape[-1]) for split, array in arrays[0].items()}
    for place, entry in enumerate(arrays):
        for split, array in entry.items():
            if (array.shape[0], array.shape[-1]) != shapes[split]:
                raise ImportSourceError(
                    f"Checkpoint {place}: {_KEYS[split]!r} has shape {array.shape}, the first {shapes[split]}."
                )
    settings = _settings(path, configs if isinstance(configs, dict) else {}, request)
    steps, epochs, notes = _clock(len(data), arrays[0].get("train"), settings, configs, request)

    def read() -> Iterator[Checkpoint]:
        for step, epoch, entry in zip(steps, epochs, arrays, strict=True):
            with blaming(path.name):
                predictions = {split: _matrix(path.name, array) for split, array in entry.items()}
            yield Checkpoint(step, epoch, predictions)

    run_id = run_id_of(_label(settings, path))
    hyperparameters = parse_hyperparameters({name: drawable_parts(value) for name, value in settings.items()})
    return Candidate(run_id, path.name, hyperparameters, shapes, len(data), read, notes)


def _array(entry: Mapping[str, Any], split: str, place: int) -> PickledArray:
    array = entry.get(_KEYS[split])
    if not isinstance(array, PickledArray):
        raise ImportSourceError(f"Checkpoint {place} has no array {_KEYS[split]!r} ({split}).")
    is_matrix = len(array.shape) == 2 or (len(array.shape) == 3 and array.shape[1] == 1)
    if not is_matrix or not all(array.shape) or array.dtype.kind != "f":
        raise ImportSourceError(
            f"Checkpoint {place}: {_KEYS[split]!r} has shape {array.shape} and dtype {array.dtype}; (sample, class) "
            "floats are read."
        )
    return array


def _matrix(name: str, array: PickledArray) -> NDArray[Any] | Record:
    n_samples, n_classes = array.shape[0], array.shape[-1]
    is_large = n_samples * n_classes * array.dtype.itemsize > BLOCK_BYTES
    if is_large and (record := array.record(name, n_samples, n_classes)):
        return record
    return np.ascontiguousarray(array.load().reshape(n_samples, n_classes))


def _settings(path: Path, configs: Mapping[str, Any], request: Request) -> dict[str, Scalar]:
    """Return hyperparameters from the table of runs, else from the file's name, else from its namespace."""
    stem = path.name.removesuffix(".p")
    if request.runs is not None:
        return dict(hyperparameters_of(request, stem, path.name))
    try:
        named = json.loads(stem) if stem.startswith("{") else dict(configs)
    except (ValueError, RecursionError):
        raise ImportSourceError(f"{path.name}: the name looks like JSON and is none.") from None
    plain = {
        str(key): value for key, value in named.items() if value is None or isinstance(value, str | bool | int | float)
    }
    return {_NAMES.get(key, key): value for key, value in plain.items() if not key.startswith("_")}


def _label(settings: Mapping[str, Any], path: Path) -> str:
    stem = path.name.removesuffix(".p")
    if not stem.startswith("{"):
        return stem
    values = "-".join(str(settings.get(name, "")) for name in ("architecture", "optimizer", "batch_size", "seed"))
    readable = re.sub(r"-{2,}", "-", values).strip("-") or "run"
    # Not all settings fit into a folder's name; the digest distinguishes runs with equal readable parts.
    return f"{readable[:100]}-{digest_of(stem)[:8]}"


def _clock(
    n_checkpoints: int, train: PickledArray | None, settings: Mapping[str, Any], configs: Any, request: Request
) -> tuple[list[int], list[float | None], tuple[str, ...]]:
    known = dict(configs) if isinstance(configs, dict) else {}
    batch = settings.get("batch_size", known.get("bs"))
    if train is not None and isinstance(batch, int) and 0 < batch <= train.shape[0]:
        per_epoch = -(-train.shape[0] // batch)
        stated = known.get("epochs")
        for n_epochs in (stated,) if isinstance(stated, int) and 0 < stated < 10_000 else _EPOCHS:
            steps = study_steps(per_epoch, n_epochs)
            if len(steps) == n_checkpoints:
                note = f"Its steps are recomputed from the study's schedule: {n_epochs} epochs of {per_epoch} steps."
                return list(steps), [step / per_epoch for step in steps], (note,)
    return stated_clock(n_checkpoints, None, None, request)
