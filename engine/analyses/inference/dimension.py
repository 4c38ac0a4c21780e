"""Analysis "dimension": a spectrum beside shuffled runs and random walks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.notes import DRAWN, at, capped_notes
from engine.analyses.options import Number
from engine.embedding.diagnostics import explained_stress
from engine.machine import check_budget, memory_budget
from engine.statistics.thinning import drawn_runs
from engine.values import MINIMUM_MODELS, Distances, DistanceSums

if TYPE_CHECKING:
    from engine.statistics.shuffled_spectra import ShuffledSpectra

N_COMPONENTS = 20
MOST_MODELS = 2500
"""Most checkpoints compared with each other, in every shuffle anew."""
DRAWS = 10
"""Random subsets of each number of runs."""
SIZES = (1, 2, 5)
"""Numbers of runs in a subset, and ten times, a hundred times ... as many."""
SEED = 0
SHUFFLED_RUNS = (
    "Shuffled runs have the losses, errors and progress of the real ones, and agree no more than by chance on which "
    "samples are learned when. What they explain as well follows from the losses alone; a component above them is "
    "something that runs share, and a component that is not is no proof that they share nothing."
)
RANDOM_WALKS = (
    "One long random walk in many dimensions has 0.61, 0.15 and 0.07 of its variance on its first components "
    "(λ ∝ 1/k²), so a high number for one or two runs says nothing. Unrelated walks rule out that many runs explain "
    "much because each is smooth; they do not rule out that all runs go from ignorance to the truth."
)
NUMBER_OF_RUNS = (
    "Few runs fit into few components whatever they do, so numbers of selections of different sizes are not "
    "comparable. Where the curve of the runs stays with that of shuffled ones, its height is a matter of their losses; "
    "runs are drawn at random, and a band holds all {draws} draws of its size."
)


def run(material: Material, options: Options) -> Finding:
    """Return the spectrum, those of shuffled runs and of random walks, and stress against the number of runs."""
    from engine.statistics.shuffled_spectra import ShuffledSpectra, shuffled_distances, spectrum_of, unrelated_walks

    chosen = drawn_runs(material.counts, MOST_MODELS)
    run_ids, counts = [material.run_ids[place] for place in chosen], material.counts[chosen]
    n_shuffles, n_models = int(options["shuffles"]), int(counts.sum())
    n_bytes = 8 * n_models * material.n_samples * material.n_classes
    check_budget(n_bytes, memory_budget(material.memory), f"A shuffle of {n_models} checkpoints")
    runs = [np.asarray(material.log_probabilities(run_id), np.float32) for run_id in run_ids]
    whole = material.distance_store.matrix(
        material.selection.among(run_ids), divergence=material.divergence, cancelled=material.is_cancelled
    )
    subsets = _subsets(counts)
    rows = [(size, "as they are", draw, _stress(whole, models)) for size, draw, models in subsets]
    real = spectrum_of(_part(whole, np.arange(n_models)), N_COMPONENTS)
    rows.append((len(runs), "as they are", 0, at(real[1], DRAWN)))
    material.report(0.1)
    spectra = []
    for shuffle, distances in enumerate(
        shuffled_distances(
            runs, material.labels, material.divergence,
            n_shuffles=n_shuffles, memory=material.memory,
            report=lambda fraction: material.report(0.1 + 0.9 * fraction),
        )
    ):  # fmt: skip
        spectra.append(spectrum_of(distances, N_COMPONENTS))
        rows.append((len(runs), "shuffled", shuffle, at(spectra[-1][1], DRAWN)))
        rows += [
            (size, "shuffled", draw, _stress(distances, models))
            for size, draw, models in subsets
            if draw % n_shuffles == shuffle
        ]
    eigenvalues, stress = np.swapaxes(spectra, 0, 1)
    shuffled = ShuffledSpectra(len(runs), True, eigenvalues, stress)
    length = max(2, round(n_models / len(runs)))
    notes = [SHUFFLED_RUNS, RANDOM_WALKS, NUMBER_OF_RUNS.format(draws=DRAWS), *capped_notes(whole)]
    if len(runs) < len(material.run_ids):
        notes.append(
            f"{len(runs)} of {len(material.run_ids)} runs were drawn at random, {n_models:,} checkpoints, since all "
            "distances are computed anew for every shuffle."
        )
    return Finding(
        tables={
            "components": _components(real, shuffled, len(runs), length),
            "by_number": _by_number(rows, length),
            "draws": pd.DataFrame(rows, columns=["runs", "of", "draw", "explained stress"]),
        },
        numbers={
            f"explained stress of {DRAWN}": at(real[1], DRAWN),
            "of shuffled runs": at(stress.mean(axis=0), DRAWN),
            "of as many unrelated random walks": at(_stress_of(unrelated_walks(len(runs), length)), DRAWN),
            "verdict": shuffled.in_words(real[0]),
        },
        notes=tuple(notes),
    )


def _subsets(counts: NDArray[np.int64]) -> list[tuple[int, int, NDArray[np.int64]]]:
    """Return (number of runs, draw, their models) of random subsets, none of them whole or too small to embed."""
    random = np.random.default_rng(SEED)
    starts = np.cumsum(counts) - counts
    found = []
    for size in (size * 10**power for power in range(len(str(len(counts)))) for size in SIZES):
        for draw in range(DRAWS if size < len(counts) else 0):
            drawn = np.sort(random.choice(len(counts), size, replace=False))
            models = np.concatenate([np.arange(starts[run], starts[run] + counts[run]) for run in drawn])
            if len(models) >= MINIMUM_MODELS:
                found.append((size, draw, models))
    return found


def _part(distances: Distances, models: NDArray[np.int64]) -> Distances:
    """Return the distances among some models, with their sums."""
    values = distances.values[np.ix_(models, models)]
    return Distances(values, distances.divergence, 0, distances.device, DistanceSums.of(values))


def _stress(distances: Distances, models: NDArray[np.int64]) -> float:
    """Return the explained stress of the drawn components of some models."""
    from engine.statistics.shuffled_spectra import spectrum_of

    return at(spectrum_of(_part(distances, models), DRAWN)[1], DRAWN)


def _stress_of(eigenvalues: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (component,) explained stress of a whole spectrum."""
    return explained_stress(eigenvalues, float(np.linalg.norm(eigenvalues)))


def _components(real: NDArray[np.float64], shuffled: ShuffledSpectra, n_runs: int, length: int) -> pd.DataFrame:
    """Return one row per component: eigenvalues and explained stress of the runs, of shuffles and of random walks."""
    from engine.statistics.shuffled_spectra import unrelated_walks

    moduli = np.abs(shuffled.eigenvalues)
    above = shuffled.above(real[0])
    columns: dict[str, object] = {
        "component": np.arange(1, N_COMPONENTS + 1),
        "eigenvalue": real[0],
        "signature": np.sign(real[0]).astype(np.int64),
        "above shuffled runs": [
            "" if above is None else "yes" if component in above else "no" for component in range(1, N_COMPONENTS + 1)
        ],
        "share": np.abs(real[0]) / max(np.abs(real[0]).max(), np.finfo(float).tiny),
        "explained stress": real[1],
    }
    largest = np.maximum(moduli.max(axis=1, keepdims=True), np.finfo(float).tiny)
    drawn = {"modulus": moduli, "share": moduli / largest, "stress": shuffled.explained_stress}
    for name, draws in ((f"shuffled {measure}", draws) for measure, draws in drawn.items()):
        columns |= {name: draws.mean(axis=0), f"{name}, low": draws.min(axis=0), f"{name}, high": draws.max(axis=0)}
    for name, n_walks, n_points in (("one long walk", 1, 1000), ("unrelated walks", n_runs, length)):
        walk = unrelated_walks(n_walks, n_points)
        padded = np.full((2, N_COMPONENTS), np.nan)
        n_shown = min(N_COMPONENTS, len(walk))
        padded[:, :n_shown] = (walk / walk[0])[:n_shown], _stress_of(walk)[:n_shown]
        columns |= {f"{name}, share": padded[0], f"{name}, stress": padded[1]}
    table = pd.DataFrame(columns)
    return table[np.abs(real[0]) > 0] if (real[0] != 0).any() else table[:1]


def _by_number(rows: list[tuple[int, str, int, float]], length: int) -> pd.DataFrame:
    """Return the mean and the range of explained stress for each number of runs, and that of random walks."""
    from engine.statistics.shuffled_spectra import unrelated_walks

    found = []
    draws = pd.DataFrame(rows, columns=["runs", "of", "draw", "stress"])
    of_walks = {size: at(_stress_of(unrelated_walks(size, length)), DRAWN) for size in set(draws["runs"].tolist())}
    for (size, of), group in draws.groupby(["runs", "of"], sort=True):
        values = group["stress"]
        found.append(
            {
                "runs": size,
                "of": of,
                "draws": len(values),
                "stress": values.mean(),
                "stress, low": values.min(),
                "stress, high": values.max(),
                "stress of unrelated walks": of_walks[size],
            }
        )
    return pd.DataFrame(found)


DIMENSION = Analysis(
    key="dimension",
    title="Is it low-dimensional?",
    group="How sure",
    shows=(
        "How much of a high explained stress is to be expected anyway: the spectrum beside those of shuffled runs and "
        "of random walks, and how explained stress depends on the number of runs."
    ),
    computed=(
        "Within each class a run's predictions are dealt out anew among the samples, the same way at every "
        "checkpoint, and the shuffled runs are embedded like the real ones. A component is above them if it exceeds, "
        "by a tenth and by more than chance (1 % over ten components), what they have of the same sign at its place, "
        "after the components found before are taken out."
    ),
    not_shown=(
        "A component that is not above shuffled runs is not shown to be chance, and a band is the range of the "
        "shuffles or draws, not an interval for other runs."
    ),
    options=(Number("shuffles", "shuffles", 2, 50, 5, is_whole=True),),
    run=run,
)
