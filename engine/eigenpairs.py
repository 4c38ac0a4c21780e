r"""Signed eigenpairs of a centred divergence matrix, largest modulus first.

:math:`W = -\frac12 L D L` is formed only where its whole spectrum is solved for. For the top of a larger one it is
applied to blocks of vectors instead: a pass over D costs the same for 32 vectors as for one, so a block Krylov space
gets by with a handful of passes where one vector at a time takes a hundred.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.kernels.threads import one_blas_thread, run_all, thread_count

SPARE_VECTORS = 4
"""Vectors in a block beyond the components asked for: they make the last of these converge as fast as the others."""
VECTORS_MULTIPLE = 8
MOST_BLOCKS = 14
SLAB_ROWS = 512
"""Fewer rows than this are not worth handing to another thread."""
TOLERANCE = 1e-7
"""Residual ||W u - lambda u|| / |lambda_1|. Eigenvalues are then right to 1e-12: their error goes with its square."""
BREAKDOWN = 1e-10
"""A new direction this short against the block it comes from is rounding: the space is exhausted in that direction."""

Array = NDArray[np.float64]


def centred_product(matrix: Array, vectors: Array) -> Array:
    """Return W applied to the (model, vector) columns, without forming W."""
    # Centred on both sides: on one only, the constant vector leaks back in through rounding, and the true residual
    # stalls while the recurrence goes on falling.
    centred = vectors - vectors.mean(axis=0)
    product = np.empty(vectors.shape)
    step = max(SLAB_ROWS, -(-len(matrix) // thread_count()))
    slabs = [slice(start, start + step) for start in range(0, len(matrix), step)]
    run_all([(np.matmul, (matrix[slab], centred, product[slab])) for slab in slabs])
    return np.asarray(-0.5 * (product - product.mean(axis=0)))


def all_pairs(matrix: Array) -> tuple[Array, Array]:
    """Return every eigenvalue of W, largest modulus first, and the (model, component) eigenvectors."""
    with one_blas_thread():
        eigenvalues, vectors = np.linalg.eigh(_centred(matrix))
    order = _by_modulus(eigenvalues)
    return eigenvalues[order], vectors[:, order]


def sum_of_moduli(matrix: Array) -> float:
    """Return the sum of |eigenvalues| over the whole spectrum of W; cubic in the number of models."""
    with one_blas_thread():
        return float(np.abs(np.linalg.eigvalsh(_centred(matrix))).sum())


def top_pairs(matrix: Array, n_components: int) -> tuple[Array, Array]:
    """Return the eigenpairs of largest modulus, in that order; deterministic.

    Args:
        matrix: (model, model) exactly symmetric distances.
        n_components: how many, well below the number of models.
    """
    # One thread for the small dense algebra: a library's own pool, spinning next to this one, costs ten times the work.
    with one_blas_thread():
        found = _block_krylov(matrix, n_components)
        return found if found is not None else _restarted_lanczos(matrix, n_components)


def _block_krylov(matrix: Array, n_components: int) -> tuple[Array, Array] | None:
    """The top eigenpairs from a space of blocks W^j B, or None where that would outgrow the matrix."""
    n_models = len(matrix)
    width = -(-(n_components + SPARE_VECTORS) // VECTORS_MULTIPLE) * VECTORS_MULTIPLE
    most = min(MOST_BLOCKS * width, n_models // 2)
    # Columns are added and multiplied block by block: they should be contiguous.
    basis, applied = (np.empty((n_models, most), order="F") for _ in range(2))
    small = np.empty((most, most))
    random = np.random.default_rng(0)
    block = random.standard_normal((n_models, width))
    for start in range(0, most - width + 1, width):
        new, known = slice(start, start + width), slice(0, start + width)
        basis[:, new] = _orthonormal(block, basis[:, :start], random)
        applied[:, new] = block = centred_product(matrix, basis[:, new])
        small[known, new] = basis[:, known].T @ block
        small[new, known] = small[known, new].T
        ritz, rotation = np.linalg.eigh(small[known, known], UPLO="U")
        order = _by_modulus(ritz)[:n_components]
        ritz, rotation = ritz[order], rotation[:, order]
        vectors = basis[:, known] @ rotation
        errors = np.linalg.norm(applied[:, known] @ rotation - vectors * ritz, axis=0)
        if errors.max() <= TOLERANCE * np.abs(ritz[0]):
            return ritz, vectors
    return None


def _restarted_lanczos(matrix: Array, n_components: int) -> tuple[Array, Array]:
    """The same for spectra so flat that a block space does not close in on their top."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    operator = LinearOperator(
        matrix.shape, matvec=lambda x: centred_product(matrix, x.reshape(-1, 1))[:, 0], dtype=np.float64
    )
    start = np.random.default_rng(0).standard_normal(len(matrix))
    eigenvalues, vectors = eigsh(operator, k=n_components, which="LM", v0=start - start.mean(), tol=TOLERANCE)
    order = _by_modulus(eigenvalues)
    return eigenvalues[order], vectors[:, order]


def _orthonormal(block: Array, basis: Array, random: np.random.Generator) -> Array:
    """Return an orthonormal block that is orthogonal to the basis and to the constant vector."""
    size = np.linalg.norm(block, axis=0).max()
    # Twice is enough (Kahan, Parlett): the first pass leaves what rounding put back.
    for _ in range(2):
        block = block - block.mean(axis=0)
        block = block - basis @ (basis.T @ block)
        block, triangle = np.linalg.qr(block)
        short = np.abs(np.diagonal(triangle)) <= BREAKDOWN * size
        if short.any():
            # Exhausted: W maps the space into itself there. Any fresh direction will do.
            block[:, short] = random.standard_normal((len(block), int(short.sum())))
            return _orthonormal(block, basis, random)
        size = 1.0
    return block


def _centred(matrix: Array) -> Array:
    means = matrix.mean(axis=1)
    return np.asarray(-0.5 * (matrix - means[:, None] - means + means.mean()))


def _by_modulus(eigenvalues: Array) -> NDArray[np.int64]:
    return np.argsort(-np.abs(eigenvalues), kind="stable")
