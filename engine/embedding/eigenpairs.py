r"""Signed eigenpairs of a centred divergence matrix, largest modulus first.

:math:`W = -\frac12 L D L` is formed only to solve for its whole spectrum. For the top of a larger spectrum, W is
applied to blocks of vectors: a pass over D costs the same for several vectors as for one, so a block Krylov space
needs a handful of passes where a single-vector iteration takes a hundred.

The passes use D's own precision. The last one is in float64 and yields the eigenvalues and the residual; if float32
rounding kept the vectors from the tolerance, the space is grown further in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.machine import one_blas_thread, run_all, thread_count

GUESSED_SHARE = 0.75
"""Largest share of approximate eigenvectors in the first block."""
CHANCE = 1e-2
MOST_VECTORS = 320
"""Most vectors in a space, plus two per requested component."""
SLAB_ROWS = 2048
"""Fewest rows of a block per thread."""
TOLERANCE = 5e-7
"""Target residual ||W u - lambda u|| / |lambda_1|. The error of an eigenvalue is of the order of its square."""
QUICK_TOLERANCE = 0.8 * TOLERANCE
"""Target residual of the passes before the last one, which restores what they rounded off."""
BREAKDOWN = 1e-10
"""Norm of a new direction, relative to its block, below which it is rounding: the space is exhausted there."""
WELL_CONDITIONED = 1e-5
"""Singular values of a new block, relative to the block before projection, above which Cholesky keeps ten digits."""

Array = NDArray[np.float64]
Product = Callable[[Array], Array]


class Source(Protocol):
    """Distance matrix that can be multiplied with vectors, in memory or on disk."""

    @property
    def n_models(self) -> int: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def vectors_per_pass(self) -> int:
        """Number of vectors per pass at the least cost per vector."""

    def multiply(self, vectors: Array, dtype: np.dtype[Any]) -> Array:
        """Return D times (model, vector) columns, with products in precision `dtype`."""

    def columns(self, models: Sequence[int]) -> Array:
        """Return (model, column) columns of D."""


class DenseSource:
    """Distance matrix in memory.

    Args:
        matrix: (model, model) float32 or float64, exactly symmetric.
    """

    vectors_per_pass = 16
    """Enough vectors to balance arithmetic with reading the matrix from memory."""

    def __init__(self, matrix: NDArray[np.floating[Any]]) -> None:
        self.matrix = np.ascontiguousarray(matrix)
        self._dtype: np.dtype[Any] = self.matrix.dtype

    @property
    def n_models(self) -> int:
        return len(self.matrix)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._dtype

    def multiply(self, vectors: Array, dtype: np.dtype[Any]) -> Array:
        from engine.distances.tiles.products import multiply

        return multiply(self.matrix, vectors, dtype)

    def columns(self, models: Sequence[int]) -> Array:
        return self.matrix[models].T.astype(np.float64)


def centred_product(source: Source, vectors: Array, dtype: np.dtype[Any] | None = None) -> Array:
    """Return W times the (model, vector) columns, without forming W; in float64 by default."""
    # Centred on both sides: on one side only, rounding reintroduces the constant vector, and the true residual
    # stalls while that of the recurrence keeps falling.
    product = source.multiply(vectors - vectors.mean(axis=0), np.dtype(np.float64) if dtype is None else dtype)
    product -= product.mean(axis=0)
    product *= -0.5
    return product


def all_pairs(centred: Array) -> tuple[Array, Array]:
    """Return every eigenvalue of W, largest modulus first, and the (model, component) eigenvectors."""
    with one_blas_thread():
        eigenvalues, vectors = np.linalg.eigh(centred)
    order = _by_modulus(eigenvalues)
    return eigenvalues[order], vectors[:, order]


def sum_of_moduli(centred: Array) -> float:
    """Return the sum of |eigenvalues| over the whole spectrum of W; cubic in the number of models."""
    with one_blas_thread():
        return float(np.abs(np.linalg.eigvalsh(centred)).sum())


def top_pairs(source: Source, n_components: int, start: Array | None = None) -> tuple[Array, Array, float]:
    """Return the eigenpairs of largest modulus, in that order, and their residual; deterministic.

    Args:
        source: exactly symmetric distances.
        n_components: number of eigenpairs, well below the number of models.
        start: (model, vector) approximate eigenvectors, e.g. of an embedding that shares most of the models.

    Returns:
        (component,) eigenvalues, (model, component) unit eigenvectors, and the largest ||W u - lambda u|| / |lambda_1|
        measured in float64.
    """
    # One thread for the small dense algebra: a library's thread pool beside this one costs ten times the work.
    with one_blas_thread():
        first = _start_block(source, start)
        if source.dtype == np.float32:
            quick = _Space(lambda x: centred_product(source, x, source.dtype), source.n_models, n_components)
            if not quick.grow(first, n_components, QUICK_TOLERANCE):
                return _restarted_lanczos(source, n_components)
            # Rounded up to whole groups of vectors_per_pass: the extra vectors cost nothing.
            first = quick.vectors(-(-n_components // source.vectors_per_pass) * source.vectors_per_pass)
        space = _Space(lambda x: centred_product(source, x), source.n_models, n_components)
        if not space.grow(first, n_components, TOLERANCE):
            return _restarted_lanczos(source, n_components)
        return (*space.leading(n_components), space.residual)


def _start_block(source: Source, start: Array | None) -> Array:
    """Return the (model, vector) initial block: approximate eigenvectors, and columns of D, which save a pass.

    A small random perturbation is added to the columns, in case those of a regular matrix miss part of the space; some
    columns are always included, in case the approximate eigenvectors miss part of it.
    """
    n_models, most_guessed = source.n_models, int(GUESSED_SHARE * source.vectors_per_pass)
    random = np.random.default_rng(0)
    guess = np.zeros((n_models, 0)) if start is None else _unit(start)
    if guess.shape[1] > most_guessed:
        # Random mixtures of all given vectors: directions that the block omits reappear in later blocks, whereas the
        # first few vectors alone lead to none of the others.
        guess = _unit(guess @ random.standard_normal((guess.shape[1], most_guessed)))
    columns = np.linspace(0, n_models - 1, source.vectors_per_pass - guess.shape[1]).astype(int).tolist()
    fresh = _unit(source.columns(columns))
    fresh += CHANCE / np.sqrt(n_models) * (random.random(fresh.shape) - 0.5)
    return np.hstack([guess, fresh])


def _unit(vectors: Array) -> Array:
    centred = vectors - vectors.mean(axis=0)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=0), np.finfo(float).tiny))


def leading_pairs(source: Source, n_pairs: int, check: Callable[[], None] | None = None) -> tuple[Array, Array]:
    """Return many eigenpairs of largest modulus, the later ones less accurately; deterministic.

    Args:
        source: exactly symmetric distances.
        n_pairs: number of pairs, at most one less than the number of models.
        check: called before each pass; may raise to stop.

    Returns:
        (pair,) eigenvalues and (model, pair) orthonormal vectors, optimal in a subspace of twice the dimension.
    """

    def product(vectors: Array) -> Array:
        if check is not None:
            check()
        return centred_product(source, vectors, source.dtype)

    with one_blas_thread():
        if source.n_models <= 2 * n_pairs + source.vectors_per_pass:
            matrix = source.columns(range(source.n_models))
            means = matrix.mean(axis=0)
            eigenvalues, vectors = all_pairs(-0.5 * (matrix - means - means[:, None] + means.mean()))
            return eigenvalues[:n_pairs].copy(), vectors[:, :n_pairs].copy()
        space = _Space(product, source.n_models, 0, 2 * n_pairs)
        space.grow(_start_block(source, None), 2 * n_pairs // source.vectors_per_pass * source.vectors_per_pass, 0.0)
        return space.leading(n_pairs)


class _Space:
    """Block Krylov space with the projection of W on it and its Ritz pairs."""

    def __init__(self, product: Product, n_models: int, n_components: int, most: int | None = None) -> None:
        self._product = product
        self._most = min(MOST_VECTORS + 2 * n_components, n_models // 2) if most is None else most
        # Columns are appended and multiplied by blocks: Fortran order keeps each block contiguous.
        self._basis = np.empty((n_models, self._most), order="F")
        self._projected = np.zeros((self._most, self._most))
        self._random = np.random.default_rng(1)
        self._size = 0

    def grow(self, block: Array, n_components: int, tolerance: float) -> bool:
        """Add blocks until the top pairs converge; return False if that would exceed the largest space."""
        remainder, norms = block, np.linalg.norm(block, axis=0)
        while self._size + block.shape[1] <= self._most:
            new = slice(self._size, self._size + block.shape[1])
            self._basis[:, new] = _orthonormal(remainder, float(norms.max()), self._basis[:, : new.start], self._random)
            self._size = new.stop
            known = self._basis[:, : new.stop]
            remainder = self._product(self._basis[:, new])
            norms = np.linalg.norm(remainder, axis=0)
            overlaps = _inner(known, remainder)
            self._projected[: new.stop, new] = overlaps
            self._projected[new, : new.stop] = overlaps.T
            self._projected[new, new] = 0.5 * (overlaps[new] + overlaps[new].T)
            _subtract(remainder, known, overlaps)
            if self._size >= n_components:
                self._solve(_inner(remainder, remainder), new, n_components)
                if self.residual <= tolerance:
                    return True
        return False

    def _solve(self, gram: Array, new: slice, n_components: int) -> None:
        """Compute the Ritz pairs; their residual is the remainder block times each pair's last entries."""
        ritz, rotation = np.linalg.eigh(self._projected[: self._size, : self._size])
        order = _by_modulus(ritz)
        self._ritz, self._rotation = ritz[order], rotation[:, order]
        last = self._rotation[new, :n_components]
        worst = np.sqrt(max(0.0, np.einsum("ik,ij,jk->k", last, gram, last).max()))
        self.residual = float(worst / np.abs(self._ritz[0])) if worst else 0.0

    def vectors(self, count: int) -> Array:
        """Return (model, vector) unit Ritz vectors."""
        return _combine(self._basis[:, : self._size], self._rotation[:, :count])

    def leading(self, count: int) -> tuple[Array, Array]:
        """Return (component,) Ritz values and (model, component) vectors, converged or not."""
        return self._ritz[:count].copy(), self.vectors(count)


def _restarted_lanczos(source: Source, n_components: int) -> tuple[Array, Array, float]:
    """Return the top pairs by restarted Lanczos, for spectra so flat that the block space does not converge."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    operator = LinearOperator(
        (source.n_models,) * 2, matvec=lambda x: centred_product(source, x.reshape(-1, 1))[:, 0], dtype=np.float64
    )
    start = np.random.default_rng(0).standard_normal(source.n_models)
    eigenvalues, vectors = eigsh(operator, k=n_components, which="LM", v0=start - start.mean(), tol=0.1 * TOLERANCE)
    order = _by_modulus(eigenvalues)
    eigenvalues, vectors = eigenvalues[order], vectors[:, order]
    errors = np.linalg.norm(centred_product(source, vectors) - vectors * eigenvalues, axis=0)
    return eigenvalues, vectors, float(errors.max() / np.abs(eigenvalues[0]))


def _orthonormal(block: Array, size: float, basis: Array, random: np.random.Generator) -> Array:
    """Return an orthonormal block that is orthogonal to the basis and to the constant vector.

    Args:
        block: (model, vector), orthogonal to the basis up to rounding.
        size: length of the block's longest column before it was made orthogonal to the basis.
        basis: (model, known vector) orthonormal.
        random: source of directions that replace exhausted ones.
    """
    block = block - block.mean(axis=0)
    # Two rounds of Cholesky QR equal Householder on a well-conditioned block, at the speed of a matrix product.
    for _ in range(2):
        gram = _inner(block, block)
        smallest = np.linalg.eigvalsh(gram)[0]
        if not smallest > (WELL_CONDITIONED * size) ** 2:
            return _carefully_orthonormal(block, size, basis, random)
        block = _combine(block, np.linalg.inv(np.linalg.cholesky(gram)).T)
        size = 1.0
    return block


def _carefully_orthonormal(block: Array, size: float, basis: Array, random: np.random.Generator) -> Array:
    # Twice is enough (Kahan, Parlett): the second pass removes what rounding reintroduced in the first.
    for _ in range(2):
        block = block - block.mean(axis=0)
        block = block - basis @ (basis.T @ block)
        block, triangle = np.linalg.qr(block)
        short = np.abs(np.diagonal(triangle)) <= BREAKDOWN * size
        if short.any():
            # Exhausted: W maps the space into itself in this direction. Any new direction is valid.
            block[:, short] = random.standard_normal((len(block), int(short.sum())))
            return _carefully_orthonormal(block, 1.0, basis, random)
        size = 1.0
    return block


def _slabs(n_rows: int) -> list[slice]:
    step = max(SLAB_ROWS, -(-n_rows // thread_count()))
    return [slice(start, start + step) for start in range(0, n_rows, step)]


def _inner(left: Array, right: Array) -> Array:
    """left.T @ right."""
    parts = run_all([(np.matmul, (left[slab].T, right[slab])) for slab in _slabs(len(left))])
    return np.asarray(sum(parts[1:], parts[0]))


def _combine(vectors: Array, weights: Array) -> Array:
    """vectors @ weights."""
    out = np.empty((len(vectors), weights.shape[1]))
    run_all([(np.matmul, (vectors[slab], weights, out[slab])) for slab in _slabs(len(vectors))])
    return out


def _subtract(block: Array, basis: Array, weights: Array) -> None:
    """block -= basis @ weights."""

    def rows(slab: slice) -> None:
        block[slab] -= basis[slab] @ weights

    run_all([(rows, (slab,)) for slab in _slabs(len(block))])


def _by_modulus(eigenvalues: Array) -> NDArray[np.int64]:
    return np.argsort(-np.abs(eigenvalues), kind="stable")
