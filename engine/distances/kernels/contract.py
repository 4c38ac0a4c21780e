r"""Contract of the kernels for tiles of mean Bhattacharyya distances.

A kernel packs models into *panels* once and computes any number of tiles from them.

``pack(roots)``
    receives an iterable of ``(model, sample, class)`` float32 blocks of square roots of probabilities, each row of
    unit length, and returns the kernel's own :class:`Panels`.
``tile(rows, columns)``
    returns ``(values, capped)``: ``values`` is ``(row, column)`` float64,

    .. math:: -\frac{1}{N} \sum_n \log \max\Bigl(\sum_c s_{inc} s_{jnc},\ \epsilon\Bigr),

    with :math:`\epsilon` = ``OVERLAP_FLOOR``; ``capped`` is ``(row, column)`` int32, the number of samples whose
    overlap is below the floor. ``columns=None`` takes ``rows`` for both; the tile is then exactly symmetric.

Panels may be combined only with panels of the same kernel. Absolute errors against float64 stay below 5e-7; pairs
too close for that error are recomputed afterwards (:mod:`.near_pairs`), identically for every kernel. A kernel handles
arrays only: no files, labels or runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.values import FloatArray

OVERLAP_FLOOR = 2.0**-63
"""Floor on overlaps, 43.7 nats. Four factors of it are 2^-252; a product starting at 2^126 then ends at 2^-126, still
a normal float32, so four samples fit between two exponent moves for any models."""


class Panels(Protocol):
    """Square roots of the models' probabilities in one kernel's memory layout."""

    @property
    def n_models(self) -> int: ...

    @property
    def smallest(self) -> float:
        """Smallest entry, a lower bound on every overlap: rows have unit length, so their sum is at least one."""


class Kernel(Protocol):
    """A kernel; the module docstring is its contract."""

    def pack(self, roots: Iterable[NDArray[np.float32]], n_models: int) -> Any: ...

    def tile(self, rows: Any, columns: Any | None) -> tuple[NDArray[np.float64], NDArray[np.int32]]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Models:
    """A block of models packed for the Bhattacharyya distance.

    Attributes:
        kernel: kernel of the device.
        panels: the kernel's own panels of square roots.
        one_hot: (index,) int64, models that are one-hot in every sample, such as the truth P*.
        shape: (sample, class) counts.
        alike: (model,) float64 share of pairs of samples with identical predictions.
        log_probabilities: (models, samples) -> (model, sample, class) array of a subset; near pairs need more digits
            than the panels hold.
    """

    kernel: Kernel
    panels: Any
    one_hot: NDArray[np.int64]
    shape: tuple[int, int]
    alike: NDArray[np.float64]
    log_probabilities: Callable[[NDArray[np.int64], slice], FloatArray]

    def __len__(self) -> int:
        return int(self.panels.n_models)


def may_cap(rows: Panels, columns: Panels) -> bool:
    """Whether any overlap can be below the floor; if not, counting is skipped."""
    return max(rows.smallest, columns.smallest) < OVERLAP_FLOOR * (1 + 1e-5)
