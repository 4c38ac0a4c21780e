"""Seeded families of models for numerical tests."""

from __future__ import annotations

import numpy as np


def normalised(logits):
    logits = np.asarray(logits, dtype=np.float64)
    top = logits.max(axis=-1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(axis=-1, keepdims=True))


def coins(probabilities=None):
    """(model, 1, 2): one sample, two classes; the Bhattacharyya distance is -log cos of an angle."""
    p = np.linspace(0.05, 0.95, 11) if probabilities is None else np.asarray(probabilities, dtype=np.float64)
    return np.log(np.stack([p, 1 - p], axis=-1))[:, None, :]


def dirichlet_cloud(n_models=40, n_samples=9, n_classes=5, concentration=0.3, seed=0):
    """Scattered models; their Bhattacharyya embedding has many time-like components."""
    random = np.random.default_rng(seed)
    p = random.dirichlet(np.full(n_classes, concentration), size=(n_models, n_samples))
    return normalised(np.log(p + 1e-12))


def training_family(n_runs=4, n_checkpoints=12, n_samples=30, n_classes=10, seed=0):
    """Runs from near ignorance towards the labels on different paths: (model, sample, class), labels."""
    labels = np.random.default_rng(99).integers(0, n_classes, n_samples)
    truth = np.eye(n_classes)[labels]
    models = []
    for run in range(n_runs):
        random = np.random.default_rng(seed + run)
        start, bias = random.standard_normal((2, n_samples, n_classes))
        for time in np.geomspace(0.01, 3.0, n_checkpoints):
            models.append(0.1 * start + time * (3.0 * truth + bias))
    return normalised(np.stack(models)).astype(np.float32), labels


def learning_runs(n_runs=10, n_checkpoints=6, n_samples=30, n_classes=3, shared=0.0, seed=0):
    """Runs that learn each sample at a time of its own; a share of its variance is that of every second run.

    Returns a list of (checkpoint, sample, class) float32 arrays and the labels. With ``shared=0`` runs agree on classes
    and nothing else: dealing samples out anew within classes gives another draw of the same law.
    """
    random = np.random.default_rng(seed)
    labels = np.arange(n_samples) % n_classes
    truth, times = np.eye(n_classes)[labels], np.linspace(0, 1, n_checkpoints)[:, None, None]
    in_common, of_classes = random.standard_normal((2, n_samples)), 0.5 * random.standard_normal(n_classes)[labels]
    runs = []
    for run in range(n_runs):
        own, rate = random.standard_normal(n_samples), np.exp(0.3 * random.standard_normal())
        hard = np.sqrt(shared) * in_common[run % 2] + np.sqrt(1 - shared) * own
        hard += of_classes + 0.3 * random.standard_normal(n_classes)[labels]
        learned = 1 / (1 + np.exp(-4 * (2 * rate * times - 1 - 0.5 * hard[:, None])))
        detour = random.standard_normal((n_samples, n_classes))
        runs.append(normalised(6 * learned * truth + 4 * learned * (1 - learned) * detour).astype(np.float32))
    return runs, labels


def near_twins(n_models=10, n_samples=50, n_classes=7, seed=0):
    """One model and decreasing perturbations of it: distances from 1e-1 down to 1e-10."""
    random = np.random.default_rng(seed)
    logits = 2.0 * random.standard_normal((n_samples, n_classes))
    sizes = np.concatenate([[0.0], np.geomspace(1.0, 1e-4, n_models - 1)])
    return normalised(logits + sizes[:, None, None] * random.standard_normal((n_models, n_samples, n_classes)))


def tiny_probabilities(n_models=12, n_samples=20, n_classes=6, seed=0):
    """Over-confident models with probabilities down to 1e-30, which agree only by chance."""
    random = np.random.default_rng(seed)
    logits = random.uniform(-69.0, 0.0, (n_models, n_samples, n_classes))
    return normalised(logits)


def one_hot(labels, n_classes):
    """(sample, class) log-probabilities of one-hot labels."""
    with np.errstate(divide="ignore"):
        return np.log(np.eye(n_classes)[np.asarray(labels)])
