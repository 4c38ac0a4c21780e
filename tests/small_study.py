"""Small synthetic study of three architectures.

Their trajectories go from ignorance towards truth on different paths.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from engine import Recorder

N_CLASSES = 4
N_SAMPLES = {"train": 30, "test": 20}
N_CHECKPOINTS = 8
ARCHITECTURES = ("CNN", "ViT", "fully connected")
LEARNING_RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
SEEDS = (0, 1)
N_RUNS = len(ARCHITECTURES) * len(LEARNING_RATES) * len(SEEDS)


def record_small_study(folder: Path, title: str = "Small study") -> Path:
    """Folder into which the study is recorded; every call writes the same predictions."""
    labels = {split: np.arange(n) % N_CLASSES for split, n in N_SAMPLES.items()}
    detours = {
        architecture: {split: np.random.default_rng(k).normal(size=(n, N_CLASSES)) for split, n in N_SAMPLES.items()}
        for k, architecture in enumerate(ARCHITECTURES)
    }
    for architecture, rate, seed in itertools.product(ARCHITECTURES, LEARNING_RATES, SEEDS):
        hyperparameters = {"architecture": architecture, "learning_rate": rate, "seed": seed, "momentum": 0.9}
        run_id = f"{architecture.replace(' ', '-').lower()}-{rate}-{seed}"
        rng = np.random.default_rng([seed, round(1e4 * rate)])
        with Recorder(folder, hyperparameters=hyperparameters, labels=labels, run_id=run_id, title=title) as recorder:
            for checkpoint in range(N_CHECKPOINTS):
                time = checkpoint / (N_CHECKPOINTS - 1)
                logits = {
                    split: _logits(labels[split], detours[architecture][split], time, rate, rng) for split in labels
                }
                recorder.record(step=10 * checkpoint, epoch=float(checkpoint), **logits)
    return folder


def _logits(labels: np.ndarray, detour: np.ndarray, time: float, rate: float, rng: np.random.Generator) -> np.ndarray:
    truth = np.eye(N_CLASSES)[labels]
    strength = 3.0 + np.log10(rate)
    noise = 0.15 * rng.normal(size=detour.shape)
    return time * strength * truth * 3.0 + 4.0 * time * (1.0 - time) * detour + time * noise
