r"""Signed eigenpairs of a centred divergence matrix, largest modulus first.

:math:`W = -\frac12 L D L` is formed only where its whole spectrum is solved for. For the top of a larger one it is
applied to blocks of vectors instead: a pass over D costs the same for several vectors as for one, so a block Krylov
space gets by with a handful of passes where one vector at a time takes a hundred.

The passes are in D's own precision. The last one is in float64, and from it come the eigenvalues and the residual:
where rounding in float32 has kept the vectors from the tolerance, the space is grown further in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.kernels.threads import one_blas_thread, run_all, thread_count

GUESSED_SHARE = 0.75
"""Of the first block, at most."""
CHANCE = 1e-2
MOST_VECTORS = 320
"""In a space, and two more for each component that is wanted."""
SLAB_ROWS = 2048
"""Fewer rows of a block than this are not worth handing to another thread."""
TOLERANCE = 5e-7
"""Residual ||W u - lambda u|| / |lambda_1| to reach. The error of an eigenvalue goes with its square."""
QUICK_TOLERANCE = 0.8 * TOLERANCE
"""What the passes before the last one aim for: the last one adds what they rounded off."""
BREAKDOWN = 1e-10
"""A new direction this short against the block it comes from is rounding: the space is exhausted in that direction."""
WELL_CONDITIONED = 1e-5
"""Singular values of a new block, against the block before projection, above which Cholesky keeps ten digits."""

Array = NDArray[np.float64]
Product = Callable[[Array], Array]


class Source(Protocol):
    """Distances that can be multiplied with vectors, wherever they lie."""

    @property
    def n_models(self) -> int: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def vectors_per_pass(self) -> int:
        """How many vectors a pass over the distances multiplies at the least cost for each."""

    def multiply(self, vectors: Array, dtype: np.dtype[Any]) -> Array:
        """Return D applied to (model, vector) columns, with products in this precision."""

    def columns(self, models: Sequence[int]) -> Array:
        """Return (model, column) columns of D."""


class DenseSource:
    """Distances in memory.

    Args:
        matrix: (model, model) float32 or float64, exactly symmetric.
    """

    vectors_per_pass = 16
    """As many as keep arithmetic busy while memory hands the matrix over."""

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
        from engine.kernels.skinny import multiply

        return multiply(self.matrix, vectors, dtype)

    def columns(self, models: Sequence[int]) -> Array:
        return self.matrix[models].T.astype(np.float64)


def centred_product(source: Source, vectors: Array, dtype: np.dtype[Any] | None = None) -> Array:
    """Return W applied to the (model, vector) columns, without forming W; in float64 unless told otherwise."""
    # Centred on both sides: on one only, the constant vector leaks back in through rounding, and the true residual
    # stalls while the recurrence goes on falling.
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
        n_components: how many, well below the number of models.
        start: (model, vector) a guess at the eigenvectors, as of an embedding that shares most of the models.

    Returns:
        (component,) eigenvalues, (model, component) unit eigenvectors, and the largest ||W u - lambda u|| / |lambda_1|
        measured in float64.
    """
    # One thread for the small dense algebra: a library's own pool, spinning next to this one, costs ten times the work.
    with one_blas_thread():
        first = _start_block(source, start)
        if source.dtype == np.float32:
            quick = _Space(lambda x: centred_product(source, x, source.dtype), source.n_models, n_components)
            if not quick.grow(first, n_components, QUICK_TOLERANCE):
                return _restarted_lanczos(source, n_components)
            # Whole groups of vectors: the places up to the next multiple cost nothing.
            first = quick.vectors(-(-n_components // source.vectors_per_pass) * source.vectors_per_pass)
        space = _Space(lambda x: centred_product(source, x), source.n_models, n_components)
        if not space.grow(first, n_components, TOLERANCE):
            return _restarted_lanczos(source, n_components)
        return space.pairs(n_components)


def _start_block(source: Source, start: Array | None) -> Array:
    """(model, vector) block to begin with: a guess, and columns of D, which spare the pass that would make them.

    With the columns comes a trace of chance, for matrices so regular that the columns miss part of the space; and there
    are always some, for guesses that do.
    """
    n_models, most_guessed = source.n_models, int(GUESSED_SHARE * source.vectors_per_pass)
    random = np.random.default_rng(0)
    guess = np.zeros((n_models, 0)) if start is None else _unit(start)
    if guess.shape[1] > most_guessed:
        # Mixtures of all of them: what a block cannot hold comes out again with the next ones, whereas a space begun
        # with the first few has nothing that leads to the others.
        guess = _unit(guess @ random.standard_normal((guess.shape[1], most_guessed)))
    columns = np.linspace(0, n_models - 1, source.vectors_per_pass - guess.shape[1]).astype(int).tolist()
    fresh = _unit(source.columns(columns))
    fresh += CHANCE / np.sqrt(n_models) * (random.random(fresh.shape) - 0.5)
    return np.hstack([guess, fresh])


def _unit(vectors: Array) -> Array:
    centred = vectors - vectors.mean(axis=0)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=0), np.finfo(float).tiny))


def leading_pairs(source: Source, n_pairs: int, check: Callable[[], None] | None = None) -> tuple[Array, Array]:
    """Return many eigenpairs of largest modulus, the later ones less exactly; deterministic.

    Args:
        source: exactly symmetric distances.
        n_pairs: how many, at most one less than there are models.
        check: called before each pass; may raise to stop.

    Returns:
        (pair,) eigenvalues and (model, pair) orthonormal vectors, the best there are in a space of twice as many.
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
    """A block Krylov space, the projection of W on it, and the pairs found in it."""

    def __init__(self, product: Product, n_models: int, n_components: int, most: int | None = None) -> None:
        self._product = product
        self._most = min(MOST_VECTORS + 2 * n_components, n_models // 2) if most is None else most
        # Columns are added and multiplied block by block: they should be contiguous.
        self._basis = np.empty((n_models, self._most), order="F")
        self._projected = np.zeros((self._most, self._most))
        self._random = np.random.default_rng(1)
        self._size = 0

    def grow(self, block: Array, n_components: int, tolerance: float) -> bool:
        """Add blocks until the top pairs are right; False where that would take too large a space."""
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
        """Find the pairs in the space, and what W takes out of it: the remainder, times each pair's last entries."""
        ritz, rotation = np.linalg.eigh(self._projected[: self._size, : self._size])
        order = _by_modulus(ritz)
        self._ritz, self._rotation = ritz[order], rotation[:, order]
        last = self._rotation[new, :n_components]
        worst = np.sqrt(max(0.0, np.einsum("ik,ij,jk->k", last, gram, last).max()))
        self.residual = float(worst / np.abs(self._ritz[0])) if worst else 0.0

    def vectors(self, count: int) -> Array:
        """(model, vector) unit Ritz vectors."""
        return _combine(self._basis[:, : self._size], self._rotation[:, :count])

    def leading(self, count: int) -> tuple[Array, Array]:
        """(component,) Ritz values and (model, component) vectors, right or not."""
        return self._ritz[:count].copy(), self.vectors(count)

    def pairs(self, n_components: int) -> tuple[Array, Array, float]:
        return self._ritz[:n_components].copy(), self.vectors(n_components), self.residual


def _restarted_lanczos(source: Source, n_components: int) -> tuple[Array, Array, float]:
    """The same for spectra so flat that a block space does not close in on their top."""
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
        size: length of its longest column before it was made so.
        basis: (model, known vector) orthonormal.
        random: where directions come from that take the place of exhausted ones.
    """
    block = block - block.mean(axis=0)
    # Two rounds of Cholesky are as good as Householder on a well conditioned block, at the speed of a product.
    for _ in range(2):
        gram = _inner(block, block)
        smallest = np.linalg.eigvalsh(gram)[0]
        if not smallest > (WELL_CONDITIONED * size) ** 2:
            return _carefully_orthonormal(block, size, basis, random)
        block = _combine(block, np.linalg.inv(np.linalg.cholesky(gram)).T)
        size = 1.0
    return block


def _carefully_orthonormal(block: Array, size: float, basis: Array, random: np.random.Generator) -> Array:
    # Twice is enough (Kahan, Parlett): the first pass leaves what rounding put back.
    for _ in range(2):
        block = block - block.mean(axis=0)
        block = block - basis @ (basis.T @ block)
        block, triangle = np.linalg.qr(block)
        short = np.abs(np.diagonal(triangle)) <= BREAKDOWN * size
        if short.any():
            # Exhausted: W maps the space into itself there. Any fresh direction will do.
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
