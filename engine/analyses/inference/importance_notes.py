"""Sentences on importances, tests and shares of hyperparameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from engine.statistics.factors import Factor
    from engine.statistics.importance import Importance

SIGNIFICANT = 0.05
ENOUGH_POWER = 0.8
LEAST_OF_LEVEL = 5
"""For Welch's statistic: with 2 and 4 of a level that is thrice as wide, 0.2 and 0.1 of null studies reject."""


def units_of(by_run: bool) -> str:
    """Return what is held out and permuted, in the plural."""
    return "runs" if by_run else "configurations"


def importance_notes(found: Importance, score: float, by_run: bool) -> list[str]:
    """Return the sentences on what an importance is, and is not."""
    units = units_of(by_run)
    notes = [
        f"Importance is how much of R² (of logarithms of distances) a forest loses on pairs among {found.n_held_out} "
        f"held-out {units} when a hyperparameter's values are dealt out anew among them; bars span 95 % of "
        f"{len(found.scores)} random splits. "
        "That is the spread over splits of these runs, no confidence interval for other studies.",
        f"A mark beside a bar is the largest of {len(found.by_chance)} importances without meaning: the rows of "
        f"hyperparameters are dealt out anew among the {units}, one split each. Of a single bar, chance passes it less "
        "than once in twenty times.",
        f"Pairs share {units}, so they are not independent; that is why whole {units} are held out and permuted.",
    ]
    if score <= 0:
        notes.append(
            f"The forest predicts held-out pairs no better than their mean does (R² {score:.2f}): importances mean "
            "nothing here and are not drawn."
        )
    elif (found.drops > score).any():
        notes.append(
            "An importance above R² is possible: wrong values of a hyperparameter can make predictions worse than the "
            "mean of all pairs is."
        )
    if any(len(group) > 1 for group in found.groups):
        notes.append(
            "Hyperparameters that vary together share their importance: shuffling one alone costs little while the "
            "other still predicts. Bars of several names shuffle them as one."
        )
    return notes


def power_note(powers: dict[float, float], table: pd.DataFrame, n_units: int) -> str:
    """Return the sentence on what a large p-value means in a study of this size."""
    found = ", one of ".join(f"{effect:g} sd in about {100 * share:.0f} %" for effect, share in powers.items())
    text = (
        f"With {n_units} configurations, half of them at each of two levels, a test finds a difference of {found} of "
        "studies (sd: the standard deviation among configurations along the direction of the difference)."
    )
    is_weak = powers[max(powers)] < ENOUGH_POWER or (table["smallest possible p"] * len(table) > SIGNIFICANT).any()
    return f"{text} Too few to say “no difference” from a large p." if is_weak else text


def test_notes(factors: Sequence[Factor], table: pd.DataFrame, by_run: bool) -> list[str]:
    """Return the sentences on what the p-values and shares are, and where they may mislead."""
    smallest, largest = table["smallest possible p"].min(), table["smallest possible p"].max()
    span = f"{smallest:.2g}" if smallest == largest else f"{smallest:.2g} to {largest:.2g}, by hyperparameter"
    tested = (
        f"p beyond the others counts in how many of {int(table['permutations'].max())} permutations of "
        f"{len(factors[0].codes)} configurations chance does as well; the smallest possible is {span}. Configurations "
        "change places only with those that agree in all other hyperparameters, or residuals do where too few agree. "
        "Adjusted p allow for the number of hyperparameters (Holm), not for several clocks or splits: the smallest of "
        "those is too small. All other p-values are exploratory."
    )
    notes = [
        "No p-value from single runs, because seeds of a configuration are alike: choose configurations."
        if by_run
        else tested,
        "R² is the share of the total of InPCA's centred matrix (PERMANOVA, with divergences where squared distances "
        "stand). Values that mean nothing have the share by chance; ω² takes that out. Beyond the others: only what no "
        "other hyperparameter explains, finer versions of itself left aside.",
    ]
    if not by_run and table["share without seed noise"].notna().any():
        notes.append(
            "The share without seed noise is the share of what is left of all shares when the variance between "
            "seeds of a configuration is taken out."
        )
    if unequal := set(table.loc[table["statistic"] == "Welch", "hyperparameter"]):
        small = [f.name for f in factors if f.name in unequal and np.bincount(f.codes).min() < LEAST_OF_LEVEL]
        but = f" With fewer than {LEAST_OF_LEVEL} of a level it does not: {', '.join(small)}." if small else ""
        notes.append(f"Welch's statistic, for levels of unequal size, allows for levels that are unequally wide.{but}")
    if (table["p of unequal spread, exploratory"] <= SIGNIFICANT).any():
        named = table.loc[table["p of unequal spread, exploratory"] <= SIGNIFICANT, "hyperparameter"].tolist()
        notes.append(
            f"{', '.join(named)}: levels seem unequally wide (PERMDISP), so a small p may come from that as well as "
            "from a difference of their means."
        )
    if numeric := [factor.name for factor in factors if factor.is_continuous]:
        notes.append(
            f"{', '.join(numeric)}: so many values that it is tested as a number (a spline of three degrees of "
            "freedom, or a line over fewer than twelve values; in logarithms where all are positive)."
        )
    failed = table.loc[table["p beyond the others"].isna(), "hyperparameter"].tolist()
    if failed and not by_run:
        notes.append(f"{', '.join(failed)}: no test, because too few configurations share a value or all are equal.")
    return notes
