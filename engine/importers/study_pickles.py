"""The published study's .p files: torch.save of {"data": [a dictionary per checkpoint], "configs": namespace}.

The name of a file is the JSON of its configuration; the keys ``yh`` and ``yvh`` are the log-probabilities on the train
and the validation set, (sample, class), now and then (sample, 1, class). Steps are not in the file.
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

from engine.errors import EngineError, ImportSourceError
from engine.hyperparameters import Scalar, parse_hyperparameters
from engine.importers.array_files import checked_members, opened_archive, opened_stream
from engine.importers.candidate import Candidate, Checkpoint, Refusal, Request, blaming, digest_of, run_id_of
from engine.importers.clock import UNKNOWN_STEPS
from engine.importers.plain_pickle import PickledArray, read_pickle
from engine.schedules import study_steps

PICKLE_LIMIT = 1 << 31
"""Bytes of a pickle that holds its arrays itself; a run of the study has 160 MB in separate storages."""

_KEYS = {"train": "yh", "test": "yvh"}
_EPOCHS = (200, 300)
_NAMES = {"m": "architecture", "opt": "optimizer", "bs": "batch_size", "lr": "learning_rate", "wd": "weight_decay",
          "aug": "augmentation", "bn": "batch_norm", "drop": "dropout", "bseed": "batch_seed"}  # fmt: skip


def find_study_pickles(request: Request) -> Iterator[Candidate | Refusal]:
    """The source is one such file or a folder of them; only arrays of numbers are read, nothing is run."""
    paths = [request.source]
    if request.source.is_dir():
        paths = sorted(path for path in request.source.glob("*.p") if not path.name.startswith("."))
        if not paths:
            raise ImportSourceError(f"{request.source} holds no .p file.")
    for path in paths:
        try:
            with blaming(path.name):
                yield _candidate(path, request)
        except EngineError as error:
            yield Refusal(path.name, str(error))


def load_study_pickle(path: Path) -> Any:
    """What a .p file holds, arrays still unread: of torch's zip format, or a bare pickle.

    Raises:
        ImportSourceError: it names anything but arrays of numbers, or is damaged.
    """
    with blaming(path.name):
        if not zipfile.is_zipfile(path):
            with opened_stream(path) as stream:
                return read_pickle(_limited(stream.read(PICKLE_LIMIT + 1)))
        with opened_archive(path) as archive:
            members = checked_members(archive, path.name)
            root = next((name.removesuffix("/data.pkl") for name in members if name.endswith("/data.pkl")), None)
            if root is None:
                raise ValueError("it is a zip file, but none that torch.save wrote")
            if f"{root}/byteorder" in members and archive.read(f"{root}/byteorder") != b"little":
                raise ValueError("its numbers are big-endian")
            if members[f"{root}/data.pkl"].file_size > PICKLE_LIMIT:
                raise ValueError(f"its pickle has more than {PICKLE_LIMIT:,} bytes")
            raw = archive.read(f"{root}/data.pkl")
        sizes = {name: info.file_size for name, info in members.items()}

        def storage(key: str) -> tuple[int, Any]:
            member = f"{root}/data/{key}"
            return sizes[member], lambda: _read_member(path, member)

        return read_pickle(raw, storage)


def _read_member(path: Path, member: str) -> bytes:
    with blaming(path.name), opened_archive(path) as archive:
        return archive.read(member)


def _limited(raw: bytes) -> bytes:
    if len(raw) > PICKLE_LIMIT:
        raise ValueError(f"it has more than {PICKLE_LIMIT:,} bytes")
    return raw


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
    settings = _settings(path, configs if isinstance(configs, dict) else {}, request)
    steps, epochs, notes = _clock(len(data), arrays[0].get("train"), settings, configs)

    def read() -> Iterator[Checkpoint]:
        for step, epoch, entry in zip(steps, epochs, arrays, strict=True):
            with blaming(path.name):
                predictions = {split: _matrix(array) for split, array in entry.items()}
            yield Checkpoint(step, epoch, predictions)

    run_id = run_id_of(_label(settings, path))
    return Candidate(run_id, path.name, parse_hyperparameters(settings), shapes, len(data), read, notes)


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


def _matrix(array: PickledArray) -> NDArray[Any]:
    values = array.load()
    return np.ascontiguousarray(values.reshape(values.shape[0], values.shape[-1]))


def _settings(path: Path, configs: Mapping[str, Any], request: Request) -> dict[str, Scalar]:
    """Hyperparameters from the table of runs, else from the file's name, else from its namespace."""
    stem = path.name.removesuffix(".p")
    if request.runs is not None:
        for name in (path.name, stem):
            if name in request.runs.rows:
                return dict(request.runs.rows[name])
        raise ImportSourceError(f"{request.runs.name} has no row for {stem!r}.")
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
    # Not every setting fits into a folder's name; the digest tells apart what the readable part does not.
    return f"{readable[:100]}-{digest_of(stem)[:8]}"


def _clock(
    n_checkpoints: int, train: PickledArray | None, settings: Mapping[str, Any], configs: Any
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
    return list(range(n_checkpoints)), [None] * n_checkpoints, (UNKNOWN_STEPS,)
