"""Table of the available divergences.

The module that computes a divergence is imported at its first use. Menus, addresses, tests and documents read the
rows; docs/extending.md shows how to add one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from engine.errors import InvalidSpecError
from engine.values import FloatArray


@dataclass(frozen=True, slots=True)
class Divergence:
    """One row of ``DIVERGENCES``.

    Attributes:
        key: identifier in specs, addresses and files.
        title: display name.
        short: short display name.
        unit: unit of the values, and their upper bound if any.
        formula: one-line definition, for display.
        close_pairs: leading term for close models, in the Fisher metric ds, for display.
        caps: treatment of zeros and infinite logarithms, for display.
        capped: label of the count of capped samples, for display; empty if nothing is ever capped.
        reference: source of the definition.
        can_be_negative: whether its embedding can have time-like components.
        effort: CPU time per pair of models, relative to the Bhattacharyya distance.
        function: (rows, columns or None) -> (row, column) values and capped-sample counts.
        ready: (log-probabilities, device, array name, index of their first model) -> checked argument of ``function``;
            name and index are for error messages.
        is_packed: whether ``ready`` returns packed square roots, which are kept on disk, instead of log-probabilities.
    """

    key: str
    title: str
    short: str
    unit: str
    formula: str
    close_pairs: str
    caps: str
    reference: str
    can_be_negative: bool
    effort: float
    function: Callable[[Any, Any], Any]
    ready: Callable[[FloatArray, str, str, int], Any]
    is_packed: bool = False
    capped: str = ""


def _at_first_use(module: str, name: str) -> Callable[..., Any]:
    """Return a function of a module beside this one, which is imported when the function is called."""
    return lambda *arguments: getattr(import_module(f"{__package__}.{module}"), name)(*arguments)


READY_SPLIT = _at_first_use("split", "log_models")
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
            close_pairs="ds²/8",
            caps="An overlap Σ_c √(p q) under 2⁻⁶³ counts as 2⁻⁶³, 43.7 nats; with a model that is certain of every "
            "sample, such as P*, only an overlap of exactly zero does.",
            reference="Bhattacharyya 1943; Mao et al. 2024, eq. 1",
            can_be_negative=True,
            effort=1.0,
            capped="overlaps capped",
            function=_at_first_use("bhattacharyya", "bhattacharyya"),
            ready=_at_first_use("prepared", "prepare"),
            is_packed=True,
        ),
        Divergence(
            key="hellinger",
            title="Squared Hellinger distance",
            short="Hellinger",
            unit="dimensionless, at most 1",
            formula="D = 1 − (1/N) Σₙ Σ_c √(p q) = (1/2N) Σₙ Σ_c (√p − √q)²",
            close_pairs="ds²/8",
            caps=NOTHING_CAPPED,
            reference="Hellinger 1909",
            can_be_negative=False,
            effort=1.0,
            function=_at_first_use("divergences", "hellinger"),
            ready=READY_SPLIT,
        ),
        Divergence(
            key="symmetrised_kl",
            title="Symmetrised Kullback–Leibler divergence",
            short="symmetrised KL",
            unit="nats per sample",
            formula="D = (1/N) Σₙ Σ_c (p − q)(log p − log q)",
            close_pairs="ds²",
            caps="A logarithm under −63 log 2 = −43.7 counts as that. P* has nothing but certainties, so the cap alone "
            "decides how far it lies from everything.",
            reference="Jeffreys 1946; Teoh et al. 2020",
            can_be_negative=True,
            effort=2.0,
            capped="terms with a capped logarithm",
            function=_at_first_use("divergences", "symmetrised_kl"),
            ready=READY_SPLIT,
        ),
        Divergence(
            key="jensen_shannon",
            title="Jensen–Shannon divergence",
            short="Jensen–Shannon",
            unit="nats per sample, at most log 2",
            formula="D = (1/N) Σₙ [½ KL(p ‖ m) + ½ KL(q ‖ m)] with m = ½ (p + q)",
            close_pairs="ds²/8",
            caps=NOTHING_CAPPED,
            reference="Lin 1991",
            can_be_negative=False,
            effort=4.0,
            function=_at_first_use("divergences", "jensen_shannon"),
            ready=READY_SPLIT,
        ),
        Divergence(
            key="fisher_rao",
            title="Fisher–Rao angle, squared",
            short="Fisher–Rao",
            unit="rad² per sample",
            formula="D = (1/N) Σₙ θₙ² with cos θₙ = Σ_c √(p q)",
            close_pairs="ds²/4",
            caps=NOTHING_CAPPED,
            reference="Rao 1945",
            can_be_negative=True,
            effort=1.0,
            function=_at_first_use("divergences", "fisher_rao"),
            ready=READY_SPLIT,
        ),
        Divergence(
            key="euclidean",
            title="Squared Euclidean distance of probabilities",
            short="Euclidean",
            unit="dimensionless, at most 2",
            formula="D = (1/N) Σₙ Σ_c (p − q)²",
            close_pairs="not of ds",
            caps=NOTHING_CAPPED,
            reference="Brier 1950",
            can_be_negative=False,
            effort=1.0,
            function=_at_first_use("divergences", "euclidean"),
            ready=READY_SPLIT,
        ),
    )
}


def find_divergence(key: str) -> Divergence:
    """Return the row of ``key``; raises InvalidSpecError for an unknown key."""
    try:
        return DIVERGENCES[key]
    except KeyError:
        raise InvalidSpecError(f"divergence must be one of {sorted(DIVERGENCES)}, received {key!r}.") from None
