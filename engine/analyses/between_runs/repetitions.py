"""Repetitions beside configurations: variance components and pairs, as numbers, notes and a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses.material import Material
from engine.statistics.variance_components import VarianceComponents, variance_components

ALIKE = 1e-9
"""Share of the sum of squares within configurations at which their runs are equal but for rounding."""


def repetitions_of(distances: NDArray[np.float64], material: Material) -> VarianceComponents | str:
    """Return the variance within and between configurations of (run, run) distances, or why it cannot be told."""
    if not material.configurations.any():
        return (
            "All runs are of one configuration, so that seeds have nothing to be compared with: select more runs, "
            "or choose the column in which repetitions differ."
        )
    if material.n_seeds == 1:
        return (
            "Every run is the only one of its configuration, so that nothing is known of seeds: select repetitions, or "
            "choose the column in which they differ."
        )
    found = variance_components(distances, material.configurations)
    # Not "greater than": it is NaN where all runs are equal.
    if not found.share_of_squares > ALIKE:
        return (
            "The repetitions of every configuration are equal, so that nothing is known of seeds: check that runs with "
            "different seeds were recorded, and not one run several times."
        )
    return found


def variance_numbers(found: VarianceComponents | str) -> dict[str, float | int | str]:
    """Return the headline figures of the variance within configurations; none where it cannot be told."""
    if isinstance(found, str):
        return {}
    return {
        "share of the sum of squares within configurations": found.share_of_squares,
        "the same if configurations were alike": found.share_of_squares_by_chance,
        "variance within configurations": found.within,
        "variance between configurations": found.between if found.between > 0 else "none found",
    }


def pair_numbers(found: VarianceComponents | str) -> dict[str, float | int | str]:
    """Return the headline figures of two seeds beside two configurations; none where they cannot be told."""
    if isinstance(found, str):
        return {}
    return {
        "two seeds over two configurations": found.pair_ratio,
        "share of the sum of squares within configurations": found.share_of_squares,
        "nearest run is another seed": found.nearest,
        "nearest run is another seed, by chance": found.nearest_by_chance,
    }


def repetition_notes(found: VarianceComponents | str) -> list[str]:
    """Return a sentence on repetitions beside configurations, or on why there is none."""
    if isinstance(found, str):
        return [found]
    beyond = "" if found.between > 0 else " No variance between configurations was found beyond that."
    return [
        f"Seeds take {100 * found.share_of_squares:.0f} % of the sum of squares "
        f"({100 * found.share_of_squares_by_chance:.0f} % if configurations were alike), and two seeds of one "
        f"configuration are {found.pair_ratio:.2f} times as far apart as runs of two.{beyond}"
    ]


def variance_table(found: VarianceComponents) -> pd.DataFrame:
    """Return one row between and one within configurations: sum of squares, degrees of freedom, unbiased variance."""
    return pd.DataFrame(
        {
            "variance": ["between configurations", "within configurations"],
            "degrees of freedom": [found.degrees_between, found.degrees_within],
            "share of the sum of squares": [1 - found.share_of_squares, found.share_of_squares],
            "share by chance": [1 - found.share_of_squares_by_chance, found.share_of_squares_by_chance],
            "unbiased estimate": [found.between, found.within],
        }
    )
