"""Import sources in the formats of other programs, from known predictions."""

from __future__ import annotations

import json
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from safetensors.numpy import save_file

from tests.recording import LABELS, N_CLASSES, log_softmax, logits

N_CHECKPOINTS = 4
RUNS = ("alpha", "beta")
TABLE = "run_id,architecture,learning_rate,is_wide,seed\nalpha,mlp,0.1,true,0\nbeta,cnn,0.01,false,1\n"
HYPERPARAMETERS = {
    "alpha": {"architecture": "mlp", "learning_rate": 0.1, "is_wide": True, "seed": 0},
    "beta": {"architecture": "cnn", "learning_rate": 0.01, "is_wide": False, "seed": 1},
}
CONFIGURATIONS = {
    name: {"seed": seed, "bseed": -1, "aug": "none", "m": "fc", "opt": "sgd", "bs": 4, "lr": 0.1, "wd": 0.0}
    for seed, name in enumerate(RUNS)
}


def log_probabilities(run: str, split: str) -> np.ndarray:
    """(checkpoint, sample, class) float32 log-probabilities of a run."""
    steps = range(N_CHECKPOINTS)
    return np.stack([log_softmax(logits(run, step, split)) for step in steps]).astype(np.float32)


def write_labels(folder: Path) -> Path:
    path = folder / "labels.npz"
    np.savez(path, **LABELS)
    return path


def write_table(folder: Path) -> Path:
    path = folder / "runs.csv"
    path.write_text(TABLE)
    return path


def write_epochs(folder: Path) -> Path:
    for run in RUNS:
        (folder / run).mkdir(parents=True)
        for split in LABELS:
            for epoch, values in enumerate(log_probabilities(run, split)):
                np.save(folder / run / f"{split}_epoch{epoch}.npy", np.exp(values))
    return folder


def write_arrays(folder: Path, suffix: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for run in RUNS:
        arrays = {split: log_probabilities(run, split) for split in LABELS}
        arrays["steps"] = np.arange(N_CHECKPOINTS) * 10
        if suffix == ".npz":
            np.savez(folder / f"{run}.npz", **arrays)
        else:
            save_file(arrays, folder / f"{run}.safetensors")
    return folder


def write_study_pickles(folder: Path, make: Callable[[np.ndarray], Any] = torch.from_numpy) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for run in RUNS:
        both = zip(log_probabilities(run, "train"), log_probabilities(run, "test"), strict=True)
        data = [{"yh": make(yh), "yvh": make(yvh[:, None]), "f": make(yh[:, :1])} for yh, yvh in both]
        name = json.dumps(CONFIGURATIONS[run]).replace(" ", "")
        torch.save({"data": data, "configs": types.SimpleNamespace(bs=4)}, folder / f"{name}.p")
    return folder


def write_hdf5(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for run in RUNS:
        with h5py.File(folder / f"{run}.h5", "w") as file:
            for split in LABELS:
                rounded = np.round(np.exp(log_probabilities(run, split).astype(np.float64)), 4)
                file.create_dataset(split, data=rounded.astype(np.float16), compression="gzip")
    return folder


def network(hyperparameters: dict[str, Any]) -> torch.nn.Module:
    """Network builder for ``--build``."""
    torch.manual_seed(hyperparameters.get("seed", 0))
    return torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, N_CLASSES))


def write_weights(folder: Path) -> tuple[Path, Path, dict[str, list[dict[str, np.ndarray]]]]:
    """Paths of saved weights and inputs, and the networks' log-probabilities before saving."""
    from engine import predict

    inputs = {
        split: np.random.default_rng(1).normal(size=(len(y), 2)).astype(np.float32) for split, y in LABELS.items()
    }
    expected: dict[str, list[dict[str, np.ndarray]]] = {}
    for run in RUNS:
        (folder / run).mkdir(parents=True)
        model = network({"seed": 7})
        for epoch in range(3):
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter += torch.randn_like(parameter) / 2
            model(torch.randn(16, 2))
            expected.setdefault(run, []).append({split: predict(model, x) for split, x in inputs.items()})
            wrapped = {f"module.{name}": value for name, value in model.state_dict().items()}
            content = {"epoch": epoch, "state_dict": wrapped} if run == "beta" else model.state_dict()
            torch.save(content, folder / run / f"checkpoint-{epoch}.pt")
    np.savez(folder.parent / "inputs.npz", **inputs)
    return folder, folder.parent / "inputs.npz", expected
