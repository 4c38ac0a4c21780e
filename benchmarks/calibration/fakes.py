"""Simulated studies with known truth: trajectories of configurations and seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.trajectories.mean_distance import trajectory_distances

Array = NDArray[np.float64]
Logs = NDArray[np.float32]
Ints = NDArray[np.int64]

N_DIRECTIONS, N_SAMPLES, N_CLASSES = 6, 8, 3
STEEPNESS = 0.6
"""Standard deviation of the logits among configurations."""
SEED_NOISE = 0.5
"""Standard deviation among seeds, in that among configurations: a seed pair has a fifth of the variance."""
WAYS = np.random.default_rng(99).normal(size=(N_DIRECTIONS, N_SAMPLES, N_CLASSES))
"""Directions in the space of logits, the same in every study."""


@dataclass(frozen=True, slots=True)
class Design:
    """A kind of study.

    Attributes:
        n_configurations, n_seeds: their numbers.
        effect: distance of the two levels' means, in standard deviations of the first direction.
        strong: the same for another hyperparameter, along the second direction.
        confounded: probability that a configuration's level is that of the other hyperparameter; 0.5 means a balanced
            design in which both levels of both meet equally often.
        share: share of the configurations at the second level.
        spread: standard deviation of the second level, relative to the first.
        decay: standard deviation of each direction relative to the one before it: 0.7 makes 2.8 effective directions,
            0.5 makes 1.7.
    """

    n_configurations: int
    n_seeds: int = 2
    effect: float = 0.0
    strong: float = 0.0
    confounded: float = 0.5
    share: float = 0.5
    spread: float = 1.0
    decay: float = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """A simulated study.

    Attributes:
        trajectories: (run, point, sample, class) log-probabilities.
        codes: (run,) configurations.
        levels, other: (configuration,) levels of the two hyperparameters.
    """

    trajectories: Logs
    codes: Ints
    levels: Ints
    other: Ints

    def distances(self) -> Array:
        """Return the (run, run) distances between the trajectories."""
        return trajectory_distances(self.trajectories, device="cpu")


def simulate(
    design: Design, rng: np.random.Generator, seeds: np.random.Generator | None = None, n_points: int = 3
) -> Study:
    """Return a study of a design.

    Args:
        design: the design.
        rng: draws levels and configurations.
        seeds: draws the seeds' noise; None: ``rng`` does.
        n_points: points of the clock, from ignorance (exclusive) to the end.
    """
    n = design.n_configurations
    place = np.arange(n)
    other = (place // 2) % 2
    if design.confounded == 0.5:
        levels = place % 2 if design.share == 0.5 else (place >= round((1 - design.share) * n)).astype(np.int64)
    else:
        levels = np.where(rng.random(n) < design.confounded, other, 1 - other)
    sizes = design.decay ** np.arange(N_DIRECTIONS)
    sizes /= np.linalg.norm(sizes)
    own = rng.normal(size=(n, N_DIRECTIONS)) * np.where(levels, design.spread, 1.0)[:, None]
    own[:, 0] += design.effect * levels
    own[:, 1] += design.strong * other
    codes = np.repeat(place, design.n_seeds)
    noise = (seeds or rng).normal(size=(len(codes), N_DIRECTIONS))
    logits = STEEPNESS * np.einsum("rd,dsk->rsk", (own[codes] + SEED_NOISE * noise) * sizes, WAYS)
    logits[:, :, 0] += 2.0
    moved = np.linspace(0, 1, n_points + 1)[None, 1:, None, None] * logits[:, None]
    return Study(normalised(moved), codes, levels, other)


def checkpoints(study: Study) -> Logs:
    """Return (model, sample, class) the trajectories' points as models of one embedding."""
    return study.trajectories.reshape(-1, N_SAMPLES, N_CLASSES)


def on_samples(n_models: int, n_samples: int, rng: np.random.Generator, similar: float = 0.5) -> Logs:
    """Return (model, sample, class) log-probabilities of models on a draw of samples.

    Models go from ignorance to the truth along their own paths; samples differ in difficulty.

    Args:
        n_models: their number, the same models in every draw.
        n_samples: size of the draw.
        rng: draws the samples.
        similar: standard deviation of what is each model's own.
    """
    time = np.linspace(0.1, 1.0, n_models)[:, None, None]
    ease = np.exp(0.5 * rng.normal(size=(1, n_samples, 1)))
    logits = similar * rng.normal(size=(n_models, n_samples, N_CLASSES)) * np.sqrt(time)
    logits += time * rng.normal(size=(1, n_samples, N_CLASSES))
    logits[:, :, :1] += 4.0 * time * ease
    return normalised(logits)


def normalised(logits: Array) -> Logs:
    """Return log-probabilities of logits."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), dtype=np.float32)
