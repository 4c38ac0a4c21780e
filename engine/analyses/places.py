"""Tables of coordinates, and what has to be said about any embedding."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.values import Distances

DRAWN = 3
"""Components that figures of pairs of components need."""


def with_components(
    table: pd.DataFrame, coordinates: NDArray[np.float64], prefix: str = "component", n_drawn: int = DRAWN
) -> pd.DataFrame:
    """Return the table with the first components as columns, missing values where there are fewer."""
    columns = {
        f"{prefix} {k + 1}": coordinates[:, k] if k < coordinates.shape[1] else np.full(len(table), np.nan)
        for k in range(n_drawn)
    }
    return table.reset_index(drop=True).assign(**columns)


def aligned(coordinates: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return coordinates with those signs of their axes that turn them towards the reference; signs are arbitrary."""
    n_common = min(coordinates.shape[1], reference.shape[1])
    signs = np.ones(coordinates.shape[1])
    products = (coordinates[:, :n_common] * reference[:, :n_common]).sum(axis=0)
    signs[:n_common] = np.where(products < 0, -1.0, 1.0)
    return coordinates * signs


def at(values: NDArray[np.float64], k: int) -> float:
    """The value for k components, or for as many as there are; NaN for none."""
    return float(values[min(k, len(values)) - 1]) if len(values) else float("nan")


def capped_notes(*measured: Distances) -> Iterable[str]:
    """What to say where a cap took effect in distances."""
    n_capped = sum(distances.n_capped for distances in measured)
    if n_capped:
        yield f"A cap took effect {n_capped:,} times, counted over pairs of checkpoints and samples."
