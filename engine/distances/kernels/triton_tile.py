r"""CUDA kernel: launches of the Triton program, with a bfloat16 fallback.

A root stored as two float16 terms, scaled by :math:`2^{15}`, has an error of at most
:math:`\max(2^{-22} s, 2^{-40})`. As :math:`\sum_c s_c \le \sqrt{C}`, an overlap :math:`b` has an error of at most
:math:`3 \cdot 2^{-22} b + 2^{-39} \sqrt{C}`: less than 1e-6 relative for :math:`b \ge 2^{-17} \sqrt{C}`. Every program
reports its smallest overlap; a tile with a smaller one is recomputed with three bfloat16 terms, which have the range of
float32. Trained networks rarely disagree that much.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from triton.compiler import max_shared_mem
from triton.tools.tensor_descriptor import TensorDescriptor

from engine.distances.kernels.contract import may_cap
from engine.distances.kernels.torch_tile import allocate
from engine.distances.kernels.triton_program import (
    BLOCK,
    EXACT,
    HOPPER_SHARED_BYTES,
    ROUND,
    SAFE_OVERLAP,
    SAMPLES_PER_MOVE,
    SCALE_BITS,
    SPLIT,
    WARPS,
    choose_shape,
    constants,
    start_bits,
    sum_logarithms,
)
from engine.errors import DeviceError

TILES_PER_LAUNCH = 2048
NEIGHBOURS = 12
"""Tiles are launched in squares of 12 x 12: concurrent programs then share their loads in the second-level cache, and
the card's memory is read a sixth as often as row by row."""
FEWEST_SAMPLES = 64
"""Least samples per program; with fewer, further programs per tile cost more than they save."""


@dataclass(frozen=True, slots=True, eq=False)
class TritonPanels:
    """Square roots of the models' probabilities, padded to whole tiles.

    Attributes:
        roots: (sample, class, model) float32, on the device, or on the host if the device has no room. Padded models
            are uniform, so their overlaps with all models are large; in padded samples all models are equal.
        n_models: number of models without padding.
        n_samples: number of samples without padding.
        smallest: smallest entry of a model.
    """

    roots: torch.Tensor
    n_models: int
    n_samples: int
    smallest: float
    _terms: dict[int, torch.Tensor] = field(default_factory=dict, repr=False)

    def terms(self, n_terms: int, first: int, stop: int, device: torch.device) -> torch.Tensor:
        """Return (term, sample, class, model) 16-bit terms of the roots; cached if they cover all samples."""
        if n_terms in self._terms:
            return self._terms[n_terms][:, first:stop]
        rest = self.roots[first:stop].to(device, copy=True).mul_(2.0**SCALE_BITS)
        half = torch.bfloat16 if n_terms == EXACT else torch.float16
        # Triton's interpreter multiplies the bit patterns of bfloat16; stored as float32 the product is right.
        stored = torch.float32 if half is torch.bfloat16 and device.type == "cpu" else half
        terms = torch.empty((n_terms, *rest.shape), dtype=stored, device=device)
        for term in terms:
            term.copy_(rest.to(half))
            rest -= term
        if stop - first == len(self.roots):
            self._terms[n_terms] = terms
        return terms

    def forget_terms(self) -> None:
        """Free the cached terms."""
        self._terms.clear()


class TritonKernel:
    r"""Tiles on CUDA; the contract is in ``engine/distances/kernels/contract.py``.

    Args:
        device: a torch name such as ``"cuda:0"``; under Triton's interpreter ``"cpu"``.
        precision: ``"float32"`` meets the contract. ``"float16"`` is the faster mode: roots are rounded to 11 bits, and
            half of each model's distance from itself is subtracted, which removes most of the rounding error. Its
            error is at most :math:`2^{-9}` in a sample and falls with the number of samples; docs/gpu.md has figures.
    """

    def __init__(self, device: str, *, precision: Literal["float32", "float16"] = "float32") -> None:
        self.device = torch.device(device)
        self.n_terms = ROUND if precision == "float16" else SPLIT
        self.tiles_per_launch = TILES_PER_LAUNCH
        self.samples_per_launch = 2**30

    def pack(self, roots: Iterable[NDArray[np.float32]], n_models: int) -> TritonPanels:
        """Return the blocks on the device, padded, with the model axis last."""
        packed: torch.Tensor | None = None
        smallest, start = np.inf, 0
        for block in roots:
            if packed is None:
                _, n_samples, n_classes = block.shape
                packed = self._allocate(n_samples, n_classes, n_models)
            packed[:n_samples, :, start : start + len(block)] = (
                torch.from_numpy(block).to(packed.device).permute(1, 2, 0)
            )
            smallest = min(smallest, float(block.min()))
            start += len(block)
        assert packed is not None
        assert start == n_models
        return TritonPanels(packed, n_models, n_samples, smallest)

    def _allocate(self, n_samples: int, n_classes: int, n_models: int) -> torch.Tensor:
        packed = allocate((_up(n_samples, SAMPLES_PER_MOVE), n_classes, _up(n_models, BLOCK)), self.device)
        packed[:, :, n_models:] = 1.0 / math.sqrt(n_classes)
        packed[n_samples:] = 0.0
        packed[n_samples:, 0] = 1.0
        return packed

    def tile(self, rows: TritonPanels, columns: TritonPanels | None) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Return (row, column) mean distances and counts of capped overlaps.

        Raises:
            DeviceError: the device has no memory for a single tile.
        """
        other = rows if columns is None else columns
        height, width = (panels.roots.shape[2] for panels in (rows, other))
        values, capped = np.empty((height, width)), np.zeros((height, width), dtype=np.int32)
        tiles = [(i, j) for i in range(height // BLOCK) for j in range(i + 1 if columns is None else width // BLOCK)]
        tiles.sort(key=lambda tile: (tile[0] // NEIGHBOURS, tile[1] // NEIGHBOURS))
        done = 0
        while done < len(tiles):
            batch = tiles[done : done + self.tiles_per_launch]
            try:
                logarithms, counts = self._sum_samples(rows, other, batch)
            except torch.OutOfMemoryError as error:
                self._halve(len(batch), rows, other, error)
                continue
            logarithms *= -math.log(2.0) / rows.n_samples
            for (i, j), part, count in zip(batch, logarithms, counts, strict=True):
                row, column = slice(i * BLOCK, (i + 1) * BLOCK), slice(j * BLOCK, (j + 1) * BLOCK)
                values[row, column], capped[row, column] = part, count
                if columns is None:
                    # In a diagonal tile too: (i, j) and (j, i) add their products in different orders.
                    values[column, row] = np.tril(part) + np.tril(part, -1).T if i == j else part.T
                    capped[column, row] = np.tril(count) + np.tril(count, -1).T if i == j else count.T
            done += len(batch)
        return values[: rows.n_models, : other.n_models], capped[: rows.n_models, : other.n_models]

    def _halve(self, n_tiles: int, rows: TritonPanels, columns: TritonPanels, error: Exception) -> None:
        n_samples = min(self.samples_per_launch, len(rows.roots))
        if n_tiles == 1 and n_samples == SAMPLES_PER_MOVE:
            raise DeviceError(
                f"The device {str(self.device)!r} has no memory left for a tile of {BLOCK} x {BLOCK} models and "
                f"{n_samples} samples, the smallest there is. Free memory on it, or choose the device 'cpu'."
            ) from error
        self.tiles_per_launch = max(1, n_tiles // 2)
        self.samples_per_launch = _up(n_samples // 2, SAMPLES_PER_MOVE)
        for panels in (rows, columns):
            panels.forget_terms()
        torch.cuda.empty_cache()

    def _sum_samples(
        self, rows: TritonPanels, columns: TritonPanels, tiles: list[tuple[int, int]]
    ) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Return (tile, BLOCK, BLOCK) binary logarithms of overlaps, summed over samples, and the capped counts."""
        total = torch.zeros((len(tiles), BLOCK, BLOCK), dtype=torch.float64, device=self.device)
        capped = torch.zeros(total.shape, dtype=torch.int32, device=self.device)
        index = torch.tensor(tiles, dtype=torch.int32, device=self.device)
        counting = may_cap(rows, columns)
        for first in range(0, len(rows.roots), self.samples_per_launch):
            stop = min(first + self.samples_per_launch, len(rows.roots))
            left, right = self._terms(self.n_terms, rows, columns, first, stop)
            sums, smallest, _ = self._launch(left, right, index, counting=False)
            if self.n_terms == ROUND:
                own_rows, own_columns = (
                    _own_logarithms(terms)[index[:, k].long()] for k, terms in enumerate((left, right))
                )
                sums -= 0.5 * (own_rows[:, :, None] + own_columns[:, None, :])
            unsafe = smallest < SAFE_OVERLAP * math.sqrt(left.shape[2])
            if unsafe.any():
                left, right = self._terms(EXACT, rows, columns, first, stop)
                sums[unsafe], _, capped_here = self._launch(left, right, index[unsafe], counting)
                capped[unsafe] += capped_here
            total += sums
        return total.cpu().numpy(), capped.cpu().numpy()

    def _terms(
        self, n_terms: int, rows: TritonPanels, columns: TritonPanels, first: int, stop: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        left = rows.terms(n_terms, first, stop, self.device)
        return left, left if columns is rows else columns.terms(n_terms, first, stop, self.device)

    def _launch(
        self, left: torch.Tensor, right: torch.Tensor, tiles: torch.Tensor, counting: bool
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the sums of binary logarithms, the smallest overlap of each tile and the counts of capped overlaps."""
        n_terms, n_samples, n_classes, _ = left.shape
        n_tiles, shape = len(tiles), choose_shape(n_terms, n_classes, self._shared_bytes)
        if shape.columns < BLOCK:
            parts = torch.arange(BLOCK // shape.columns, dtype=torch.int32, device=self.device)
            tiles = torch.stack((tiles[:, :1].expand(-1, len(parts)), tiles[:, 1:] * len(parts) + parts), dim=2)
            tiles = tiles.reshape(-1, 2)
        # Twice as many programs as multiprocessors, so that the last wave leaves few idle.
        n_stretches = max(1, min(-(-2 * self._n_processors // len(tiles)), n_samples // FEWEST_SAMPLES))
        samples_per_program = _up(-(-n_samples // n_stretches), SAMPLES_PER_MOVE)
        n_stretches = -(-n_samples // samples_per_program)
        out = (n_stretches, len(tiles), BLOCK, shape.columns)
        products = torch.empty(out, dtype=torch.float32, device=self.device)
        exponents = torch.empty(out, dtype=torch.int32, device=self.device)
        smallest = torch.empty(out[:3], dtype=torch.float32, device=self.device)
        capped = torch.empty(out if counting else (1,), dtype=torch.int32, device=self.device)
        with self._context():
            sum_logarithms[len(tiles), n_stretches](
                TensorDescriptor.from_tensor(left, [1, 1, shape.classes, BLOCK]),
                TensorDescriptor.from_tensor(right, [1, 1, shape.classes, shape.columns]),
                tiles, products, exponents, smallest, capped, n_samples, samples_per_program, n_classes,
                **constants(n_terms, n_classes, counting, shape),
                num_warps=WARPS, num_stages=shape.stages, enable_fp_fusion=False,
            )  # fmt: skip
        sums = exponents.sum(dim=0, dtype=torch.float64) + products.to(torch.float64).log2_().sum(dim=0)
        sums -= start_bits(n_terms) * n_stretches + 2 * SCALE_BITS * n_samples
        counts = capped.sum(dim=0, dtype=torch.int32) if counting else torch.zeros_like(sums, dtype=torch.int32)
        least = smallest.amin(dim=(0, 2)).reshape(n_tiles, -1).amin(dim=1) * 2.0 ** (-2 * SCALE_BITS)
        return _join(sums, n_tiles), least, _join(counts, n_tiles)

    def _context(self) -> AbstractContextManager[Any]:
        return torch.cuda.device(self.device) if self.device.type == "cuda" else nullcontext()

    @cached_property
    def _n_processors(self) -> int:
        if self.device.type != "cuda":
            return 2
        return int(torch.cuda.get_device_properties(self.device).multi_processor_count)

    @cached_property
    def _shared_bytes(self) -> int:
        if self.device.type != "cuda":
            return HOPPER_SHARED_BYTES
        return int(max_shared_mem(self.device.index or 0))


def runs_on(device: str) -> bool:
    """Whether the device is an NVIDIA GPU with bfloat16 tensor cores (compute capability 8)."""
    return torch.version.hip is None and torch.cuda.get_device_capability(device) >= (8, 0)


def _own_logarithms(terms: torch.Tensor) -> torch.Tensor:
    """Return the (block, BLOCK) sums over samples of the binary logarithm of each model's overlap with itself."""
    overlaps = terms[0].to(torch.float32).mul_(2.0**-SCALE_BITS).square_().sum(dim=1)
    return overlaps.to(torch.float64).log2_().sum(dim=0).reshape(-1, BLOCK)


def _join(parts: torch.Tensor, n_tiles: int) -> torch.Tensor:
    """Return (tile, row, column) from (tile and part, row, column of the part)."""
    return parts.reshape(n_tiles, -1, *parts.shape[1:]).transpose(1, 2).reshape(n_tiles, BLOCK, BLOCK)


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
