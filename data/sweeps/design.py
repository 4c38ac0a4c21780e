"""Experimental design: networks crossed with optimisers, two-level factors in a fraction."""

from __future__ import annotations

from dataclasses import dataclass

from data.sweeps.architectures import ARCHITECTURES, SIZES

OPTIMIZERS = ("sgd", "sgd-nesterov", "adam")
SEEDS = (0, 1)

FRACTION = {
    "fully connected": ("010", "100", "001"),
    "CNN": ("100", "101", "110"),
    "residual": ("011", "010", "110"),
    "ConvMixer": ("101", "011", "001"),
    "ViT": ("011", "001", "101"),
}
"""Levels of learning rate, batch size and weight decay (0 low, 1 high) for the three optimisers, in small networks;
large networks have the opposite level. Found by a random search under these conditions, which the tests repeat: each
network has both levels of each factor, and no two factors agree or disagree throughout a network; over the study every
level occurs equally often with every architecture and every optimiser, and pairs of two-level factors (size included)
agree in 14 or 16 of 30 configurations, the nearest to 15 that the parity of the design allows."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Low and high values of the two-level factors in one study.

    Attributes:
        learning_rates: per optimiser (low, high); not scaled with the batch size. Those of Nesterov momentum are a
            tenth of plain SGD's, because momentum 0.9 makes each gradient count ten times in the long run.
        batch_sizes: (low, high), samples.
        weight_decays: (low, high), added to the gradient for all three optimisers.
        n_epochs: length of every run.
    """

    learning_rates: dict[str, tuple[float, float]]
    batch_sizes: tuple[int, int]
    weight_decays: tuple[float, float]
    n_epochs: int


LEVELS = {
    "digits": Levels(
        learning_rates={"sgd": (0.05, 0.15), "sgd-nesterov": (0.005, 0.015), "adam": (0.0005, 0.002)},
        batch_sizes=(32, 128),
        weight_decays=(0.0, 0.003),
        n_epochs=40,
    ),
    "mnist1d": Levels(
        learning_rates={"sgd": (0.075, 0.15), "sgd-nesterov": (0.0075, 0.015), "adam": (0.001, 0.003)},
        batch_sizes=(50, 200),
        weight_decays=(0.0, 0.003),
        n_epochs=40,
    ),
}


@dataclass(frozen=True, slots=True)
class RunDesign:
    """Settings of one run."""

    architecture: str
    size: str
    optimizer: str
    learning_rate: float
    batch_size: int
    weight_decay: float
    seed: int
    n_epochs: int

    @property
    def run_id(self) -> str:
        return (
            f"{self.architecture.lower().replace(' ', '-')}-{self.size}-{self.optimizer}-lr{self.learning_rate:g}"
            f"-bs{self.batch_size}-wd{self.weight_decay:g}-s{self.seed}"
        )


def design_runs(levels: Levels) -> tuple[RunDesign, ...]:
    """Return the 5 x 2 x 3 configurations of a study, each with both seeds.

    Args:
        levels: low and high values of the factors.

    Returns:
        60 settings, the first seed of every configuration before the second.
    """
    return tuple(
        RunDesign(
            architecture=architecture,
            size=size,
            optimizer=optimizer,
            learning_rate=levels.learning_rates[optimizer][learning_rate],
            batch_size=levels.batch_sizes[batch_size],
            weight_decay=levels.weight_decays[weight_decay],
            seed=seed,
            n_epochs=levels.n_epochs,
        )
        for seed in SEEDS
        for architecture in ARCHITECTURES
        for size in SIZES
        for optimizer in OPTIMIZERS
        for learning_rate, batch_size, weight_decay in [_fraction(architecture, size, optimizer)]
    )


def _fraction(architecture: str, size: str, optimizer: str) -> tuple[int, ...]:
    """Return the levels (0 or 1) of learning rate, batch size and weight decay."""
    column, opposite = OPTIMIZERS.index(optimizer), SIZES.index(size)
    return tuple(int(pattern[column]) ^ opposite for pattern in FRACTION[architecture])
