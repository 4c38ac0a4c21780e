"""Importer of saved weights: predictions recomputed by the user's network."""

from __future__ import annotations

import importlib
import mmap
import os
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import machine
from engine.errors import ImportSourceError, InvalidSpecError
from engine.formats.array_files import checked_members, opened_stream, stored_arrays
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
from engine.store import files

if TYPE_CHECKING:
    import torch

SUFFIXES = (".pt", ".pth", ".ckpt", ".bin", ".safetensors")
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


def load_weights(path: Path) -> dict[str, Any]:
    """Return the tensors by name of a saved state_dict, also from inside a training checkpoint.

    Raises:
        ImportSourceError: damaged, or loading it would run code.
    """
    import torch

    with blaming(path.name):
        if path.suffix == ".safetensors":
            return {name: torch.from_numpy(array.whole().copy()) for name, array in stored_arrays(path).items()}
        _refuse_reservations(path)
        with opened_stream(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            content = dict(torch.load(stream, map_location="cpu", weights_only=True))
        content = next((content[nest] for nest in _NESTS if isinstance(content.get(nest), dict)), content)
        weights = {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}
        if not weights:
            raise ValueError("it holds no tensors by name; save model.state_dict()")
        # A tensor may repeat one stored number along an axis (stride 0) and exceed the size of the file.
        if any(tensor.numel() * tensor.itemsize > size for tensor in weights.values()):
            raise ValueError("a tensor in it declares more elements than the file holds")
        return weights


def _refuse_reservations(path: Path) -> None:
    """Refuse a file for which torch would take memory that the file does not hold.

    ``weights_only`` unpacks zip members of any size, and makes a bytearray of any length: for a file of 348 bytes torch
    2.13 took 2 GB. Tensors and storages that are declared too large are reserved, never touched, and refused later.
    """
    with opened_stream(path) as stream:
        if zipfile.is_zipfile(stream):
            with zipfile.ZipFile(stream) as archive:
                names = [name for name in checked_members(archive, path.name) if name.lower().endswith(".pkl")]
                pickles: list[Any] = [archive.read(name) for name in names]
        else:
            pickles = [mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)]
    if any(pickle.find(b"\nbytearray\n") >= 0 for pickle in pickles):
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
    inputs = {split: arrays[split].whole().copy() for split in request.n_samples}
    for split, n_samples in request.n_samples.items():
        if inputs[split].shape[:1] != (n_samples,):
            raise ImportSourceError(
                f"{path.name}: its {split} inputs have shape {inputs[split].shape}, and there are {n_samples} labels."
            )
    return inputs


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
        for (step, epoch), path in ordered:
            _fill(model, load_weights(path), path.name)
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
