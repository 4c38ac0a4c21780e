"""Replay of saved weights: every state_dict is loaded into the user's own network, which predicts the probe sets."""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import EngineError, ImportSourceError, InvalidSpecError
from engine.importers.array_files import opened_stream, stored_arrays
from engine.importers.candidate import Candidate, Checkpoint, Refusal, Request, blaming, digest_of, run_id_of
from engine.importers.clock import hyperparameters_of, step_and_epoch
from engine.importers.epoch_files import numbered

if TYPE_CHECKING:
    import torch

SUFFIXES = (".pt", ".pth", ".ckpt", ".bin", ".safetensors")
_NESTS = ("state_dict", "model_state_dict", "model", "net")
_PREFIXES = ("module.", "_orig_mod.", "model.")
"""What DistributedDataParallel, torch.compile and Lightning put before the names of parameters."""


def find_saved_weights(request: Request) -> Iterator[Candidate | Refusal]:
    """The source is one run's folder, or a folder of such folders; the last number in a file's name is its epoch.

    ``--build module:function`` names a function that gets the run's hyperparameters and returns the network;
    ``--inputs`` a .npz with the probe sets' inputs, ``train`` and ``test``. Weights are loaded without unpickling.
    """
    if request.build is None or request.inputs is None:
        raise InvalidSpecError(
            "Saved weights need --build module:function and --inputs FILE (.npz with train and test)."
        )
    if not request.source.is_dir():
        raise ImportSourceError(f"{request.source} is no folder; this format is a folder of saved weights.")
    build, inputs = _builder(request.build), _inputs(request)
    folders = [request.source]
    if not _weights_in(request.source):
        folders = sorted(path for path in request.source.iterdir() if path.is_dir() and not path.name.startswith("."))
    for folder in folders:
        try:
            yield _candidate(folder, request, build, inputs)
        except EngineError as error:
            yield Refusal(folder.name, str(error))


def load_weights(path: Path) -> dict[str, Any]:
    """The tensors of a saved state_dict, also where it lies inside a training checkpoint.

    Raises:
        ImportSourceError: damaged, or it would have to run code to be loaded.
    """
    with blaming(path.name):
        if path.suffix == ".safetensors":
            import torch

            return {name: torch.from_numpy(array.whole().copy()) for name, array in stored_arrays(path).items()}
        content = _torch_load(path)
        for nest in _NESTS:
            if isinstance(content, dict) and isinstance(content.get(nest), dict):
                content = content[nest]
                break
        import torch

        weights = {name: value for name, value in dict(content).items() if isinstance(value, torch.Tensor)}
        if not weights:
            raise ValueError("it holds no tensors by name; save model.state_dict()")
        return weights


def _torch_load(path: Path) -> Any:
    import torch

    with opened_stream(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        content = torch.load(stream, map_location="cpu", weights_only=True)
    tensors = [value for value in _leaves(content) if isinstance(value, torch.Tensor)]
    # A tensor may repeat one stored number along an axis (stride 0) and so be larger than the file.
    if any(tensor.numel() * tensor.itemsize > size for tensor in tensors):
        raise ValueError("a tensor in it declares more elements than the file holds")
    return content


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from (inner.values() if isinstance(inner, dict) else (inner,))


def _weights_in(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix in SUFFIXES and not p.name.startswith(".") and p.is_file())


def _builder(text: str) -> Callable[[Mapping[str, Any]], torch.nn.Module]:
    module, _, name = text.partition(":")
    # Where people run the command, their module lies.
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        function: Callable[[Mapping[str, Any]], torch.nn.Module] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidSpecError(f"--build {text!r} cannot be used ({error}): give module:function.") from None
    return function


def _inputs(request: Request) -> dict[str, Any]:
    path = Path(str(request.inputs))
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
    folder: Path, request: Request, build: Callable[[Mapping[str, Any]], torch.nn.Module], inputs: Mapping[str, Any]
) -> Candidate:
    paths = _weights_in(folder)
    if not paths:
        raise ImportSourceError(f"{folder.name} holds no {', '.join(SUFFIXES)} file.")
    by_number = {numbered(path.stem): path for path in paths}
    if len(by_number) != len(paths):
        raise ImportSourceError(f"{folder.name} holds two files with the same last number in their names.")
    ordered = [(step_and_epoch(number, request), by_number[number]) for number in sorted(by_number)]
    run_id = run_id_of(folder.name)
    hyperparameters = hyperparameters_of(request, run_id, folder.name)

    def read() -> Iterator[Checkpoint]:
        from engine.prediction import predict

        try:
            model = build(dict(hyperparameters))
        except Exception as error:
            raise InvalidSpecError(
                f"--build {request.build!r} failed on {run_id}: {type(error).__name__}: {error}"
            ) from None
        for (step, epoch), path in ordered:
            _fill(model, load_weights(path), path.name)
            with blaming(path.name):
                predictions = {split: predict(model, values) for split, values in inputs.items()}
            yield Checkpoint(step, epoch, predictions)

    first = next(read())
    shapes = {split: (array.shape[0], array.shape[1]) for split, array in first.predictions.items()}
    # Predicting again only to see that nothing changed would cost as much as the import itself.
    sources = [(step, path.name, _sha256(path)) for (step, _), path in ordered]
    digest = digest_of("weights", request.build, sources, _sha256(Path(str(request.inputs))))
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


def _sha256(path: Path) -> str:
    with opened_stream(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
