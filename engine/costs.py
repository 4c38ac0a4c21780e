"""What a scene will cost, before it is computed: for the progress bar and for re-embedding without being asked."""

from __future__ import annotations

from dataclasses import dataclass

STAGES = ("load", "distances", "references", "eigenpairs")
OVERHEAD = 0.003
"""Seconds a stage takes with nothing to do."""
UNEXPLAINED = 0.1
"""Seconds that are nobody's rate: code that is loaded at its first use, a disk that wakes up, another program."""


@dataclass(frozen=True, slots=True)
class Work:
    """How much there is to do.

    Attributes:
        n_models: models to embed.
        n_unread: models whose predictions must be read for their progress.
        n_missing: pairs of models whose distance is not known yet.
        n_values: samples times classes of one model.
        n_points: reference points.
        effort: of a pair of models, as a multiple of the Bhattacharyya distance's.
    """

    n_models: int
    n_unread: int
    n_missing: int
    n_values: int
    n_points: int
    effort: float = 1.0

    def units(self) -> dict[str, float]:
        """What each stage's time is proportional to."""
        pairs_with_points = self.n_points * self.n_models if self.n_missing else 0
        return {
            "load": self.n_unread * self.n_values,
            "distances": self.n_missing * self.n_values * self.effort,
            "references": pairs_with_points * self.n_values * self.effort,
            "eigenpairs": self.n_models**2,
        }


class Costs:
    """Seconds per unit of each stage: a guess for two CPU cores at first, then what was measured."""

    def __init__(self) -> None:
        self._rates = {"load": 1e-7, "distances": 3e-10, "references": 1e-9, "eigenpairs": 5e-9}

    def predict(self, work: Work) -> dict[str, float]:
        """Seconds of each stage."""
        return {stage: OVERHEAD + units * self._rates[stage] for stage, units in work.units().items()}

    def learn(self, work: Work, stage: str, seconds: float) -> None:
        """Move the stage's rate towards what it took this time, at most half-way on a logarithmic scale.

        Where the rate explains little of what may have passed, it moves by less: the first checkpoint of a small study
        may take a second because code is loaded, and a second per checkpoint would make an hour of the next study.
        """
        units = work.units()[stage]
        if units:
            explained = units * self._rates[stage]
            weight = 0.5 * explained / (explained + UNEXPLAINED)
            self._rates[stage] *= (max(seconds - OVERHEAD, 1e-4) / explained) ** weight
