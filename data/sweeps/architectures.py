"""Five network families in two sizes, for images and signals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from data.sweeps.datasets import N_CLASSES

SIZES = ("small", "large")


@dataclass(frozen=True, slots=True)
class Layers:
    """Layers that depend on the number of spatial dimensions.

    Attributes:
        position_shape: (8, 8) for scans, (40,) for signals.
    """

    position_shape: tuple[int, ...]

    @property
    def is_signal(self) -> bool:
        return len(self.position_shape) == 1

    @property
    def kernel_size(self) -> int:
        """Kernel sides of 5 and 3 cover 5 values and 9 values: comparable neighbourhoods."""
        return 5 if self.is_signal else 3

    @property
    def patch_size(self) -> int:
        """Patches of 4 values cut a signal into 10, a scan (2x2) into 16."""
        return 4 if self.is_signal else 2

    def convolution(self, n_in: int, n_out: int, size: int, *, stride: int = 1, groups: int = 1) -> nn.Module:
        kind = nn.Conv1d if self.is_signal else nn.Conv2d
        padding = 0 if stride == size else size // 2
        return kind(n_in, n_out, size, stride=stride, padding=padding, groups=groups, bias=False)

    def normalisation(self, n_channels: int) -> nn.Module:
        return nn.BatchNorm1d(n_channels) if self.is_signal else nn.BatchNorm2d(n_channels)

    def mean_over_positions(self) -> nn.Module:
        pool = nn.AdaptiveAvgPool1d(1) if self.is_signal else nn.AdaptiveAvgPool2d(1)
        return nn.Sequential(pool, nn.Flatten())


class Residual(nn.Module):
    """Sum of a branch and its (possibly reshaped) input."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut or nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.shortcut(inputs) + self.branch(inputs)
        return outputs


class Patches(nn.Module):
    """Patch embedding: cut into patches, map each to a token, add a learned position."""

    def __init__(self, layers: Layers, width: int) -> None:
        super().__init__()
        self.project = layers.convolution(1, width, layers.patch_size, stride=layers.patch_size)
        n_tokens = math.prod(side // layers.patch_size for side in layers.position_shape)
        self.positions = nn.Parameter(0.1 * torch.randn(1, n_tokens, width))

    def forward(self, inputs: Tensor) -> Tensor:
        tokens: Tensor = self.project(inputs).flatten(2).transpose(1, 2) + self.positions
        return tokens


class MeanToken(nn.Module):
    """Mean over tokens: (sample, token, width) to (sample, width)."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens.mean(dim=1)


def fully_connected(layers: Layers, size: str) -> nn.Module:
    """Return a perceptron with two hidden layers of 32 or 256 units."""
    width = {"small": 32, "large": 256}[size]
    n_inputs = math.prod(layers.position_shape)
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(n_inputs, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, N_CLASSES),
    )


def cnn(layers: Layers, size: str) -> nn.Module:
    """Return three strided convolutions with batch normalisation, and a linear read-out of every position.

    Source: the convolutional baseline of Greydanus and Kobak, arXiv:2011.14439, normalised.
    """
    width = {"small": 12, "large": 32}[size]
    kernel = layers.kernel_size
    positions = layers.position_shape
    stages: list[nn.Module] = []
    for stage in range(3):
        stages += [layers.convolution(width if stage else 1, width, kernel, stride=2)]
        stages += [layers.normalisation(width), nn.ReLU()]
        positions = tuple(math.ceil(side / 2) for side in positions)
    return nn.Sequential(*stages, nn.Flatten(), nn.Linear(width * math.prod(positions), N_CLASSES))


def residual(layers: Layers, size: str) -> nn.Module:
    """Return one or two basic blocks in each of two stages, with batch normalisation and a mean over positions.

    Source: K. He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
    """
    width, n_blocks = {"small": (8, 1), "large": (16, 2)}[size]
    kernel = layers.kernel_size

    def block(n_in: int, n_out: int, stride: int) -> nn.Module:
        branch = nn.Sequential(
            layers.convolution(n_in, n_out, kernel, stride=stride),
            layers.normalisation(n_out),
            nn.ReLU(),
            layers.convolution(n_out, n_out, kernel),
            layers.normalisation(n_out),
        )
        shortcut = None
        if n_in != n_out:
            shortcut = nn.Sequential(layers.convolution(n_in, n_out, 1, stride=stride), layers.normalisation(n_out))
        return nn.Sequential(Residual(branch, shortcut), nn.ReLU())

    stem = [layers.convolution(1, width, kernel), layers.normalisation(width), nn.ReLU()]
    first = [block(width, width, 1) for _ in range(n_blocks)]
    second = [block(width, 2 * width, 2)] + [block(2 * width, 2 * width, 1) for _ in range(n_blocks - 1)]
    return nn.Sequential(*stem, *first, *second, layers.mean_over_positions(), nn.Linear(2 * width, N_CLASSES))


def convmixer(layers: Layers, size: str) -> nn.Module:
    """Return a ConvMixer: patches, then alternating depthwise and pointwise convolutions.

    Source: A. Trockman and J. Z. Kolter, Patches Are All You Need?, TMLR 2023.
    """
    width, depth = {"small": (16, 2), "large": (32, 3)}[size]

    def activation() -> list[nn.Module]:
        return [nn.GELU(), layers.normalisation(width)]

    stem = [layers.convolution(1, width, 2, stride=2), *activation()]
    mixers: list[nn.Module] = []
    for _ in range(depth):
        across_positions = nn.Sequential(
            layers.convolution(width, width, layers.kernel_size, groups=width), *activation()
        )
        mixers += [Residual(across_positions), layers.convolution(width, width, 1), *activation()]
    return nn.Sequential(*stem, *mixers, layers.mean_over_positions(), nn.Linear(width, N_CLASSES))


def vit(layers: Layers, size: str) -> nn.Module:
    """Return a vision transformer: patches, pre-normalised self-attention blocks, mean over tokens, no dropout.

    Source: A. Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021.
    """
    width, depth, n_heads = {"small": (24, 2, 2), "large": (48, 2, 4)}[size]
    blocks = [
        nn.TransformerEncoderLayer(width, n_heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        for _ in range(depth)
    ]
    return nn.Sequential(Patches(layers, width), *blocks, MeanToken(), nn.LayerNorm(width), nn.Linear(width, N_CLASSES))


ARCHITECTURES: dict[str, Callable[[Layers, str], nn.Module]] = {
    "fully connected": fully_connected,
    "CNN": cnn,
    "residual": residual,
    "ConvMixer": convmixer,
    "ViT": vit,
}


def build_network(architecture: str, size: str, position_shape: tuple[int, ...]) -> nn.Module:
    """Build a newly initialised network that maps (sample, channel, *position) to logits (sample, class).

    Args:
        architecture: key of ``ARCHITECTURES``.
        size: ``"small"`` or ``"large"``.
        position_shape: (8, 8) for scans, (40,) for signals.

    Returns:
        A network with torch's default initialisation, drawn from torch's global generator.
    """
    return ARCHITECTURES[architecture](Layers(position_shape), size)


def count_parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
