"""The one place where signs that a solver leaves open are fixed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def fix_signs(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the eigenvectors with the sign that makes each one's largest entry positive.

    The solver leaves signs open. Among entries that rounding cannot tell apart the first counts, so that symmetric
    vectors do not flip from one machine to the next.
    """
    size = np.abs(vectors)
    first_large = (size > (1 - 1e-6) * size.max(axis=0, initial=0.0)).argmax(axis=0)
    signs = np.sign(vectors[first_large, np.arange(vectors.shape[1])])
    return np.asarray(vectors * np.where(signs == 0, 1.0, signs))
