"""Importer of saved weights: predictions recomputed by the user's network."""

from __future__ import annotations

import importlib
import os
import pickletools
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from engine import machine
from engine.errors import ImportSourceError, InvalidSpecError
from engine.formats.array_files import (
    checked_members,
    file_section,
    member_section,
    opened_archive,
    opened_stream,
    stored_arrays,
)
from engine.formats.candidates import (
    Candidate,
    Checkpoint,
    Refusal,
    Request,
    blaming,
    digest_of,
    each_folder,
    hyperparameters_of,
    run_id_of,
    step_and_epoch,
)
from engine.formats.readers.epochs import numbered
from engine.formats.readers.opcodes import Budget, operations
from engine.formats.records import RECORD_LIMIT, Section
from engine.store import files

if TYPE_CHECKING:
    import torch

SUFFIXES = (".pt", ".pth", ".ckpt", ".bin", ".safetensors")
SMALLEST_LIMIT = 1 << 26
"""Size in bytes up to which a file of weights is read for any network."""
LARGEST_CHECKPOINT = 10
"""Most times its network that a file of weights is read for: a half-precision network with the weights, two moments
and a moving average in single precision has 9 times the weights, one in single precision 4."""
PICKLE_GROWTH = 3 << 26
"""Bytes that torch may take beside the tensors."""
_ALL_OPCODES = {opcode.name for opcode in pickletools.opcodes}
_NESTS = ("state_dict", "model_state_dict", "model", "net")
"""Keys under which training checkpoints hold the state_dict."""
_PREFIXES = ("module.", "_orig_mod.", "model.")
"""Prefixes that DistributedDataParallel, torch.compile and Lightning add to parameter names."""


def find_saved_weights(request: Request) -> Iterator[Candidate | Refusal]:
    """Yield a candidate per run folder, or a refusal with the reason.

    The source is a run's folder or a folder of such; the last number in a file's name is its epoch.

    ``--build module:function`` names a function that takes the run's hyperparameters and returns the network, into
    which every state_dict is loaded; ``--inputs`` a .npz with the probe sets' inputs, ``train`` and ``test``. Weights
    are loaded without unpickling.
    """
    if request.options.keys() != {"build", "inputs"}:
        raise InvalidSpecError(
            "Saved weights need --build module:function and --inputs FILE (.npz with train and test)."
        )
    machine.load_optional("torch", "Replaying saved weights")
    build, inputs = _builder(request.options["build"]), _inputs(request)
    return each_folder(request, SUFFIXES, lambda *found: _candidate(build, inputs, *found))


def load_weights(path: Path, network_bytes: int = 0) -> dict[str, Any]:
    """Return the tensors by name of a saved state_dict, also from inside a training checkpoint.

    Args:
        path: the file.
        network_bytes: size of the network that they are for; as much is read as a training checkpoint of it may have.

    Raises:
        ImportSourceError: damaged, too large, or loading it would run code.
    """
    import torch

    limit = max(SMALLEST_LIMIT, LARGEST_CHECKPOINT * network_bytes)
    with blaming(path.name):
        if path.suffix == ".safetensors":
            arrays = stored_arrays(path)
            _expect_small(sum(array.n_bytes for array in arrays.values()), limit)
            return {name: torch.from_numpy(array.whole(limit)) for name, array in arrays.items()}
        _refuse_reservations(path, limit)
        with opened_stream(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            # What the unpickler makes of few opcodes has no bound: it copies a dictionary as often as they say.
            try:
                with machine.growth_limited(limit + PICKLE_GROWTH):
                    content = dict(torch.load(stream, map_location="cpu", weights_only=True))
            except MemoryError:
                raise ValueError(
                    f"loading it takes more than {limit + PICKLE_GROWTH:,} bytes: save model.state_dict() alone"
                ) from None
        content = next((content[nest] for nest in _NESTS if isinstance(content.get(nest), dict)), content)
        weights = {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}
        if not weights:
            raise ValueError("it holds no tensors by name; save model.state_dict()")
        # A tensor may repeat one stored number along an axis (stride 0) and exceed the size of the file.
        if any(tensor.numel() * tensor.itemsize > size for tensor in weights.values()):
            raise ValueError("a tensor in it declares more elements than the file holds")
        return weights


def _expect_small(n_bytes: int, limit: int) -> None:
    if n_bytes > limit:
        raise ValueError(
            f"it holds tensors of {n_bytes:,} bytes, and at most {limit:,} are read for this network: save its "
            "state_dict() alone"
        )


def _refuse_reservations(path: Path, limit: int) -> None:
    """Refuse a file for which torch would take memory that the file does not hold, or far more than its network needs.

    ``weights_only`` unpacks zip members of any size, and makes a bytearray of any length: for a file of 348 bytes torch
    2.13 took 2 GB. Tensors and storages that are declared too large are reserved, never touched, and refused later.
    """
    budget = Budget()
    if zipfile.is_zipfile(path):
        with opened_archive(path) as archive:
            members = checked_members(archive, path.name)
        _expect_small(sum(info.file_size for info in members.values()), limit)
        for name, info in members.items():
            if name.lower().endswith(".pkl"):
                _examine(member_section(path, info), budget)
        return
    whole = file_section(path)
    _expect_small(whole.n_bytes, limit)
    # The older format: a magic number, a version, the system, the content and the keys of the storages, then these.
    place = 0
    for _ in range(5):
        place += _examine(Section(whole.n_bytes - place, partial(_open_after, whole, place)), budget)


def _open_after(section: Section, place: int, start: int) -> AbstractContextManager[IO[bytes]]:
    return section.open_at(place + start)


def _examine(pickle: Section, budget: Budget) -> int:
    """Return the number of bytes of a pickle; ValueError if it makes a bytearray or very many objects."""
    steps = operations(pickle, budget, _ALL_OPCODES)
    while True:
        try:
            _, argument = next(steps)
        except StopIteration as end:
            return int(end.value)
        if isinstance(argument, str) and argument.endswith("bytearray"):
            raise ValueError("it makes a bytearray, which weights do not need")


def _builder(text: str) -> Callable[[Mapping[str, Any]], torch.nn.Module]:
    module, _, name = text.partition(":")
    # The user's module is found in the working directory of the command.
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        function: Callable[[Mapping[str, Any]], torch.nn.Module] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidSpecError(f"--build {text!r} cannot be used ({error}): give module:function.") from None
    return function


def _inputs(request: Request) -> dict[str, Any]:
    path = Path(request.options["inputs"])
    arrays = stored_arrays(path)
    if len(request.n_samples) == 1 and len(arrays) == 1:
        arrays = dict(zip(request.n_samples, arrays.values(), strict=True))
    if missing := request.n_samples.keys() - arrays.keys():
        raise ImportSourceError(f"{path.name} has no inputs called {', '.join(sorted(missing))}.")
    for split, n_samples in request.n_samples.items():
        if arrays[split].shape[:1] != (n_samples,):
            raise ImportSourceError(
                f"{path.name}: its {split} inputs have shape {arrays[split].shape}, and there are {n_samples} labels."
            )
    return {split: arrays[split].whole(RECORD_LIMIT) for split in request.n_samples}


def _candidate(
    build: Callable[[Mapping[str, Any]], torch.nn.Module], inputs: Mapping[str, Any], folder: Path, paths: list[Path],
    request: Request,
) -> Candidate:  # fmt: skip
    by_number = {numbered(path.stem): path for path in paths}
    if len(by_number) != len(paths):
        raise ImportSourceError(f"{folder.name} holds two files with the same last number in their names.")
    ordered = [(step_and_epoch(number, request), by_number[number]) for number in sorted(by_number)]
    run_id = run_id_of(folder.name)
    hyperparameters = hyperparameters_of(request, run_id, folder.name)

    def read() -> Iterator[Checkpoint]:
        from engine.recording.prediction import predict

        try:
            model = build(dict(hyperparameters))
        except Exception as error:
            raise InvalidSpecError(
                f"--build {request.options['build']!r} failed on {run_id}: {type(error).__name__}: {error}"
            ) from None
        network_bytes = sum(tensor.numel() * tensor.itemsize for tensor in model.state_dict().values())
        for (step, epoch), path in ordered:
            _fill(model, load_weights(path, network_bytes), path.name)
            with blaming(path.name):
                predictions = {split: predict(model, values) for split, values in inputs.items()}
            yield Checkpoint(step, epoch, predictions)

    first = next(read())
    shapes = {split: (array.shape[0], array.shape[1]) for split, array in first.predictions.items()}
    # Predicting again to compare with an earlier import would cost as much as the import itself.
    sources = [(step, path.name, files.sha256(path)) for (step, _), path in ordered]
    digest = digest_of("weights", request.options["build"], sources, files.sha256(Path(request.options["inputs"])))
    return Candidate(run_id, folder.name, hyperparameters, shapes, len(ordered), read, (), digest, "log_probabilities")


def _fill(model: torch.nn.Module, weights: dict[str, Any], name: str) -> None:
    wanted = model.state_dict().keys()
    for prefix in _PREFIXES:
        if weights.keys() != wanted and all(key.startswith(prefix) for key in weights):
            weights = {key.removeprefix(prefix): value for key, value in weights.items()}
    try:
        model.load_state_dict(weights)
    except (RuntimeError, TypeError) as error:
        raise ImportSourceError(
            f"{name} does not fit the network that was built: {' '.join(str(error).split())[:300]}"
        ) from None
