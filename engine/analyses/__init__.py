"""Every figure of a study as a question with options, and its answer as tables.

To add one: write a module with a function ``(material, options) -> Finding`` and a row ``Analysis(...)`` about it, list
the row in ``ANALYSES``, and write ``figures(finding)`` in a module of ``dashboard/figures/analyses``. Page, addresses,
progress, cancelling, keeping, CSV and the table of the documentation follow from the row. The page is laid out from the
rows before anything is computed: what compiles or is slow to load is imported in the function that uses it.
"""

from __future__ import annotations

from engine.analyses.against_null import AGAINST_NULL
from engine.analyses.analysis import Analysis
from engine.analyses.bootstrap_bands import BOOTSTRAP_BANDS
from engine.analyses.distance_bands import DISTANCE_BANDS
from engine.analyses.finding import Basis, Finding
from engine.analyses.fit_and_project import FIT_AND_PROJECT
from engine.analyses.geodesic_distances import GEODESIC_DISTANCES
from engine.analyses.kinds_of_mean import KINDS_OF_MEAN
from engine.analyses.material import Material
from engine.analyses.outlier_counts import OUTLIER_COUNTS
from engine.analyses.progress_curves import PROGRESS_CURVES
from engine.analyses.reindexed_runs import REINDEXED_RUNS
from engine.analyses.run_lengths import RUN_LENGTHS
from engine.analyses.sample_counts import SAMPLE_COUNTS
from engine.analyses.three_bases import THREE_BASES
from engine.analyses.train_and_test import TRAIN_AND_TEST
from engine.analyses.trajectory_embedding import TRAJECTORY_EMBEDDING
from engine.analyses.trajectory_heat_map import TRAJECTORY_HEAT_MAP
from engine.analyses.tube import TUBE
from engine.analyses.weights import WEIGHTS
from engine.analyses.what_decides import WHAT_DECIDES

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
        BOOTSTRAP_BANDS,
        DISTANCE_BANDS,
    )
}
"""All there are, in the order in which they are offered."""
