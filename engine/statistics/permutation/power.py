"""Power of PERMANOVA in a study of a given size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from engine.machine import one_blas_thread
from engine.statistics.permutation.orders import permutations

N_STUDIES, N_PERMUTATIONS = 400, 199
SIGNIFICANT = 0.05


def power(
    gram: ArrayLike, n_left: int, effect: float, *, seed: int = 0, check: Callable[[], None] | None = None
) -> float:
    r"""Return the share of simulated studies in which PERMANOVA finds a factor of two equally large levels.

    Each study has as many units as the Gram matrix of residuals, whose eigenvalues over ``n_left`` are the variances of
    independent normal coordinates. In one level the units are shifted along one coordinate by ``effect`` times its
    standard deviation; the coordinate is drawn with its share of the variance, so that the levels differ as two units
    do. Found means p at most 0.05 among 199 permutations.

    Args:
        gram: (unit, unit) inner products of residuals, from which the known factors are removed.
        n_left: their degrees of freedom.
        effect: distance between the levels' means in standard deviations.
        seed: seed of the simulation.
        check: called periodically; raises to cancel.

    Returns:
        A share, with a standard error of at most 0.025.
    """
    eigenvalues = np.linalg.eigvalsh(np.asarray(gram, dtype=np.float64))[::-1]
    # Time-like components have no variance.
    variances = eigenvalues[eigenvalues > 1e-9 * max(eigenvalues[0], 0.0)] / max(n_left, 1)
    n_units, n_found = len(eigenvalues), 0
    if not len(variances) or n_units < 4:
        return SIGNIFICANT
    generator = np.random.default_rng(seed)
    contrast = np.where(np.arange(n_units) % 2, 1.0, -1.0)
    contrast -= contrast.mean()
    contrast /= np.linalg.norm(contrast)
    orders = permutations(n_units, N_PERMUTATIONS, seed)
    vectors = np.vstack([contrast, contrast[orders]])
    with one_blas_thread():
        for study in range(N_STUDIES):
            if check is not None and study % 50 == 0:
                check()
            points = generator.normal(size=(n_units, len(variances))) * np.sqrt(variances)
            along = generator.choice(len(variances), p=variances / variances.sum())
            points[1::2, along] += effect * np.sqrt(variances[along])
            # F rises with the explained sum of squares, since the total is the same in all permutations.
            explained = ((vectors @ points) ** 2).sum(axis=1)
            reached = (explained[1:] >= explained[0] * (1 - 1e-9)).sum()
            n_found += (1 + reached) / (1 + len(orders)) <= SIGNIFICANT
    return float(n_found / N_STUDIES)
