"""Studies that an analysis must have an answer for, or say why it has none: what real folders of runs look like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine import Recorder

N_CLASSES = 3
LABELS = {"train": np.arange(18) % N_CLASSES, "test": np.arange(12) % N_CLASSES}
N_CHECKPOINTS = 6


def _record(
    folder: Path,
    run_id: str,
    times: Any,
    labels: dict[str, np.ndarray],
    n_classes: int = N_CLASSES,
    *,
    noise_of: int = 0,
    is_finished: bool = True,
    **hyperparameters: Any,
) -> None:
    recorder = Recorder(
        folder, hyperparameters=hyperparameters, labels=labels, run_id=run_id,
        class_names=[f"class {c}" for c in range(n_classes)],
    )  # fmt: skip
    rng = np.random.default_rng(noise_of)
    detour = {split: rng.normal(size=(len(true), n_classes)) for split, true in labels.items()}
    for step, time in enumerate(times):
        logits = {
            split: 5 * time * np.eye(n_classes)[true] + 3 * time * (1.2 - time) * detour[split]
            for split, true in labels.items()
        }
        recorder.record(step=step, epoch=step / 2, **logits)
    if is_finished:
        recorder.close()
    else:
        recorder._writer.close()


def _study(folder: Path, *, seeds: int, labels: dict[str, np.ndarray] = LABELS, n_classes: int = N_CLASSES) -> None:
    for index, (architecture, rate) in enumerate([("CNN", 0.1), ("CNN", 0.01), ("ViT", 0.1), ("ViT", 0.01)]):
        for seed in range(seeds):
            times = np.linspace(0, 0.7 + 0.1 * index, N_CHECKPOINTS)
            _record(
                folder, f"{architecture}-{rate}-s{seed}".lower(), times, labels, n_classes,
                noise_of=10 * index + seed, architecture=architecture, learning_rate=rate, seed=seed,
            )  # fmt: skip


def one_seed(folder: Path) -> None:
    """Four configurations, each trained once."""
    _study(folder, seeds=1)


def one_configuration(folder: Path) -> None:
    """Four seeds of one configuration: no hyperparameter but the seed differs."""
    for seed in range(4):
        times = np.linspace(0, 1, N_CHECKPOINTS)
        _record(folder, f"run-{seed}", times, LABELS, noise_of=seed, architecture="CNN", seed=seed)


def one_run(folder: Path) -> None:
    """A single run."""
    _record(folder, "only", np.linspace(0, 1, N_CHECKPOINTS), LABELS, architecture="CNN", seed=0)


def identical_runs(folder: Path) -> None:
    """The same trajectory recorded under three seeds: every distance between them is zero."""
    for seed in range(3):
        _record(folder, f"twin-{seed}", np.linspace(0, 1, N_CHECKPOINTS), LABELS, architecture="CNN", seed=seed)


def different_lengths(folder: Path) -> None:
    """Runs of one, two, five and nine checkpoints, two of them unfinished."""
    for index, count in enumerate([1, 2, 5, 9]):
        times = np.linspace(0, 0.4 + 0.2 * index, count)
        _record(
            folder, f"run-{index}", times, LABELS, noise_of=index, is_finished=index % 2 == 0,
            architecture="CNN" if index < 2 else "ViT", seed=index % 2,
        )  # fmt: skip


def going_back(folder: Path) -> None:
    """Runs whose progress rises, falls and rises again, and one that never moves."""
    for seed in range(3):
        times = [0, 0.4, 0.8, 0.3, 0.6, 1.0] if seed < 2 else [0.0] * 6
        _record(
            folder, f"run-{seed}", times, LABELS, noise_of=seed, architecture="CNN", width=8 * (seed + 1), seed=seed
        )


def absent_class(folder: Path) -> None:
    """A class that no sample has, and another that the test samples lack."""
    labels = {"train": LABELS["train"] % 3, "test": LABELS["test"] % 2}
    _study(folder, seeds=2, labels=labels, n_classes=4)


def one_class(folder: Path) -> None:
    """Every sample has the same label."""
    _study(folder, seeds=2, labels={split: np.zeros_like(true) for split, true in LABELS.items()})


def train_only(folder: Path) -> None:
    """No test split, and names that would be markup or a formula."""
    for seed in range(2):
        for name in ("=1+1", "<b>bold</b>"):
            _record(
                folder, f"{'a' if name[0] == '=' else 'b'}{seed}", np.linspace(0, 1, N_CHECKPOINTS),
                {"train": LABELS["train"]}, noise_of=seed, **{"kind <i>": name, "seed": seed},
            )  # fmt: skip


AWKWARD: dict[str, Callable[[Path], None]] = {
    recorded.__name__: recorded
    for recorded in (
        one_seed,
        one_configuration,
        one_run,
        identical_runs,
        different_lengths,
        going_back,
        absent_class,
        one_class,
        train_only,
    )
}


def record_awkward_studies(folder: Path) -> Path:
    """Record all of them into a folder and return it."""
    for name, record in AWKWARD.items():
        record(folder / name)
    return folder
