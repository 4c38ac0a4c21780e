"""Tiles of the Triton kernel, on a device or interpreted.

The interpreter is chosen before Triton is imported. ``python -m tests.triton_tiles FILE cuda`` and
``TRITON_INTERPRET=1 python -m tests.triton_tiles FILE cpu`` write the arrays that
tests/engine/distances/test_triton.py judges.
"""

from __future__ import annotations

import sys

import numpy as np

from engine.errors import DeviceError
from tests import families, oracles

FAMILIES = {
    "cloud": lambda: families.dirichlet_cloud(),
    "training": lambda: families.training_family()[0],
    "twins": lambda: families.near_twins(),
    "tiny": lambda: families.tiny_probabilities(),
    "two classes": lambda: families.dirichlet_cloud(30, 41, 2),
    "one sample": lambda: families.dirichlet_cloud(20, 1, 10),
    "a hundred classes": lambda: families.dirichlet_cloud(20, 6, 100, 0.1),
    "a thousand classes": lambda: families.dirichlet_cloud(9, 3, 1000, 0.1),
    "three tiles, two stretches": lambda: families.dirichlet_cloud(133, 145, 4),
    "one tile of three in bfloat16": lambda: mixed(),
    "capped": lambda: capped(),
}


def mixed():
    """(131, 6, 3): models near ignorance, except the last two, which are certain of different classes."""
    models = families.normalised(0.5 * np.random.default_rng(1).standard_normal((131, 6, 3)))
    for model, label in ((129, 0), (130, 1)):
        models[model] = families.normalised(np.where(np.arange(3) == label, 0.0, -40.0) * np.ones((6, 1)))
    return models


def capped():
    """(20, 30, 3): logits of a range in which many overlaps are under the floor."""
    return families.normalised(150.0 * np.random.default_rng(0).standard_normal((20, 30, 3)))


def roots(models):
    """(model, sample, class) float32 square roots of probabilities."""
    return np.sqrt(oracles.probabilities(models)).astype(np.float32)


def tile(kernel, rows, columns=None):
    """Values and capped counts of a tile; panels are packed from two blocks."""
    packed = [
        None if block is None else kernel.pack([roots(block[:3]), roots(block[3:])], len(block))
        for block in (rows, columns)
    ]
    return kernel.tile(*packed)


def main(path: str, device: str) -> None:
    """Write values and counts of every family, and of tiles after an injected out-of-memory error."""
    import torch

    from engine.distances.kernels.triton_tile import TritonKernel

    np.seterr(over="raise", invalid="raise")
    found = {}
    for precision in ("float32", "float16"):
        for name, make in FAMILIES.items():
            values, counts = tile(TritonKernel(device, precision=precision), make().astype(np.float32))
            found[f"{precision} {name}"], found[f"{precision} {name} counts"] = values, counts

    models = families.dirichlet_cloud(140, 70)
    found["rectangle"], _ = tile(TritonKernel(device), models[:5], models[5:])

    class ShortOfMemory(TritonKernel):
        room = 0

        def _launch(self, left, right, tiles, counting):
            if left.shape[1] * len(tiles) > self.room:
                raise torch.OutOfMemoryError
            return super()._launch(left, right, tiles, counting)

    kernel = ShortOfMemory(device)
    kernel.room = 40
    found["little memory"], _ = tile(kernel, models)
    found["shrunk to"] = np.array([kernel.tiles_per_launch, kernel.samples_per_launch])
    kernel.room = 0
    try:
        tile(kernel, models)
    except DeviceError as error:
        found["refusal"] = np.array(str(error))
    np.savez(path, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
