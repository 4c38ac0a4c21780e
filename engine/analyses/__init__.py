"""Table of analyses: figures of a study with their options.

An analysis is a function ``(material, options) -> Finding`` with a row ``Analysis(...)``, and a function from the
finding to figures in ``dashboard/figures/analyses`` (docs/extending.md). Page, addresses, progress, cancellation,
caching, CSV and the documentation follow from the row. The page is laid out from the rows before anything is computed:
imports that compile or load slowly belong in the function that uses them.
"""

from __future__ import annotations

from engine.analyses.analysis import Analysis
from engine.analyses.between_runs.distances import TRAJECTORY_HEAT_MAP
from engine.analyses.between_runs.embedding import TRAJECTORY_EMBEDDING
from engine.analyses.between_runs.means import KINDS_OF_MEAN
from engine.analyses.between_runs.tube import TUBE
from engine.analyses.finding import Basis, Finding
from engine.analyses.inference.dimension import DIMENSION
from engine.analyses.inference.distance_bands import DISTANCE_BANDS
from engine.analyses.inference.importance import WHAT_DECIDES
from engine.analyses.inference.null import AGAINST_NULL
from engine.analyses.inference.spectrum_bands import SPECTRUM_BANDS
from engine.analyses.material import Material
from engine.analyses.of_selections.fit_and_project import FIT_AND_PROJECT
from engine.analyses.of_selections.samples import SAMPLE_COUNTS
from engine.analyses.of_selections.three_bases import THREE_BASES
from engine.analyses.of_selections.train_and_test import TRAIN_AND_TEST
from engine.analyses.of_selections.weights import WEIGHTS
from engine.analyses.training.geodesic_distance import GEODESIC_DISTANCES
from engine.analyses.training.lengths import RUN_LENGTHS
from engine.analyses.training.outliers import OUTLIER_COUNTS
from engine.analyses.training.progress import PROGRESS_CURVES
from engine.analyses.training.reindexed import REINDEXED_RUNS

__all__ = ["ANALYSES", "Analysis", "Basis", "Finding", "Material"]

ANALYSES: dict[str, Analysis] = {
    analysis.key: analysis
    for analysis in (
        PROGRESS_CURVES,
        GEODESIC_DISTANCES,
        RUN_LENGTHS,
        REINDEXED_RUNS,
        OUTLIER_COUNTS,
        TRAJECTORY_HEAT_MAP,
        TRAJECTORY_EMBEDDING,
        TUBE,
        KINDS_OF_MEAN,
        FIT_AND_PROJECT,
        WEIGHTS,
        TRAIN_AND_TEST,
        SAMPLE_COUNTS,
        THREE_BASES,
        WHAT_DECIDES,
        AGAINST_NULL,
        DIMENSION,
        SPECTRUM_BANDS,
        DISTANCE_BANDS,
    )
}
"""All analyses, in display order."""
