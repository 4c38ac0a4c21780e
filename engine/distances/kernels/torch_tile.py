"""Torch kernel: batched matrix products, one logarithm per four samples.

Runs on any torch device; the readable reference for the other kernels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engine.distances.kernels.contract import OVERLAP_FLOOR, may_cap
from engine.errors import DeviceError

TILE = 256
SAMPLES_PER_LOG = 4
START = 2.0**126
"""Start of a product: four overlaps at the floor still end in a normal float32."""
CPU_BUFFER_BYTES = 4 * 2**20
"""Bytes of overlaps in flight on a CPU; more would leave its cache."""
DEVICE_BUFFER_BYTES = 256 * 2**20
"""The same on another device, where each step has a launch overhead."""
LEAST_BUFFER_BYTES = 4 * TILE**2 * SAMPLES_PER_LOG
"""Overlaps of one tile and one group of samples; smaller steps are not tried."""


@dataclass(frozen=True, slots=True, eq=False)
class TorchPanels:
    """Square roots as a (sample, model, class) float32 tensor; on the host if the device has no room."""

    roots: torch.Tensor
    smallest: float

    @property
    def n_models(self) -> int:
        return int(self.roots.shape[1])


def allocate(shape: tuple[int, int, int], device: torch.device) -> torch.Tensor:
    """Return an uninitialised float32 tensor on the device, or on the host if the device has no room."""
    try:
        return torch.empty(shape, dtype=torch.float32, device=device)
    except torch.OutOfMemoryError:
        return torch.empty(shape, dtype=torch.float32)


class TorchKernel:
    """Tiles through ``torch.bmm``; the contract is in ``engine/distances/kernels/contract.py``."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)
        self.buffer_bytes = CPU_BUFFER_BYTES if self.device.type == "cpu" else DEVICE_BUFFER_BYTES

    def pack(self, roots: Iterable[NDArray[np.float32]], n_models: int) -> TorchPanels:
        """Return the blocks on the device, with the sample axis first."""
        packed: torch.Tensor | None = None
        smallest, start = np.inf, 0
        for block in roots:
            if packed is None:
                _, n_samples, n_classes = block.shape
                packed = allocate((n_samples, n_models, n_classes), self.device)
            packed[:, start : start + len(block)] = torch.from_numpy(block).to(packed.device).transpose(0, 1)
            smallest = min(smallest, float(block.min()))
            start += len(block)
        assert packed is not None
        assert start == n_models
        return TorchPanels(packed, smallest)

    def tile(self, rows: TorchPanels, columns: TorchPanels | None) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Return (row, column) mean distances and counts of capped overlaps.

        Raises:
            DeviceError: the device has no memory for the smallest step.
        """
        other = rows if columns is None else columns
        counting = may_cap(rows, other)
        values = np.empty((rows.n_models, other.n_models))
        capped = np.zeros(values.shape, dtype=np.int32)
        for i in range(0, rows.n_models, TILE):
            for j in range(0, i + 1 if columns is None else other.n_models, TILE):
                row, column = slice(i, i + TILE), slice(j, j + TILE)
                part, count = self._part_that_fits(rows.roots[:, row], other.roots[:, column], counting)
                values[row, column], capped[row, column] = part, count
                if columns is None:
                    # In a diagonal tile a matrix product may round (i, j) and (j, i) differently.
                    mirrored = np.tril(part) + np.tril(part, -1).T if i == j else part.T
                    values[column, row], capped[column, row] = mirrored, count.T
        return values, capped

    def _part_that_fits(
        self, rows: torch.Tensor, columns: torch.Tensor, counting: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Return ``_part``, halving the buffer whenever the device runs out of memory."""
        while True:
            try:
                return self._part(rows, columns, counting)
            except torch.OutOfMemoryError as error:
                if self.buffer_bytes <= LEAST_BUFFER_BYTES:
                    raise DeviceError(
                        f"The device {str(self.device)!r} has no memory left for {SAMPLES_PER_LOG} samples of a tile "
                        f"of {TILE} x {TILE} models, the smallest step there is. Free memory on it, or choose the "
                        "device 'cpu'."
                    ) from error
                self.buffer_bytes //= 2

    def _part(
        self, rows: torch.Tensor, columns: torch.Tensor, counting: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Return mean distances and capped overlaps of one tile; ``counting`` is whether any may be capped."""
        n_samples, shape = len(rows), (rows.shape[1], columns.shape[1])
        total = torch.zeros(shape, dtype=torch.float64, device=self.device)
        capped = torch.zeros(shape, dtype=torch.int32, device=self.device)
        step = max(1, self.buffer_bytes // (4 * shape[0] * shape[1] * SAMPLES_PER_LOG)) * SAMPLES_PER_LOG
        for n in range(0, n_samples, step):
            left, right = (side[n : n + step].to(self.device) for side in (rows, columns))
            overlaps = torch.bmm(left, right.transpose(1, 2))
            if counting:
                capped += (overlaps < OVERLAP_FLOOR).sum(dim=0, dtype=torch.int32)
            overlaps.clamp_(min=OVERLAP_FLOOR)
            whole = len(overlaps) // SAMPLES_PER_LOG * SAMPLES_PER_LOG
            if whole:
                products = START * overlaps[0:whole:SAMPLES_PER_LOG]
                for k in range(1, SAMPLES_PER_LOG):
                    products *= overlaps[k:whole:SAMPLES_PER_LOG]
                # Mantissa only: log(2^126 x) would have the rounding error of a number of 87 nats.
                mantissa, exponent = torch.frexp(products)
                total += mantissa.log_().sum(dim=0, dtype=torch.float64)
                total += (exponent - 126).sum(dim=0).to(torch.float64) * np.log(2.0)
            if whole < len(overlaps):
                total += overlaps[whole:].log_().sum(dim=0, dtype=torch.float64)
        return (total / -n_samples).cpu().numpy(), capped.cpu().numpy()
