"""Sums of residuals D - D_k over pairs, in one pass."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def add_misfit(distances, rows, columns, signature, weights, signed, squares, moduli):  # type: ignore[no-untyped-def]
    """Accumulate per row the residuals E_k = D - D_k of the first k = 0, 1, ... components; nothing is kept per pair.

    Args:
        distances: (row, column) float32 or float64 divergences D.
        rows: (component, row) float64 coordinates.
        columns: (component, column) float64 coordinates.
        signature: (component,) float64 of +1 and -1.
        weights: (column,) float64 weights of the columns.
        signed: (row, component + 1) float64, filled with weighted sums of E_k; E_0 is D itself.
        squares: filled with weighted sums of E_k squared.
        moduli: filled with weighted sums of |E_k|.
    """
    n_rows, n_columns = distances.shape
    error = np.empty(n_columns)
    for i in range(n_rows):
        for j in range(n_columns):
            error[j] = distances[i, j]
        for k in range(len(signature) + 1):
            if k > 0:
                sign, place, others = signature[k - 1], rows[k - 1, i], columns[k - 1]
                for j in range(n_columns):
                    apart = place - others[j]
                    error[j] -= sign * apart * apart
            total, of_squares, of_moduli = 0.0, 0.0, 0.0
            for j in range(n_columns):
                weighted = weights[j] * error[j]
                total += weighted
                of_squares += weighted * error[j]
                of_moduli += weights[j] * abs(error[j])
            signed[i, k] = total
            squares[i, k] = of_squares
            moduli[i, k] = of_moduli
