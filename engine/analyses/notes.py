"""Notes on embeddings and on unfinished runs, tables of coordinates and components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from engine.analyses.material import Material
from engine.distances.table import find_divergence
from engine.embedding.weighted import WeightedEmbedding
from engine.values import Distances, Embedding

DRAWN = 3
"""Number of components needed by figures of pairs of components."""
NAMED_RUNS = 3
"""Most runs that a note names."""


def with_components(table: pd.DataFrame, coordinates: NDArray[np.float64], prefix: str = "component") -> pd.DataFrame:
    """Return the table with the first components as columns, missing values if there are fewer."""
    columns = {
        f"{prefix} {k + 1}": coordinates[:, k] if k < coordinates.shape[1] else np.full(len(table), np.nan)
        for k in range(DRAWN)
    }
    return table.reset_index(drop=True).assign(**columns)


def component_table(embedding: Embedding | WeightedEmbedding, *shares: str) -> pd.DataFrame:
    """Return one row per component: eigenvalue, signature, and what the first ones explain, such as "stress"."""
    return pd.DataFrame(
        {
            "component": np.arange(1, embedding.n_components + 1),
            "eigenvalue": embedding.eigenvalues,
            "signature": embedding.signature.astype(np.int64),
            **{f"explained {share}": getattr(embedding, f"explained_{share}") for share in shares},
        }
    )


def explained_table(
    names: Mapping[str, str | int], signature: NDArray[np.int8], columns: Mapping[str, ArrayLike]
) -> pd.DataFrame:
    """Return one row per number of components, with the same names in all rows."""
    numbers = {"components": np.arange(1, len(signature) + 1), "signature": signature.astype(int)}
    return pd.DataFrame({**names, **numbers, **columns})


def aligned(coordinates: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return coordinates, each component with the (arbitrary) sign that agrees with the reference's component."""
    n_common = min(coordinates.shape[1], reference.shape[1])
    signs = np.ones(coordinates.shape[1])
    products = (coordinates[:, :n_common] * reference[:, :n_common]).sum(axis=0)
    signs[:n_common] = np.where(products < 0, -1.0, 1.0)
    return coordinates * signs


def at(values: NDArray[np.float64], k: int) -> float:
    """Return values[k - 1], the value for k components; the last one if there are fewer, NaN if there are none."""
    return float(values[min(k, len(values)) - 1]) if len(values) else float("nan")


def capped_notes(*measured: Distances) -> Iterable[str]:
    """Return notes on distances in which a cap took effect."""
    n_capped = sum(distances.n_capped for distances in measured)
    if n_capped:
        divergence = find_divergence(measured[0].divergence)
        yield f"{n_capped:,} {divergence.capped}, counted over pairs of checkpoints and samples. {divergence.caps}"


def some_names(run_ids: Sequence[str]) -> str:
    """Return a few names and the number of the others."""
    more = f" and {len(run_ids) - NAMED_RUNS} more" if len(run_ids) > NAMED_RUNS else ""
    return ", ".join(run_ids[:NAMED_RUNS]) + more


def unfinished_notes(material: Material) -> tuple[str, ...]:
    """Return a note on runs still in training or interrupted, if there are any."""
    status = material.runs["status"]
    unfinished = list(status.index[status != "finished"])
    if not unfinished:
        return ()
    share = f"{len(unfinished)} of {len(status)} runs"
    return (f"{share} are not finished; their checkpoints so far are used: {some_names(unfinished)}.",)
