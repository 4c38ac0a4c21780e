"""The table of divergences on offer, in words; what computes one is loaded when it is first used.

To add one: write its function, in ``engine/split_divergences.py`` if it splits and beside :func:`bhattacharyya` if not;
add a row here, its formula to ``tests/oracles.py`` and a line to the table in ``docs/divergences.md``. Menus, tests and
documents read the rows.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.errors import InvalidSpecError


@dataclass(frozen=True, slots=True)
class Divergence:
    """One row of ``DIVERGENCES``.

    Attributes:
        key: how specs, addresses and files name it.
        title: how people name it.
        short: the same where there is little room.
        unit: unit of the values, and their limit where there is one.
        formula: its definition in a line, for people.
        caps: what becomes of zeros and infinite logarithms, for people.
        capped: what a number of capped samples counts, for people; empty where nothing is ever capped.
        reference: where it is defined.
        can_be_negative: whether its embedding can have time-like components.
        effort: seconds a pair of models takes, as a multiple of the Bhattacharyya distance's on a CPU.
        module: where its function lies, which has the key as its name.
        is_packed: whether its function takes packed square roots, instead of log-probabilities.
    """

    key: str
    title: str
    short: str
    unit: str
    formula: str
    caps: str
    reference: str
    can_be_negative: bool
    effort: float
    capped: str = ""
    module: str = "engine.split_divergences"
    is_packed: bool = False

    @property
    def function(self) -> Callable[[Any, Any], Any]:
        """(rows, columns or None) -> (row, column) values and numbers of capped samples."""
        function: Callable[[Any, Any], Any] = getattr(importlib.import_module(self.module), self.key)
        return function


NOTHING_CAPPED = "Finite for all predictions: nothing is capped."

DIVERGENCES: dict[str, Divergence] = {
    divergence.key: divergence
    for divergence in (
        Divergence(
            key="bhattacharyya",
            title="Bhattacharyya distance",
            short="Bhattacharyya",
            unit="nats per sample",
            formula="D = −(1/N) Σₙ log Σ_c √(p q)",
            caps="An overlap Σ_c √(p q) under 2⁻⁶³ counts as 2⁻⁶³, 43.7 nats; with a model that is certain of every "
            "sample, such as P*, only an overlap of exactly zero does.",
            reference="Bhattacharyya 1943; Mao et al. 2024, eq. 1",
            can_be_negative=True,
            effort=1.0,
            capped="overlaps capped",
            module="engine.divergences",
            is_packed=True,
        ),
        Divergence(
            key="hellinger",
            title="Squared Hellinger distance",
            short="Hellinger",
            unit="dimensionless, at most 1",
            formula="D = 1 − (1/N) Σₙ Σ_c √(p q) = (1/2N) Σₙ Σ_c (√p − √q)²",
            caps=NOTHING_CAPPED,
            reference="Hellinger 1909",
            can_be_negative=False,
            effort=1.0,
        ),
        Divergence(
            key="symmetrised_kl",
            title="Symmetrised Kullback–Leibler divergence",
            short="symmetrised KL",
            unit="nats per sample",
            formula="D = (1/N) Σₙ Σ_c (p − q)(log p − log q)",
            caps="A logarithm under −63 log 2 = −43.7 counts as that. P* has nothing but certainties, so the cap alone "
            "decides how far it lies from everything.",
            reference="Jeffreys 1946; Teoh et al. 2020",
            can_be_negative=True,
            effort=2.0,
            capped="terms with a capped logarithm",
        ),
        Divergence(
            key="jensen_shannon",
            title="Jensen–Shannon divergence",
            short="Jensen–Shannon",
            unit="nats per sample, at most log 2",
            formula="D = (1/N) Σₙ [½ KL(p ‖ m) + ½ KL(q ‖ m)] with m = ½ (p + q)",
            caps=NOTHING_CAPPED,
            reference="Lin 1991",
            can_be_negative=False,
            effort=4.0,
        ),
        Divergence(
            key="fisher_rao",
            title="Fisher–Rao angle, squared",
            short="Fisher–Rao",
            unit="rad² per sample",
            formula="D = (1/N) Σₙ θₙ² with cos θₙ = Σ_c √(p q)",
            caps=NOTHING_CAPPED,
            reference="Rao 1945",
            can_be_negative=True,
            effort=1.0,
        ),
        Divergence(
            key="euclidean",
            title="Squared Euclidean distance of probabilities",
            short="Euclidean",
            unit="dimensionless, at most 2",
            formula="D = (1/N) Σₙ Σ_c (p − q)²",
            caps=NOTHING_CAPPED,
            reference="Brier 1950",
            can_be_negative=False,
            effort=1.0,
        ),
    )
}


def find_divergence(key: str) -> Divergence:
    """Return the table row of ``key``, or raise InvalidSpecError."""
    try:
        return DIVERGENCES[key]
    except KeyError:
        raise InvalidSpecError(f"divergence must be one of {sorted(DIVERGENCES)}, received {key!r}.") from None
