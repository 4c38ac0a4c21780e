"""Published claims, each with the rule that tests it on a study.

A rule returns its finding in words and whether it agrees with the publication.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from docs.scripts.evidence import TEST, TRAIN, Evidence

Verdict = tuple[str, bool]
SIGNIFICANT = 0.05
ARCHITECTURE = "architecture"
CHOSEN = (ARCHITECTURE, "size", "optimizer", "batch_size", "weight_decay")
"""Independent hyperparameters: learning rate depends on optimiser, number of parameters on architecture."""


@dataclass(frozen=True)
class Claim:
    """One published claim and its rule.

    Attributes:
        figure: figure of the publication that supports it.
        published: the claim, paraphrased.
        rule: evidence -> (finding in words, whether it agrees).
        agrees_if: the rule in words.
    """

    figure: str
    published: str
    rule: Callable[[Evidence], Verdict]
    agrees_if: str


def low_dimension(evidence: Evidence) -> Verdict:
    """Return the explained stress of three components, train."""
    stress = evidence.scene(TRAIN).embedding.explained_stress
    return f"explained stress of 1, 2, 3 components: {_three(stress)}", bool(stress[2] >= 0.76)


def low_dimension_of_test(evidence: Evidence) -> Verdict:
    """Return the explained stress of three components, test."""
    stress = evidence.scene(TEST).embedding.explained_stress
    return f"explained stress of 1, 2, 3 components: {_three(stress)}", bool(stress[2] >= 0.76)


def decay(evidence: Evidence) -> Verdict:
    """Return the decay of the eigenvalues."""
    values = np.abs(evidence.spectrum(TRAIN).eigenvalues)
    found = f"the first is {values[0] / values[9]:.0f} times the 10th and {values[0] / values[49]:.0f} times the 50th"
    return found, bool(values[0] / values[49] >= 100)


def imaginary_axis(evidence: Evidence) -> Verdict:
    """Return whether an early axis is time-like."""
    signature = evidence.spectrum(TRAIN).signature
    first = int(np.flatnonzero(signature < 0)[0]) + 1 if (signature < 0).any() else 0
    found = f"the first imaginary axis is number {first}" if first else "none of 50 axes is imaginary"
    return f"{found}; {int((signature < 0).sum())} of 50 are", first == 2


def one_clock(evidence: Evidence) -> Verdict:
    """Return the rank correlation of progress and accuracy."""
    table = evidence.find("progress").tables["progress"]
    correlation = float(table["progress"].rank().corr((1 - table["error"]).rank()))
    gap = float((table["progress"] - (1 - table["error"])).abs().mean())
    found = f"rank correlation with accuracy {correlation:.2f}; mean distance from the diagonal {gap:.2f}"
    return found, correlation >= 0.9


def larger_is_faster(evidence: Evidence) -> Verdict:
    """Return the epochs to half the progress, larger networks against smaller ones."""
    table = evidence.find("progress").tables["progress"]
    reached = table[table["progress"] >= 0.5].groupby("run_id")["epoch"].min()
    median = reached.groupby([evidence.of_runs(ARCHITECTURE), evidence.of_runs("size")]).median().unstack()
    faster = int((median["large"] < median["small"]).sum())
    return f"larger networks are half-way earlier in {faster} of {len(median)} architectures", faster == len(median)


def off_the_geodesic(evidence: Evidence) -> Verdict:
    """Return the distance to the geodesic at mid-training and at the end."""
    table = evidence.find("geodesic-distance").tables["distances"]
    middle = float(table.loc[table["progress"].between(0.4, 0.6), "distance"].mean())
    last = table.groupby("run_id").tail(1)
    near = last[last["progress"] >= 0.9]
    end = float(near["distance"].mean())
    found = f"{middle:.2f} nats in mid-course, {end:.2f} at the end of the {len(near)} runs that pass 0.9"
    return found, middle > 2 * end


def thin_tube(evidence: Evidence) -> Verdict:
    """Return the distance of seeds from their mean, against the distance between configurations."""
    numbers = evidence.find("tube").numbers
    width, between = numbers["median distance to the mean"], numbers["mean distance between configurations"]
    return f"{width:.4f} nats to the mean of a configuration, {between:.3f} between configurations", width < between / 4


def neighbours(evidence: Evidence) -> Verdict:
    """Return the agreement in hyperparameters of a run and its nearest other configuration, beyond chance."""
    shares = {column: evidence.agreement_of_neighbours(column) for column in CHOSEN}
    words = ", ".join(f"{column.replace('_', ' ')} {share:.2f}" for column, share in shares.items())
    found = f"agreement with the nearest run of another configuration, 0 by chance and 1 at most: {words}"
    return found, max(shares, key=shares.__getitem__) == ARCHITECTURE


def importance(evidence: Evidence) -> Verdict:
    """Return the hyperparameter that explains most of the distances between trajectories, train."""
    return _importance(evidence, TRAIN)


def importance_on_test(evidence: Evidence) -> Verdict:
    """Return the hyperparameter that explains most of the distances between trajectories, test."""
    return _importance(evidence, TEST)


def _importance(evidence: Evidence, split: str) -> Verdict:
    tests = evidence.find("importance", split, columns=list(CHOSEN)).tables["hyperparameters"]
    tests = tests.set_index("hyperparameter").sort_values("ω² beyond the others", ascending=False)
    shares, p_values = tests["ω² beyond the others"], tests["p beyond the others, adjusted"]
    words = ", ".join(f"{name.replace('_', ' ')} {100 * share:.0f} %" for name, share in shares.items())
    # Of shares without an effect, one is first and twice the next in half of all studies: the test must find it too.
    is_first = shares.index[0] == ARCHITECTURE and shares.iloc[0] > 2 * shares.iloc[1]
    is_found = p_values[ARCHITECTURE] <= SIGNIFICANT
    found = f"share of the variation of the paths beyond chance and the other hyperparameters: {words}; adjusted p of "
    return f"{found}architecture {p_values[ARCHITECTURE]:.2g}", bool(is_first and is_found)


def lanes(evidence: Evidence) -> Verdict:
    """Return whether architectures separate in the embedding of trajectories."""
    table = evidence.find("trajectory-embedding").tables["coordinates"]
    points = table[["PC1", "PC2", "PC3"]].to_numpy()
    names = evidence.of_runs(ARCHITECTURE).loc[table["run_id"]].to_numpy()
    apart = np.linalg.norm(points[:, None] - points, axis=2) + np.diag(np.full(len(points), np.inf))
    share = float((names[apart.argmin(axis=1)] == names).mean())
    stress = evidence.find("trajectory-embedding").numbers["explained stress of 3 components"]
    return (
        f"three axes explain {stress:.2f}; {100 * share:.0f} % of the runs lie next to one of their architecture",
        share > 0.8,
    )


def few_samples(evidence: Evidence) -> Verdict:
    """Return the explained stress from a sixteenth of the samples against all."""
    numbers = evidence.find("samples").numbers
    few, whole = numbers["explained stress of 3 from 25"], numbers["explained stress of 3 from all 400"]
    found = f"explained stress of three axes {few:.3f} from 25 samples, {whole:.3f} from 400"
    return found, abs(few - whole) < 0.02


def three_bases(evidence: Evidence) -> Verdict:
    """Return the explained distance of an embedding of four models against all."""
    numbers = evidence.find("three-bases").numbers
    few, native = numbers["explained distance of three bases"], numbers["explained distance of three native axes"]
    cosine = numbers["cosine of start and end"]
    found = (
        f"explained distance {few:.3f} from four models, {native:.3f} from all; cosine of start and end {cosine:.2f}"
    )
    return found, few > native - 0.05 and abs(cosine) < 0.3


def means(evidence: Evidence) -> Verdict:
    """Return the spread of the kinds of mean at the end, against the spread of the runs."""
    table = evidence.find("mean-models").tables["means"]
    end = table[table["progress"] == table["progress"].max()].set_index("mean")
    spread = float(end["distance to the arithmetic mean"].max())
    seeds = evidence.find("tube").numbers["mean distance between configurations"]
    found = (
        f"at the end the six means are at most {spread:.3f} nats from the arithmetic one; configurations {seeds:.3f}"
    )
    return found, spread < seeds


def joint(evidence: Evidence) -> Verdict:
    """Return the explained stress of train and test together."""
    numbers = evidence.find("train-and-test").numbers
    stress = numbers["explained stress of 3, joint"]
    return f"explained stress of three axes {stress:.3f} for both together", bool(stress >= 0.76)


def null(evidence: Evidence) -> Verdict:
    """Return distances between runs, against distances to a run with samples shuffled within classes."""
    pairs = evidence.find("null").tables["pairs"]
    closer = int((pairs["ratio"] < 1).sum())
    found = f"nearer in {closer} of {len(pairs)} pairs, median ratio {pairs['ratio'].median():.2f}"
    return found, closer == len(pairs)


def outliers(evidence: Evidence) -> Verdict:
    """Return the number of checkpoints far from the truth."""
    numbers = evidence.find("outliers").numbers
    few = bool(numbers["outliers"] < 0.01 * numbers["checkpoints"])
    return f"{numbers['outliers']} of {numbers['checkpoints']} checkpoints", few


def fit_linear(evidence: Evidence) -> Verdict:
    """Return the explained stress of one fitted architecture, and of the others projected."""
    numbers = evidence.find("fit-and-project", column=ARCHITECTURE, level="fully connected").numbers
    fitted, projected = numbers["explained stress of 3, fitted"], numbers["explained stress of 3, projected"]
    found = f"fitted to fully connected networks: {fitted:.3f} for them, {projected:.3f} for all others"
    return found, projected > 0.7


CLAIMS = (
    Claim("Fig. 1 and 2", "Three axes carry 76 % of the stress of all models.", low_dimension, "at least as much"),
    Claim("Fig. 5", "On test data it is low-dimensional as well.", low_dimension_of_test, "three axes carry 76 %"),
    Claim("Fig. 2, strip", "Eigenvalues fall over decades, as in sloppy models.", decay, "by a hundred up to the 50th"),
    Claim("Fig. 2", "With all models the second axis is imaginary.", imaginary_axis, "it is the second"),
    Claim("Fig. 2, 3", "Progress is a good clock: it goes with the error.", one_clock, "rank correlation of 0.9"),
    Claim("Fig. 3", "Larger networks go the same way faster.", larger_is_faster, "in every architecture"),
    Claim("Fig. 4", "Trajectories leave the geodesic and come back.", off_the_geodesic, "twice as far in mid-course"),
    Claim("Fig. 4", "Seeds stay in a thin tube.", thin_tube, "under a quarter of the distance between configurations"),
    Claim("Fig. 4", "Trajectories cluster by architecture first.", neighbours, "nothing else agrees more"),
    Claim("Fig. 4", "Architecture decides the path, little else does.", importance, "twice the next, p 0.05"),
    Claim("Fig. 4, 5", "It does on test data, too.", importance_on_test, "twice the next, p 0.05"),
    Claim("Fig. 4", "As points, trajectories of one architecture lie together.", lanes, "for four runs in five"),
    Claim("Fig. 6", "Train and test share one low-dimensional manifold.", joint, "three axes carry 76 % of both"),
    Claim("Fig. 6", "Few samples show the same manifold.", few_samples, "within 0.02"),
    Claim("Fig. 10, 11", "Three bases from four models do nearly as well as all; start and end are nearly orthogonal.",
          three_bases, "within 0.05, cosine under 0.3"),
    Claim("App. E.4", "How runs are averaged is immaterial.", means, "less than configurations differ"),
    Claim("App. E", "Outliers, d_B to truth of 2 or more, are few.", outliers, "under one in a hundred"),
    Claim("Follow-up 2025", "Axes of simple networks are faithful to others.", fit_linear, "explained stress over 0.7"),
    Claim("Third parties", "Real runs are nearer to one another than to a shuffled one.", null, "in every pair"),
)  # fmt: skip


def _three(values: np.ndarray) -> str:
    return ", ".join(f"{value:.3f}" for value in values[:3])
