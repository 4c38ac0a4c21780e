"""Analysis "lengths": trajectory lengths against geodesics between their ends."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from engine.analyses.analysis import Analysis, Options
from engine.analyses.finding import Finding
from engine.analyses.material import Material
from engine.analyses.notes import unfinished_notes
from engine.analyses.options import Choice, Column, levels_of

CONVENTIONS = (
    ("angle", "angle: mean of the samples' angles"),
    ("fisher_rao", "Fisher-Rao: sum of √(8 d_B)"),
    ("arc", "the study's code: sum of √d_B"),
)
TITLES = {"angle": "angle", "fisher_rao": "Fisher-Rao", "arc": "√d_B"}


def run(material: Material, options: Options) -> Finding:
    """Return lengths of every run, and of the geodesic between its first and last checkpoint, in all conventions.

    ``length``, ``straight`` (the geodesic) and ``detour`` (their ratio) are in the chosen convention; ``group`` is the
    run's value of the hyperparameter that the option ``column`` names.
    """
    from engine.trajectories.lengths import geodesic_lengths, path_lengths

    def measure() -> np.ndarray:
        rows = []
        for done, run_id in enumerate(material.run_ids):
            material.report(done / len(material.run_ids))
            models = material.log_probabilities(run_id)
            path, straight = path_lengths(models), geodesic_lengths(models[0], models[-1])
            rows.append([[getattr(lengths, name) for name, _ in CONVENTIONS] for lengths in (path, straight)])
        return np.array(rows)

    # Axes: (run, path or straight, convention).
    lengths = material.remember("run-lengths", [], measure)
    chosen = [name for name, _ in CONVENTIONS].index(options["convention"])
    path, straight = lengths[:, 0, chosen], lengths[:, 1, chosen]
    detour = np.divide(path, straight, out=np.full(len(path), np.nan), where=straight > 0)
    column = options["column"]
    table = pd.DataFrame({"run_id": list(material.run_ids), "checkpoints": material.counts})
    table["group"] = levels_of(material.runs[column]).tolist() if column else "all runs"
    table["length"], table["straight"], table["detour"] = path, straight, detour
    for place, (name, _) in enumerate(CONVENTIONS):
        table[f"length, {TITLES[name]}"] = lengths[:, 0, place]
        table[f"straight, {TITLES[name]}"] = lengths[:, 1, place]
    # Angle between uniform and one-hot predictions of a sample.
    theta = math.acos(1.0 / math.sqrt(material.n_classes))
    whole = {"angle": theta, "fisher_rao": 2.0 * theta, "arc": theta / math.sqrt(2.0)}[options["convention"]]
    notes = ["A path is measured from checkpoint to checkpoint: what was not recorded between them is not in it."]
    notes += unfinished_notes(material)
    if material.counts.min() < material.counts.max():
        span = f"{material.counts.min()} to {material.counts.max()}"
        notes.append(f"Runs have {span} checkpoints: with fewer, a path looks shorter.")
    if n_still := int((~(straight > 0)).sum()):
        share = f"{n_still} of {len(path)} runs"
        notes.append(f"{share} end where they began, or have one checkpoint: they have no detour.")
    return Finding(
        tables={"lengths": table},
        numbers={
            "median length": float(np.median(path)),
            "median detour": float(np.median(detour[straight > 0])) if n_still < len(detour) else math.nan,
            "from ignorance to truth": whole,
        },
        notes=tuple(notes),
    )


RUN_LENGTHS = Analysis(
    key="lengths",
    title="Lengths of paths",
    group="Along training",
    shows="How long the path of each run is, and how many times the straight way between its two ends.",
    not_shown="Detours between two checkpoints are not seen, so only runs recorded at the same steps can be compared.",
    computed=(
        "Steps between consecutive checkpoints are added up: their mean angles θ, exactly, or √(8 d_B), which for "
        "small steps is the length in the Fisher metric, or √d_B. The straight way is the geodesic from a run's first "
        "checkpoint to its last; from ignorance to truth it is θ = arccos(1/√C), in the Fisher metric 2θ."
    ),
    options=(Choice("convention", "length as", CONVENTIONS, "angle"), Column("column", "runs by")),
    run=run,
)
