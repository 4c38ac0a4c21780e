"""Analysis "bootstrap": intervals of an embedding's spectrum over configurations or samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.options import REPLICATES, Choice, Number
from engine.errors import SelectionError
from engine.statistics.thinning import thin_runs
from engine.values import MINIMUM_MODELS, Distances

if TYPE_CHECKING:
    from engine.statistics.intervals.spectra import LeftOutSpectra

MOST_MODELS = 1800
"""Most models; time grows with the square: forty parts of as many take about two seconds."""
PREDICTION_BYTES = 2**30
MEASURING_SHARE = 0.35
"""Approximate share of the time of the measurement; the embeddings of the parts take the rest."""
OVER = (("configurations", "configurations"), ("samples", "samples"))
LEVEL = Number("level", "interval, %", 50, 99, 95)
INTERVAL = "intervals"
"""Name of the number that says what intervals are of and what is drawn again."""


def interval_text(options: Options, of: str) -> str:
    """Return what intervals are of and what is drawn again: "95 % for the level, configurations drawn again"."""
    return f"{options['level']:g} % for {of}, {options['over']} drawn again"


def run(material: Material, options: Options) -> Finding:
    """Return explained stress and eigenvalues with intervals."""
    notes: list[str] = []
    model_bytes = 4 * material.n_samples * material.n_classes
    kept = thin_runs(material.counts, min(MOST_MODELS, max(2 * MINIMUM_MODELS, PREDICTION_BYTES // model_bytes)))
    n_kept, n_models = sum(map(len, kept)), int(material.counts.sum())
    if n_kept < n_models:
        notes.append(
            f"{n_kept} of {n_models} checkpoints are embedded, taken evenly from each run; eigenvalues are those of "
            "so many."
        )
    over = options["over"]
    found = (_over_samples if over == "samples" else _over_configurations)(material, kept, options, notes)
    if not len(found.eigenvalues):
        raise SelectionError("All checkpoints are equal, so there is no component to be sure of: select others.")
    level = options["level"] / 100
    stress, moduli = found.stress_interval(level), found.modulus_interval(level)
    table = pd.DataFrame(
        {
            "component": np.arange(1, len(found.stress) + 1),
            "explained stress": stress.estimate,
            "stress, low": stress.low,
            "stress, high": stress.high,
            "eigenvalue": found.eigenvalues,
            "modulus, low": moduli.low,
            "modulus, high": moduli.high,
            "share of parts where it is imaginary": (found.left_out_eigenvalues < 0).mean(axis=0),
        }
    )
    k = min(3, len(table))
    ends = stress.low[k - 1], stress.high[k - 1]
    numbers: dict[str, float | int | str] = {
        f"explained stress of {k} components": float(stress.estimate[k - 1]),
        "its interval": f"{ends[0]:.4f} to {ends[1]:.4f}" if np.isfinite(ends).all() else "none",
        INTERVAL: interval_text(options, f"studies with as many {over}"),
        "parts left out in turn": len(found.left_out_stress),
    }
    notes.append(
        f"Intervals are for the mean over studies with as many {over}: explained stress depends on their number, and "
        "that of a much larger study is not covered. Components are ordered by modulus in every part."
    )
    if not (np.isfinite(table["stress, low"]).all() and np.isfinite(table["modulus, low"]).all()):
        notes.append("Where nothing varies, or a part has no such component, there is no interval.")
    return Finding(tables={"components": table}, numbers=numbers, notes=tuple(notes))


def _over_samples(
    material: Material, kept: list[NDArray[np.int64]], options: Options, notes: list[str]
) -> LeftOutSpectra:
    """Return spectra without groups of samples; notes on the groups are appended to ``notes``."""
    from engine.statistics.intervals.sample_groups import N_GROUPS, GroupedDistances, deal, left_out_shares
    from engine.statistics.intervals.spectra import spectra_without_samples

    groups = deal(material.n_samples, N_GROUPS)
    n_groups = int(groups.max()) + 1
    if n_groups < material.n_samples:
        notes.append(
            f"{material.n_samples} samples are dealt at random into {n_groups} groups, which are left out instead of "
            "single samples: the random grouping changes the width of an interval by about "
            f"{100 * np.sqrt(0.5 / (n_groups - 1)):.0f} %."
        )
    logs = _predictions(material, kept)
    grouped = GroupedDistances(
        logs, groups, material.divergence, check=lambda done: material.report(MEASURING_SHARE * done)
    )
    notes.append("The intervals say nothing about other configurations or seeds.")
    return spectra_without_samples(grouped, left_out_shares(groups), options["components"], check=_embedded(material))


def _over_configurations(
    material: Material, kept: list[NDArray[np.int64]], options: Options, notes: list[str]
) -> LeftOutSpectra:
    """Return spectra without configurations; notes on these are appended to ``notes``.

    Raises:
        SelectionError: too few configurations.
    """
    from engine.distances.pairwise import pairwise_distances
    from engine.statistics.intervals.spectra import blocks_of, spectra_without_blocks

    counts = np.array([len(checkpoints) for checkpoints in kept])
    codes = material.configurations[counts > 0]
    blocks = blocks_of(codes)
    n_blocks, n_configurations = int(blocks.max()) + 1, len(np.unique(codes))
    if n_blocks < n_configurations:
        notes.append(f"{n_configurations} configurations are left out in {n_blocks} random groups.")
    notes.append(
        "A configuration is left out with all its seeds, as if others had been drawn from the same sweep. The "
        "intervals say nothing about other samples."
    )
    if counts.sum() == material.counts.sum():
        distances = material.distances()
    else:
        distances = pairwise_distances(
            _predictions(material, kept),
            divergence=material.divergence,
            progress=lambda done: material.report(MEASURING_SHARE * done),
        )
    own = Distances(np.asarray(distances.values), material.divergence, distances.n_capped, distances.device)
    of_models = np.repeat(blocks, counts[counts > 0])
    return spectra_without_blocks(own, of_models, options["components"], check=_embedded(material))


def _embedded(material: Material) -> Callable[[float], None]:
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


SPECTRUM_BANDS = Analysis(
    # The key is part of addresses that are kept.
    key="bootstrap",
    title="How sure: the embedding",
    group="How sure",
    shows="How far explained stress and eigenvalues would move with other configurations, or other samples.",
    not_shown=(
        "What they are in a larger study, and whether runs that share nothing would have less, is not seen: intervals "
        "are for the mean over studies of the same size."
    ),
    computed=(
        "Jackknife: one configuration with all its seeds, or one of forty random groups of samples, is left out at a "
        "time and the rest is embedded; Student's interval on the logit of explained stress and on the logarithm of "
        "moduli."
    ),
    options=(
        REPLICATES,
        Choice("over", "drawn again are", OVER, "configurations"),
        Number("components", "components", 1, 30, 10, is_whole=True),
        LEVEL,
    ),
    run=run,
    version=2,
)
