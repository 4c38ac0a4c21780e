"""Geodesic between two chosen models, and progress along it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.analyses.material import Material
from engine.analyses.options import IGNORANCE, TRUTH, Choice, Model
from engine.trajectories.geodesics import Geodesic, geodesic
from engine.values import FloatArray

DEFINITIONS = {
    "angle": "sum of angles (the study's)",
    "bhattacharyya": "Bhattacharyya distance",
    "mean": "mean over samples",
}
DEFINITION = Choice("definition", "progress by", tuple(DEFINITIONS.items()), "angle")
ENDS = Model("start", "geodesic from", IGNORANCE), Model("end", "to", TRUTH)
SATURATED = 1.0 - 1e-6
"""Progress from which a model counts as being at the end."""


class ChosenGeodesic:
    """The geodesic between two models named by the options ``start`` and ``end``.

    Args:
        material: the selection.
        start, end: ``"P0"``, ``"P*"`` or ``"run_id:checkpoint"``.

    Attributes:
        circle: the great circle through the two models.
        words: its two ends, as display text.

    Raises:
        InvalidSpecError: the two are the same model.
    """

    def __init__(self, material: Material, start: str, end: str) -> None:
        self._material = material
        self._is_usual = (start, end) == (IGNORANCE, TRUTH)
        self.circle = Geodesic.between(named_model(material, start), named_model(material, end))
        self.words = f"{words_of(start)} to {words_of(end)}"

    def progress(self, definition: str, within: tuple[float, float] = (0.0, 1.0)) -> NDArray[np.float64]:
        """Return (model,) progress of all checkpoints; reported fractions run over the interval ``within``."""
        if self._is_usual:
            return self._material.progress(definition)
        parts = []
        for done, run_id in enumerate(self._material.run_ids):
            self._material.report(within[0] + (within[1] - within[0]) * done / len(self._material.run_ids))
            parts.append(self.circle.progress(self._material.log_probabilities(run_id), definition))
        return np.concatenate(parts)

    def notes(self, progress: NDArray[np.float64], definition: str) -> tuple[str, ...]:
        """Return notes on these progress values, as display text."""
        notes = []
        if not self._is_usual:
            notes.append(f"The geodesic leads from {self.words}, not from ignorance to truth.")
        if n_still := int((self.circle.angles == 0).sum()):
            notes.append(
                f"In {n_still} of {len(self.circle.angles)} samples both ends of the geodesic are the same; they count "
                "for no progress."
            )
        n_saturated = int((progress >= SATURATED).sum())
        if definition == "angle" and n_saturated:
            notes.append(
                f"{n_saturated} of {len(progress)} checkpoints are at 1. By the sum of angles progress saturates: it "
                "can be 1 while a part of the samples is still wrong. The other definitions do not."
            )
        return tuple(notes)


def named_model(material: Material, name: str) -> FloatArray:
    """Return (sample, class) log-probabilities of ``"P0"``, ``"P*"`` or ``"run_id:checkpoint"``."""
    if name in (IGNORANCE, TRUTH):
        ends: FloatArray = geodesic(material.labels, material.n_classes, [0.0, 1.0])
        return np.asarray(ends[0 if name == IGNORANCE else 1])
    run_id, _, checkpoint = name.rpartition(":")
    return np.asarray(material.log_probabilities(run_id, [int(checkpoint)])[0])


def words_of(name: str) -> str:
    """Return the display name of a model."""
    if name in (IGNORANCE, TRUTH):
        return "ignorance" if name == IGNORANCE else "truth"
    run_id, _, checkpoint = name.rpartition(":")
    return f"checkpoint {checkpoint} of {run_id}"
