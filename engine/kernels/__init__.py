r"""Tiles of mean Bhattacharyya distances: one contract, one implementation per kind of machine.

A kernel turns models into *panels* once, and panels into tiles as often as needed.

``pack(roots)``
    receives an iterable of ``(model, sample, class)`` float32 blocks of square roots of probabilities, each row of
    unit length, and returns the kernel's own :class:`Panels`.
``tile(rows, columns)``
    returns ``(values, capped)``: ``values`` is ``(row, column)`` float64,

    .. math:: -\frac{1}{N} \sum_n \log \max\Bigl(\sum_c s_{inc} s_{jnc},\ \epsilon\Bigr),

    with :math:`\epsilon` = ``OVERLAP_FLOOR``; ``capped`` is ``(row, column)`` int32, the number of samples whose
    overlap lies under the floor. With ``columns=None`` the tile is that of ``rows`` with themselves: exactly symmetric.

Panels may be combined only with panels of the same kernel. Errors against float64 stay below 5e-7 absolute; pairs
that are closer than this allows are repaired afterwards (``engine/kernels/near_pairs.py``), the same way for every
kernel. A kernel never sees a file, a label or a run.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

OVERLAP_FLOOR = 2.0**-63
"""Smallest overlap the logarithm is taken of (43.7 nats). Four of them multiply to 2^-252: from 2^126 that is still a
normal float32, so four samples fit between two exponent moves, whatever the models."""


class Panels(Protocol):
    """Square roots of the probabilities of some models, laid out as one kernel wants them."""

    @property
    def n_models(self) -> int: ...

    @property
    def smallest(self) -> float:
        """Smallest entry. Rows have unit length, so their sum is at least one: no overlap is smaller than this."""


class Kernel(Protocol):
    """See the module docstring."""

    def pack(self, roots: Iterable[NDArray[np.float32]], n_models: int) -> Any: ...

    def tile(self, rows: Any, columns: Any | None) -> tuple[NDArray[np.float64], NDArray[np.int32]]: ...


def may_cap(rows: Panels, columns: Panels) -> bool:
    """Whether any overlap can lie under the floor at all; where not, nothing needs counting."""
    return max(rows.smallest, columns.smallest) < OVERLAP_FLOOR * (1 + 1e-5)


def select_kernel(n_classes: int, device: str) -> Kernel:
    """Return the kernel for this many classes on this device."""
    if device == "cpu":
        from engine.kernels.numba_tile import NumbaKernel

        return NumbaKernel()
    if device.startswith("cuda") and find_spec("triton") is not None:
        from engine.kernels.triton_tile import TritonKernel, runs_on

        if runs_on(device):
            return TritonKernel(device)
    from engine.kernels.torch_tile import TorchKernel

    return TorchKernel(device)
