"""Analysis "bootstrap": bands of an embedding's spectrum over samples or seeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import REPLICATES, Choice, Number, Option
from engine.errors import SelectionError
from engine.statistics.thinning import thin_runs
from engine.values import MINIMUM_MODELS, Distances

if TYPE_CHECKING:
    from engine.statistics.bootstrap import Spectra

MOST_MODELS = 1800
"""Most models; time grows with the square: a hundred replicates of as many take about five seconds."""
PREDICTION_BYTES = 2**30
MEASURING_SHARE = 0.35
"""Approximate share of the time of the measurement; the replicates take the rest."""
OVER = (("samples", "other samples"), ("seeds", "other seeds of the same configurations"))
NO_SEEDS = (
    "Other seeds can be drawn only where a configuration has several runs, and here each has one: select runs that "
    "differ in nothing but the seed, or draw other samples."
)


def band_options(n_repeats: int, *others: Option) -> tuple[Option, ...]:
    """Return the options of a bootstrap, with `n_repeats` replicates by default."""
    repeats = Number("repeats", "replicates", 20, 1000, n_repeats, is_whole=True)
    return (repeats, *others, Number("level", "band, %", 50, 99, 95))


def run(material: Material, options: Options) -> Finding:
    """Return bands of explained stress and of eigenvalues."""
    from engine.statistics.bootstrap import Replicates

    notes: list[str] = []
    model_bytes = 4 * material.n_samples * material.n_classes
    kept = thin_runs(material.counts, min(MOST_MODELS, max(2 * MINIMUM_MODELS, PREDICTION_BYTES // model_bytes)))
    n_kept, n_models = sum(map(len, kept)), int(material.counts.sum())
    if n_kept < n_models:
        notes.append(
            f"{n_kept} of {n_models} checkpoints are embedded, taken evenly from each run; eigenvalues are those of "
            "so many."
        )
    spectra = (_over_samples if options["over"] == "samples" else _over_seeds)(material, kept, options, notes)
    stress, eigenvalues = spectra.explained_stress, spectra.eigenvalues
    moduli = Replicates(np.abs(eigenvalues.estimate), np.abs(eigenvalues.draws))
    (stress_low, stress_high), (low, high) = (found.band(options["level"] / 100) for found in (stress, moduli))
    table = pd.DataFrame(
        {
            "component": np.arange(1, len(stress.estimate) + 1),
            "explained stress": stress.estimate,
            "stress, low": stress_low,
            "stress, high": stress_high,
            "stress, bias": stress.bias,
            "eigenvalue": eigenvalues.estimate,
            "modulus, low": low,
            "modulus, high": high,
            "modulus, bias": moduli.bias,
            "share of replicates where it is imaginary": (eigenvalues.draws < 0).mean(axis=0),
        }
    )
    if not len(table):
        raise SelectionError("All checkpoints are equal, so there is no component to be sure of: select others.")
    k = min(3, len(table))
    numbers: dict[str, float | int | str] = {
        f"explained stress of {k} components": float(stress.estimate[k - 1]),
        f"its band of {options['level']:g} %": f"{stress_low[k - 1]:.4f} to {stress_high[k - 1]:.4f}",
        "replicates": options["repeats"],
    }
    notes.append(
        "Components are ordered by modulus in each replicate. Replicates have fewer different "
        f"{'samples' if options['over'] == 'samples' else 'runs'} than there are, so they are noisier: bias is how far "
        "their mean lies from the estimate."
    )
    return Finding(tables={"components": table}, numbers=numbers, notes=tuple(notes))


def _over_samples(material: Material, kept: list[NDArray[np.int64]], options: Options, notes: list[str]) -> Spectra:
    """Return spectra over resampled groups of samples; notes on the groups are appended to ``notes``."""
    from engine.statistics.bootstrap import N_GROUPS, GroupedDistances, deal, draw_groups, sample_spectra

    groups = deal(material.n_samples, N_GROUPS)
    n_groups = int(groups.max()) + 1
    if n_groups < material.n_samples:
        notes.append(
            f"{material.n_samples} samples are dealt at random into {n_groups} groups, and groups are drawn instead of "
            "single samples: the random grouping changes the width of a band by about "
            f"{100 * np.sqrt(0.5 / (n_groups - 1)):.0f} %."
        )
    logs = _predictions(material, kept)
    grouped = GroupedDistances(
        logs, groups, material.divergence, check=lambda done: material.report(MEASURING_SHARE * done)
    )
    shares = draw_groups(groups, options["repeats"])
    return sample_spectra(grouped, shares, options["components"], check=_replicated(material))


def _over_seeds(material: Material, kept: list[NDArray[np.int64]], options: Options, notes: list[str]) -> Spectra:
    """Return spectra over resampled seeds; notes on configurations and seeds are appended to ``notes``.

    Raises:
        SelectionError: no configuration has two runs.
    """
    from engine.distances.pairwise import pairwise_distances
    from engine.statistics.bootstrap import draw_runs, seed_spectra

    is_in = np.array([len(checkpoints) > 0 for checkpoints in kept])
    codes = material.configurations[is_in]
    sizes = np.bincount(codes)
    repeated, alone = int((sizes > 1).sum()), int((sizes == 1).sum())
    if not repeated:
        raise SelectionError(NO_SEEDS)
    if alone:
        notes.append(f"{alone} configurations have one run, which stays as it is: the bands are too narrow for that.")
    notes.append(
        f"The seeds of {repeated} configurations are drawn again among themselves, {sizes.max()} at most: so few "
        "seeds say little about others."
    )
    if sum(map(len, kept)) == material.counts.sum():
        distances = material.distances()
    else:
        distances = pairwise_distances(
            _predictions(material, kept),
            divergence=material.divergence,
            progress=lambda done: material.report(MEASURING_SHARE * done),
        )
    counts = np.array([len(checkpoints) for checkpoints in kept])[is_in]
    return seed_spectra(
        Distances(np.asarray(distances.values), material.divergence, distances.n_capped, distances.device),
        counts,
        draw_runs(codes, options["repeats"]),
        options["components"],
        check=_replicated(material),
    )


def _replicated(material: Material) -> Callable[[float], None]:
    return lambda done: material.report(MEASURING_SHARE + (1 - MEASURING_SHARE) * done)


def _predictions(material: Material, kept: list[NDArray[np.int64]]) -> NDArray[np.float32]:
    """Return (model, sample, class) log-probabilities of the kept checkpoints."""
    models = np.empty((sum(map(len, kept)), material.n_samples, material.n_classes), dtype=np.float32)
    start = 0
    for place, (run_id, checkpoints) in enumerate(zip(material.run_ids, kept, strict=True)):
        if place % 16 == 0:
            material.check()
        if len(checkpoints):
            models[start : start + len(checkpoints)] = material.log_probabilities(run_id, checkpoints.tolist())
            start += len(checkpoints)
    return models


BOOTSTRAP_BANDS = Analysis(
    key="bootstrap",
    title="How sure: the embedding",
    group="How sure",
    shows="How far explained stress and eigenvalues would move with another draw of samples, or of seeds.",
    computed=(
        "Bootstrap: samples are drawn again with replacement (in random groups, whose distances are computed once and "
        "mixed anew), or runs within their configurations; each replicate is embedded, and a band holds the stated "
        "share of replicates between its percentiles."
    ),
    options=(
        REPLICATES,
        Choice("over", "drawn again are", OVER, "samples"),
        *band_options(100, Number("components", "components", 1, 30, 10, is_whole=True)),
    ),
    run=run,
)
