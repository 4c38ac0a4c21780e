r"""Explained distance and stress of coordinates, computed from every pair of models.

For an embedding and its own models, closed forms give the same numbers from a few eigenpairs (:mod:`.diagnostics`).
They do not hold for projected models, for distances other than the embedded ones, or for the *absolute* definition
below. This module reads every pair, in one pass.

Explained distance has three definitions; with :math:`D_k` the distances represented by the first k components, they are

.. math:: \text{frobenius} = 1 - \frac{\|D - D_k\|_F}{\|D\|_F}, \qquad
          \text{absolute} = 1 - \frac{\sum |D - D_k|}{\sum D}, \qquad
          \text{signed} = 1 - \frac{\sum (D - D_k)}{\sum D},

and the explained stress, of centred inner products, is :math:`1 - \|L (D - D_k) L\|_F / \|L D L\|_F`.
Source: Mao et al., PNAS 121 (2024) e2310002121, whose figures use *frobenius*, *absolute* and the stress.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidSpecError
from engine.machine import run_all, thread_count
from engine.values import FloatArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """Shares explained by the first k components, k = 1, 2, ...; they need not increase with k outside a fit.

    Attributes:
        frobenius: (component,) explained distance, from squared errors.
        absolute: (component,) explained distance, from absolute errors.
        signed: (component,) explained distance, from signed errors; in a fit, the explained variance.
        stress: (component,) explained stress; NaN between two sets of models, which share no inner products.
    """

    frobenius: Array
    absolute: Array
    signed: Array
    stress: Array


def explained_among(distances: FloatArray, coordinates: ArrayLike, signature: ArrayLike) -> Explained:
    """Return the shares of the distances among models that their coordinates explain, fitted or not.

    Inner products are taken about the models' own centroid, so that the stress of projected models is comparable with
    that of their own embedding, which is the most that k components can explain.

    Args:
        distances: (model, model) symmetric divergences with a zero diagonal.
        coordinates: (model, component).
        signature: (component,) of +1 and -1.

    Raises:
        InvalidSpecError: the shapes do not match.
    """
    x = np.asarray(coordinates, dtype=np.float64)
    w = np.full(len(x), 1.0 / max(1, len(x)))
    signed, squares, moduli = _row_sums(distances, x, x, np.asarray(signature, dtype=np.float64), w)
    return _explained(w @ signed, w @ squares, w @ moduli, _centred_norms(signed, squares, w))


def explained_between(
    distances: FloatArray, coordinates: ArrayLike, other: ArrayLike, signature: ArrayLike
) -> Explained:
    """Return the shares of the distances between two sets of models that their coordinates explain.

    Args:
        distances: (model, other) divergences.
        coordinates: (model, component).
        other: (other, component).
        signature: (component,) of +1 and -1.

    Raises:
        InvalidSpecError: the shapes do not match.
    """
    x, y = (np.asarray(points, dtype=np.float64) for points in (coordinates, other))
    signed, squares, moduli = _row_sums(distances, x, y, np.asarray(signature, dtype=np.float64), np.ones(len(y)))
    totals = signed.sum(axis=0)
    return _explained(totals, squares.sum(axis=0), moduli.sum(axis=0), np.full(len(totals), np.nan))


def _row_sums(distances: FloatArray, x: Array, y: Array, signature: Array, weights: Array) -> tuple[Array, ...]:
    """Return (row, component + 1) weighted sums over columns of the errors, their squares and their moduli."""
    from engine.embedding.misfit import add_misfit

    expected = ((len(x), len(y)), (len(signature),), (len(signature),))
    if (distances.shape, x.shape[1:], y.shape[1:]) != expected or len(weights) != len(y):
        raise InvalidSpecError(
            f"distances, coordinates, signature and weights must be of the same models and components: received "
            f"{distances.shape}, {x.shape}, {y.shape}, {signature.shape} and {weights.shape}."
        )
    sums = tuple(np.empty((len(x), len(signature) + 1)) for _ in range(3))
    rows, columns = np.ascontiguousarray(x.T), np.ascontiguousarray(y.T)
    step = max(1, -(-len(x) // thread_count()))
    slabs = [slice(start, start + step) for start in range(0, len(x), step)]
    run_all(
        [
            (add_misfit, (distances[slab], rows[:, slab], columns, signature, weights, *(s[slab] for s in sums)))
            for slab in slabs
        ]
    )
    return sums


def _centred_norms(signed: Array, squares: Array, weights: Array) -> Array:
    """Return (component + 1,) norms of the errors after centring, computed from their row means."""
    means = weights @ signed
    # ||L E L||^2 = sum (E - mean)^2 - 2 sum (row mean - mean)^2: means are subtracted first to limit rounding.
    left = weights @ squares - means**2 - 2.0 * (weights @ (signed - means) ** 2)
    return np.asarray(np.sqrt(np.clip(left, 0.0, None)))


def _explained(totals: Array, squares: Array, moduli: Array, norms: Array) -> Explained:
    return Explained(
        _share(np.sqrt(np.clip(squares, 0.0, None))), _share(moduli), _share(totals, of_nothing=np.nan), _share(norms)
    )


def _share(left: Array, of_nothing: float = 1.0) -> Array:
    """Return (component,) 1 - left[k] / left[0], the share explained by k components; `of_nothing` if left[0] = 0."""
    return 1.0 - left[1:] / left[0] if left[0] != 0.0 else np.full(len(left) - 1, of_nothing)
