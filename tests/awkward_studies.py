"""Degenerate studies for analyses: each gives a result or a named refusal."""

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
    """Record four configurations with one seed each."""
    _study(folder, seeds=1)


def one_configuration(folder: Path) -> None:
    """Record four seeds of one configuration."""
    for seed in range(4):
        times = np.linspace(0, 1, N_CHECKPOINTS)
        _record(folder, f"run-{seed}", times, LABELS, noise_of=seed, architecture="CNN", seed=seed)


def one_run(folder: Path) -> None:
    """Record a single run."""
    _record(folder, "only", np.linspace(0, 1, N_CHECKPOINTS), LABELS, architecture="CNN", seed=0)


def identical_runs(folder: Path) -> None:
    """Record the same trajectory under three seeds: all distances between runs are zero."""
    for seed in range(3):
        _record(folder, f"twin-{seed}", np.linspace(0, 1, N_CHECKPOINTS), LABELS, architecture="CNN", seed=seed)


def different_lengths(folder: Path) -> None:
    """Record runs of one, two, five and nine checkpoints, two of them unfinished."""
    for index, count in enumerate([1, 2, 5, 9]):
        times = np.linspace(0, 0.4 + 0.2 * index, count)
        _record(
            folder, f"run-{index}", times, LABELS, noise_of=index, is_finished=index % 2 == 0,
            architecture="CNN" if index < 2 else "ViT", seed=index % 2,
        )  # fmt: skip


def going_back(folder: Path) -> None:
    """Record runs with non-monotone progress, and one whose progress stays at zero."""
    for seed in range(3):
        times = [0, 0.4, 0.8, 0.3, 0.6, 1.0] if seed < 2 else [0.0] * 6
        _record(
            folder, f"run-{seed}", times, LABELS, noise_of=seed, architecture="CNN", width=8 * (seed + 1), seed=seed
        )


def absent_class(folder: Path) -> None:
    """Record a class absent from all samples, and another absent from the test samples."""
    labels = {"train": LABELS["train"] % 3, "test": LABELS["test"] % 2}
    _study(folder, seeds=2, labels=labels, n_classes=4)


def one_class(folder: Path) -> None:
    """Record samples that all have one label."""
    _study(folder, seeds=2, labels={split: np.zeros_like(true) for split, true in LABELS.items()})


def train_only(folder: Path) -> None:
    """Record a study without test split, with names that are markup or spreadsheet formulas."""
    for seed in range(2):
        for name in ("=1+1", "<b>bold</b>"):
            _record(
                folder, f"{'a' if name[0] == '=' else 'b'}{seed}", np.linspace(0, 1, N_CHECKPOINTS),
                {"train": LABELS["train"]}, noise_of=seed, **{"kind <i>": name, "seed": seed},
            )  # fmt: skip


def confident(folder: Path) -> None:
    """Record two runs that end in one-hot predictions: correct for seven of twelve samples, wrong for the others."""
    for seed in range(2):
        _ever_surer(folder, f"run-{seed}", 7, seed, noise_of=seed)


def some_epochs(folder: Path) -> None:
    """Record a run with epochs and a run without."""
    _ever_surer(folder, "with", 12, 0)
    _ever_surer(folder, "without", 11, 1, has_epochs=False)


def steps_only(folder: Path) -> None:
    """Record one run without epochs."""
    _ever_surer(folder, "only", 12, 0, has_epochs=False)


def _ever_surer(folder: Path, run_id: str, n_right: int, seed: int, noise_of: int = 0, has_epochs: bool = True) -> None:
    labels = LABELS["test"]
    sure = np.where(np.arange(12) < n_right, labels, (labels + 1) % N_CLASSES)
    noise = np.random.default_rng(noise_of).normal(size=(12, N_CLASSES))
    with Recorder(folder, {"seed": seed}, {"train": labels}, run_id=run_id, n_classes=N_CLASSES) as recorder:
        for step, strength in enumerate((0.0, 2.0, 5.0, 40.0)):
            logits = strength * np.eye(N_CLASSES)[sure] + 0.1 * noise
            recorder.record(step=step, epoch=step / 2 if has_epochs else None, train=logits)


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


ALONG_TRAINING = (confident, some_epochs, steps_only)  # degenerate only for analyses along a clock


def record_awkward_studies(folder: Path) -> Path:
    """Folder into which all these studies are recorded."""
    for record in (*AWKWARD.values(), *ALONG_TRAINING):
        record(folder / record.__name__)
    return folder
