r"""Spectra of shuffled runs and of random walks, to compare spectra with.

Each run's predictions are dealt out anew among the samples of a class, in one order for all of its checkpoints
(:mod:`.shuffling`). Its loss, error, progress and the distances between its own checkpoints stay as they are; what two
runs share beyond that is lost. A component that stands out of the shuffled runs' spectra is something runs share.

*Verdict.* Eigenvalues of one sign are compared by rank, after those found before are taken out: if W is the shuffled
runs' W plus m directions of that sign, then by Weyl's inequality its j-th eigenvalue is at most the (j - m)-th of
theirs. Only a larger one is evidence of one more direction, so what one direction pushes down a rank is not counted
again. "Larger" is beyond the prediction limit of one more shuffle, and by a tenth: with hundreds of samples shuffles
agree so well that a hundredth would be significant, and means nothing in a picture. Five shuffles know the spread of
one rank badly, so the relative spread is pooled over the ranks tested. In simulated studies of 10 to 30 unrelated runs
some component is called above in 1.2 to 2.8 % (four kinds, 500 studies each).
Source: Horn, Psychometrika 30 (1965) 179; Buja and Eyuboglu, Multivariate Behavioral Research 27 (1992) 509.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.distances.pairwise import pairwise_distances
from engine.embedding.inpca import embed
from engine.errors import SelectionError
from engine.statistics.shuffling import within_class_orders
from engine.values import Distances, DistanceSums, FloatArray

N_SHUFFLES = 5
N_COMPONENTS = 50
FEWEST_RUNS = 10
"""Runs below which there is no verdict: with fewer, components of chance are as large as shared ones."""
TESTED = 10
"""Number of leading components that the verdict is about."""
LEVEL = 0.01
"""Chance that one more shuffle exceeds a limit, over all tested components together."""
LARGER = 1.1
"""Least ratio of an eigenvalue above the shuffled runs' to their mean."""
INDEPENDENT = 0.5
"""Degrees of freedom of the pooled spread, as a share of those of independent ranks: neighbours move together."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ShuffledSpectra:
    """Spectra of shuffles of one selection.

    Attributes:
        n_runs: number of runs.
        is_within_classes: whether samples were shuffled within their classes; otherwise, without labels, over all.
        eigenvalues: (shuffle, component) float64, signed, in decreasing modulus; zero beyond the rank.
        explained_stress: (shuffle, component) float64, of the first k components.
        seconds: duration of the computation.
    """

    n_runs: int
    is_within_classes: bool
    eigenvalues: Array
    explained_stress: Array
    seconds: float = 0.0

    def in_words(self, eigenvalues: ArrayLike) -> str:
        """Return :meth:`above` in words, such as ``"components 3 and 4 above shuffled runs"``."""
        above = self.above(eigenvalues)
        if above is None:
            return f"too few runs to say what is above shuffled runs: {self.n_runs}, and {FEWEST_RUNS} are needed"
        *first, last = map(str, above or ("no",))
        names = f"components {', '.join(first)} and {last}" if first else f"component {last}"
        return f"{names if above else 'no component'} above shuffled runs"

    def limits(self, sign: int) -> Array:
        r"""Return (rank,) moduli that an eigenvalue of this sign must exceed to count as above the shuffled runs'.

        .. math:: \bar x_j \max\bigl(1.1,\ 1 + t\, v \sqrt{1 + 1/S}\bigr)

        with the mean modulus of rank j over S shuffles, the coefficient of variation v pooled over the tested
        components, and t the quantile of Student's distribution at 1 - ``LEVEL`` / ``TESTED``. A shuffle with fewer
        solved eigenvalues of the sign has at most its smallest solved modulus there.

        Args:
            sign: +1 or -1.
        """
        from scipy.stats import t

        n_shuffles, n_components = self.eigenvalues.shape
        moduli = np.repeat(np.abs(self.eigenvalues[:, -1:]), n_components, axis=1)
        for shuffle, spectrum in enumerate(self.eigenvalues):
            found = np.abs(spectrum[np.sign(spectrum) == sign])
            moduli[shuffle, : len(found)] = found
        tested = np.abs(self.eigenvalues[:, :TESTED])
        tested = tested[:, tested.mean(axis=0) > 0]
        if not tested.size:
            return np.zeros(n_components)
        variation = np.sqrt(np.mean((tested.std(axis=0, ddof=1) / tested.mean(axis=0)) ** 2))
        freedom = INDEPENDENT * (n_shuffles - 1) * tested.shape[1]
        chance = 1 + t.ppf(1 - LEVEL / TESTED, freedom) * variation * np.sqrt(1 + 1 / n_shuffles)
        return np.asarray(moduli.mean(axis=0) * max(LARGER, chance))

    def above(self, eigenvalues: ArrayLike) -> tuple[int, ...] | None:
        """Return the components, counted from one, that are above the shuffled runs'; None below ``FEWEST_RUNS`` runs.

        Args:
            eigenvalues: (component,) of the runs as they are, signed, in decreasing modulus; ``TESTED`` are read.
        """
        if self.n_runs < FEWEST_RUNS:
            return None
        limits = {sign: self.limits(sign) for sign in (1, -1)}
        rank, found = {1: 0, -1: 0}, []
        for component, value in enumerate(np.asarray(eigenvalues)[: min(TESTED, len(limits[1]))], start=1):
            sign = 1 if value > 0 else -1
            if abs(value) > limits[sign][rank[sign]]:
                found.append(component)
            else:
                rank[sign] += 1
        return tuple(found)


def shuffled_distances(
    runs: Sequence[FloatArray],
    labels: ArrayLike | None,
    divergence: str = "bhattacharyya",
    *,
    n_shuffles: int = N_SHUFFLES,
    points: FloatArray | None = None,
    device: str | None = None,
    memory: int | None = None,
    report: Callable[[float], None] | None = None,
) -> Iterator[Distances]:
    """Yield the (model, model) float32 distances of each shuffle of the runs; deterministic.

    Args:
        runs: (checkpoint, sample, class) log-probabilities of each run.
        labels: (sample,) true classes; None shuffles over all samples.
        divergence, device, memory: as of :func:`engine.pairwise_distances`.
        n_shuffles: number of shuffles.
        points: (point, sample, class) reference models, which are not shuffled; the last rows and columns.
        report: called with the completed fraction of all shuffles; may raise to stop.

    Raises:
        SelectionError: fewer than two runs, or no class with two samples: a shuffle would change nothing.
    """
    if len(runs) < 2:
        raise SelectionError(
            "Shuffled runs need at least two runs to compare: shuffling the samples of one changes no distance between "
            "its own checkpoints. Select more runs."
        )
    n_samples = runs[0].shape[1]
    classes = np.zeros(n_samples, dtype=np.int64) if labels is None else np.asarray(labels)
    if np.unique(classes).size == n_samples:
        raise SelectionError(
            "Every class has a single sample in this split, so shuffling samples within their classes changes nothing: "
            "take a split with more samples."
        )
    orders = within_class_orders(classes, n_shuffles * len(runs)).reshape(n_shuffles, len(runs), n_samples)
    ends = np.cumsum([len(run) for run in runs])
    n_points = 0 if points is None else len(points)
    models = np.empty((int(ends[-1]) + n_points, *runs[0].shape[1:]), dtype=np.float32)
    if points is not None:
        models[ends[-1] :] = points
    for shuffle in range(n_shuffles):
        for run, end, order in zip(runs, ends, orders[shuffle], strict=True):
            models[end - len(run) : end] = run[:, order]

        def progress(fraction: float, done: int = shuffle) -> None:
            if report is not None:
                report((done + fraction) / n_shuffles)

        progress(0.0)
        found = pairwise_distances(models, divergence=divergence, device=device, memory=memory, progress=progress)
        values, sums = found.values.astype(np.float32), DistanceSums.of(found.values)
        yield Distances(values, divergence, found.n_capped, found.device, sums)


def spectrum_of(distances: Distances, n_components: int = N_COMPONENTS) -> NDArray[np.float64]:
    """Return (2, component) float64 eigenvalues and explained stress; beyond the rank zero, and one for the stress."""
    found = embed(distances, n_components, whole_spectrum=False)
    spectrum = np.repeat([[0.0], [1.0]], n_components, axis=1)
    spectrum[:, : found.n_components] = found.eigenvalues, found.explained_stress
    return spectrum


def shuffled_spectra(
    runs: Sequence[FloatArray],
    labels: ArrayLike | None,
    divergence: str = "bhattacharyya",
    *,
    n_shuffles: int = N_SHUFFLES,
    n_components: int = N_COMPONENTS,
    points: FloatArray | None = None,
    device: str | None = None,
    memory: int | None = None,
    report: Callable[[float], None] | None = None,
) -> ShuffledSpectra:
    """Return the spectra of several shuffles of the runs.

    Args:
        n_shuffles: at least two.
        n_components: number of leading components of each.
        runs, labels, divergence, points, device, memory, report: as of :func:`shuffled_distances`, which raises.
    """
    began = time.perf_counter()
    spectra = [
        spectrum_of(distances, n_components)
        for distances in shuffled_distances(
            runs, labels, divergence,
            n_shuffles=n_shuffles, points=points, device=device, memory=memory, report=report,
        )
    ]  # fmt: skip
    eigenvalues, stress = np.swapaxes(spectra, 0, 1)
    return ShuffledSpectra(len(runs), labels is not None, eigenvalues, stress, time.perf_counter() - began)


def unrelated_walks(n_walks: int, n_points: int) -> NDArray[np.float64]:
    r"""Return all eigenvalues of W of unrelated random walks from one origin, in more dimensions than steps.

    A walk of n unit steps has the inner products :math:`\min(i, j)`, with the eigenvalues
    :math:`1 / 4 \sin^2 \frac{(2j - 1) \pi}{4n + 2}`. Means taken out of all walks leave those of the n_walks - 1
    differences, and turn those of the mean walk into :math:`1 / 4 \sin^2 \frac{j \pi}{2n} \propto 1 / j^2`: one long
    walk has 0.61, 0.15 and 0.07 of its variance on its first components.

    Args:
        n_walks: number of walks, at least one.
        n_points: points of each, at least two.

    Returns:
        (component,) float64, largest first.

    Source: Antognini and Sohl-Dickstein, PCA of high dimensional random walks with comparison to neural network
    training, NeurIPS 2018.
    """
    ranks = np.arange(1, n_points + 1)
    apart = 0.25 / np.sin((2 * ranks - 1) * np.pi / (4 * n_points + 2)) ** 2
    mean = 0.25 / np.sin(ranks[:-1] * np.pi / (2 * n_points)) ** 2
    return np.sort(np.concatenate([np.repeat(apart, n_walks - 1), mean]))[::-1]
