"""Figures of analyses: pure functions of a finding, one module per analysis.

A figure is a plain value: ``title``; ``data`` and ``layout`` as plotly takes them; and ``series``, curves and points of
runs (:func:`~dashboard.figures.analyses.series.run_series`), which the browser colours like the picture and links with
all other views of runs. The ``meta`` of a trace of one hyperparameter value holds its ``column`` and ``level``; the
browser gives the trace the colour of that value. Names from files go through
:func:`~dashboard.figures.analyses.series.plain`. ``shape`` is ``"wide"``, ``"half"`` or ``"square"``: two halves or
squares share a row.
"""

from collections.abc import Callable

from dashboard.figures.analyses.between_runs.distances import trajectory_heat_map_figures
from dashboard.figures.analyses.between_runs.embedding import trajectory_embedding_figures
from dashboard.figures.analyses.between_runs.means import kinds_of_mean_figures
from dashboard.figures.analyses.between_runs.tube import tube_figures
from dashboard.figures.analyses.inference.bands import distance_band_figures, spectrum_band_figures
from dashboard.figures.analyses.inference.dimension import dimension_figures
from dashboard.figures.analyses.inference.importance import what_decides_figures
from dashboard.figures.analyses.inference.null import against_null_figures
from dashboard.figures.analyses.of_selections.fit_and_project import fit_and_project_figures
from dashboard.figures.analyses.of_selections.samples import sample_counts_figures
from dashboard.figures.analyses.of_selections.three_bases import three_bases_figures
from dashboard.figures.analyses.of_selections.train_and_test import train_and_test_figures
from dashboard.figures.analyses.of_selections.weights import weights_figures
from dashboard.figures.analyses.training.geodesic_distance import geodesic_distance_figures
from dashboard.figures.analyses.training.lengths import length_figures
from dashboard.figures.analyses.training.outliers import outlier_figures
from dashboard.figures.analyses.training.progress import progress_figures
from dashboard.figures.analyses.training.reindexed import reindexed_figures
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
    "dimension": dimension_figures,
    "bootstrap": spectrum_band_figures,
    "distance-bands": distance_band_figures,
}
"""Key of ``ANALYSES`` -> function from a finding to its figures."""
