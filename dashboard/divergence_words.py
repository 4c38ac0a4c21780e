"""What the page says of each divergence: names for its menus, and sentences for whoever asks what D is."""

from __future__ import annotations

from typing import Any

from engine.divergence_table import DIVERGENCES, Divergence

REAL_ONLY = "It is the squared distance of points in some Euclidean space: its embedding has no imaginary axis."
MAY_BE_IMAGINARY = "It is no squared distance of any Euclidean space: its embedding may have imaginary axes."


def sentences(divergence: Divergence) -> list[str]:
    """Definition with unit, caps, and what kind of axes to expect."""
    return [
        f"{divergence.title}, {divergence.formula}. Unit: {divergence.unit}.",
        divergence.caps,
        MAY_BE_IMAGINARY if divergence.can_be_negative else REAL_ONLY,
    ]


def divergence_words() -> dict[str, dict[str, Any]]:
    """By key what the browser has to say of a divergence, in the order of its menu."""
    return {
        key: {
            "short": divergence.short,
            "title": divergence.title,
            "capped": divergence.capped,
            "sentences": sentences(divergence),
        }
        for key, divergence in DIVERGENCES.items()
    }
