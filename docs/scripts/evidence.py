"""Evidence of one study for the claims: scenes and findings, computed once."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.analyses import Finding
from engine.analyses.material import replicates_of
from engine.explorer.explorer import Explorer
from engine.values import EmbeddingSpec, Scene

TRAIN, TEST = "train", "test"


class Evidence:
    """Scenes and findings of one study.

    Args:
        explorer: engine on the bundled studies.
        study_id: id of the study.
    """

    def __init__(self, explorer: Explorer, study_id: str) -> None:
        self._explorer = explorer
        self.study = explorer.study(study_id)
        self.run_ids = tuple(self.study.runs.index)
        self.scene = cache(self._scene)
        self.spectrum = cache(lambda split: explorer.spectrum(self.scene(split).key))

    def _scene(self, split: str) -> Scene:
        return self._explorer.embed(self._selection(split))

    def _selection(self, split: str) -> EmbeddingSpec:
        return EmbeddingSpec(self.study.study_id, split, self.run_ids)

    def find(self, kind: str, split: str = TRAIN, **options: Any) -> Finding:
        """Return the finding of an analysis of all runs."""
        return self._explorer.analyses.find(kind, self._selection(split), **options)

    def of_runs(self, column: str) -> pd.Series:
        """Return the values of a hyperparameter, indexed by run_id."""
        return self.study.runs[column]

    def trajectory_distances(self, split: str = TRAIN) -> tuple[NDArray[np.float64], list[str]]:
        """Return (run, run) distances between trajectories, and the run ids in order."""
        finding = self.find("trajectory-distances", split)
        return finding.arrays["distances"], finding.tables["leaves"]["run_id"].tolist()

    def pairs(self, split: str = TRAIN) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return (pair,) distances between trajectories, and whether both are seeds of one configuration."""
        distances, run_ids = self.trajectory_distances(split)
        keys = self._configurations(run_ids)
        i, j = np.triu_indices(len(run_ids), 1)
        return distances[i, j], keys[i] == keys[j]

    def _configurations(self, run_ids: list[str]) -> NDArray[np.str_]:
        columns = [name for name in self.study.differing if name not in replicates_of(self.study).columns]
        return self.study.runs.loc[run_ids, columns].astype(str).agg("|".join, axis=1).to_numpy(str)

    def agreement_of_neighbours(self, column: str, split: str = TRAIN) -> float:
        """Return the chance-corrected share of runs that agree with their nearest run of another configuration.

        (share - chance) / (1 - chance), 1 if all agree in the value; chance is 1/2 for two values, 1/5 for five.
        """
        distances, run_ids = self.trajectory_distances(split)
        values = self.of_runs(column).loc[run_ids].to_numpy()
        keys = self._configurations(run_ids)
        apart = np.where(keys[:, None] == keys, np.inf, distances)
        share = float((values[apart.argmin(axis=1)] == values).mean())
        is_other = np.isfinite(apart)
        chance = float(((values[:, None] == values) & is_other).sum() / is_other.sum())
        return (share - chance) / (1 - chance)
