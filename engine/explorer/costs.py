"""Cost model of a scene: amount of work and seconds per stage."""

from __future__ import annotations

from dataclasses import dataclass

STAGES = ("load", "distances", "references", "eigenpairs")
OVERHEAD = 0.003
"""Seconds per stage with no work."""
UNEXPLAINED = 0.1
"""Seconds that no rate covers: imports at first use, a disk that spins up, other programs."""


@dataclass(frozen=True, slots=True)
class Work:
    """Amount of work for one scene.

    Attributes:
        n_models: number of models to embed.
        n_unread: number of models whose predictions must be read for their progress.
        n_missing: number of pairs of models without a stored distance.
        n_values: n_samples * n_classes.
        n_points: number of reference points.
        effort: time per pair of models, in units of the Bhattacharyya distance's.
        n_before: number of scenes that had been computed; one computed since may have measured these pairs.
    """

    n_models: int
    n_unread: int
    n_missing: int
    n_values: int
    n_points: int
    effort: float = 1.0
    n_before: int = 0

    def units(self) -> dict[str, float]:
        """Return the quantity that each stage's time is proportional to."""
        pairs_with_points = self.n_points * self.n_models if self.n_missing else 0
        return {
            "load": self.n_unread * self.n_values,
            "distances": self.n_missing * self.n_values * self.effort,
            "references": pairs_with_points * self.n_values * self.effort,
            "eigenpairs": self.n_models**2,
        }


class Costs:
    """Seconds per unit of each stage: initially guessed for two CPU cores, then measured."""

    def __init__(self) -> None:
        self._rates = {"load": 1e-7, "distances": 3e-10, "references": 1e-9, "eigenpairs": 5e-9}

    def predict(self, work: Work) -> dict[str, float]:
        """Return the predicted seconds of each stage."""
        return {stage: OVERHEAD + units * self._rates[stage] for stage, units in work.units().items()}

    def learn(self, work: Work, stage: str, seconds: float) -> None:
        """Move the stage's rate towards the measured one, at most half-way on a logarithmic scale.

        The weight is 0.5 * explained / (explained + UNEXPLAINED), with ``explained`` the predicted seconds: the first
        checkpoint of a small study may take a second because code is loaded, and a rate of a second per checkpoint
        would predict an hour for the next study.
        """
        units = work.units()[stage]
        if units:
            explained = units * self._rates[stage]
            weight = 0.5 * explained / (explained + UNEXPLAINED)
            self._rates[stage] *= (max(seconds - OVERHEAD, 1e-4) / explained) ** weight
