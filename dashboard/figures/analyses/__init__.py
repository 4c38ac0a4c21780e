"""Figures of analyses: pure functions from a finding to what is drawn, one module per analysis.

A figure is a plain value: ``title``; ``data`` and ``layout`` as plotly takes them; and ``series``, curves and points of
runs (:func:`~dashboard.figures.analyses.series.run_series`), which the browser colours like the picture and links with
everything else that shows runs. A trace that stands for one value of a hyperparameter says so in its ``meta``, by
``column`` and ``level``, and gets that value's colour. Names from files go through
:func:`~dashboard.figures.analyses.series.plain`. ``shape`` is ``"wide"``, ``"half"`` or ``"square"``: two halves or
squares share a row.
"""

from collections.abc import Callable

from dashboard.figures.analyses.against_null import against_null_figures
from dashboard.figures.analyses.bands import bootstrap_figures, distance_band_figures
from dashboard.figures.analyses.fit_and_project import fit_and_project_figures
from dashboard.figures.analyses.geodesic_distances import geodesic_distance_figures
from dashboard.figures.analyses.kinds_of_mean import kinds_of_mean_figures
from dashboard.figures.analyses.outlier_counts import outlier_figures
from dashboard.figures.analyses.progress_curves import progress_figures
from dashboard.figures.analyses.reindexed_runs import reindexed_figures
from dashboard.figures.analyses.run_lengths import length_figures
from dashboard.figures.analyses.sample_counts import sample_counts_figures
from dashboard.figures.analyses.three_bases import three_bases_figures
from dashboard.figures.analyses.train_and_test import train_and_test_figures
from dashboard.figures.analyses.trajectory_embedding import trajectory_embedding_figures
from dashboard.figures.analyses.trajectory_heat_map import trajectory_heat_map_figures
from dashboard.figures.analyses.tube import tube_figures
from dashboard.figures.analyses.weights import weights_figures
from dashboard.figures.analyses.what_decides import what_decides_figures
from dashboard.figures.frame import Figure
from engine.analyses import Finding

ANALYSIS_FIGURES: dict[str, Callable[[Finding], list[Figure]]] = {
    "progress": progress_figures,
    "geodesic-distance": geodesic_distance_figures,
    "lengths": length_figures,
    "reindexed": reindexed_figures,
    "outliers": outlier_figures,
    "trajectory-distances": trajectory_heat_map_figures,
    "trajectory-embedding": trajectory_embedding_figures,
    "tube": tube_figures,
    "mean-models": kinds_of_mean_figures,
    "fit-and-project": fit_and_project_figures,
    "weights": weights_figures,
    "train-and-test": train_and_test_figures,
    "samples": sample_counts_figures,
    "three-bases": three_bases_figures,
    "importance": what_decides_figures,
    "null": against_null_figures,
    "bootstrap": bootstrap_figures,
    "distance-bands": distance_band_figures,
}
"""By key of ``ANALYSES``."""

__all__ = ["ANALYSIS_FIGURES"]
