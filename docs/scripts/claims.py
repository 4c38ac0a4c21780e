"""Published claims, each with a measure and the copies of a study that could refute it.

A measure returns what it found in words, a number that is larger where the claim is better supported, and whether the
published condition holds. A study agrees where the condition holds and the number is beyond those of the copies
(docs/scripts/copies.py) in which the claim is false by construction. Descriptions have no such copy: they are about
single runs, and every copy gives the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from docs.scripts.copies import RELABELLED, SHUFFLED
from docs.scripts.evidence import TEST, TRAIN, Evidence

SIGNIFICANT = 0.05
LEAST_DIFFERENCE = 0.1
"""Least difference from the copies' mean, as a share of it: shuffles hardly differ from one another, and so the
smallest difference is beyond them all."""
ARCHITECTURE = "architecture"
CHOSEN = (ARCHITECTURE, "size", "optimizer", "batch_size", "weight_decay")
"""Independent hyperparameters: learning rate depends on optimiser, number of parameters on architecture."""
MANIFOLD = (SHUFFLED,)
"""Copies that could refute a claim on the shape of the manifold, whose runs need no names."""
LABELS = (RELABELLED,)
BOTH = (SHUFFLED, RELABELLED)


@dataclass(frozen=True)
class Measured:
    """What a measure found on one study or copy.

    Attributes:
        words: the finding.
        value: larger where the claim is better supported; of a share near one, what is missing, negative.
        holds: whether the published condition holds, nothing else considered.
    """

    words: str
    value: float
    holds: bool


@dataclass(frozen=True)
class Claim:
    """One published claim and its rule.

    Attributes:
        figure: figure of the publication that supports it.
        published: the claim, paraphrased.
        measure: evidence -> what it found.
        agrees_if: the condition in words, to which "beyond every copy" is added.
        copies: kinds of copies that could refute it; others give the same number by construction.
        number: format of what the page shows for the value, for its range over copies.
        shown: value -> what the page shows for it.
    """

    figure: str
    published: str
    measure: Callable[[Evidence], Measured]
    agrees_if: str
    copies: tuple[str, ...]
    number: str = "{:.3f}"
    shown: Callable[[float], float] = float

    @property
    def key(self) -> str:
        """Name in docs/study/copies.json."""
        return self.measure.__name__


@dataclass(frozen=True)
class Description:
    """A published statement on single runs, which no copy could refute."""

    figure: str
    published: str
    words: Callable[[Evidence], str]


def p_value(value: float, copies: Sequence[float]) -> float:
    """Return (1 + the number of copies with at least this value) / (1 + the number of copies)."""
    return (1 + sum(other >= value for other in copies)) / (1 + len(copies))


def agrees(holds: bool, value: float, copies: Iterable[Sequence[float]]) -> bool:
    """Return whether the condition holds and the value is beyond each kind of copies, by a tenth of their mean."""
    return holds and all(_is_beyond(value, values) for values in copies)


def _is_beyond(value: float, copies: Sequence[float]) -> bool:
    mean = sum(copies) / len(copies)
    return p_value(value, copies) <= SIGNIFICANT and value - mean >= LEAST_DIFFERENCE * abs(mean)


def low_dimension(evidence: Evidence) -> Measured:
    """Return the explained stress of three components, train."""
    return _low_dimension(evidence, TRAIN)


def low_dimension_of_test(evidence: Evidence) -> Measured:
    """Return the explained stress of three components, test."""
    return _low_dimension(evidence, TEST)


def _low_dimension(evidence: Evidence, split: str) -> Measured:
    stress = evidence.scene(split).embedding.explained_stress
    words = f"explained stress of 1, 2, 3 components {', '.join(f'{value:.3f}' for value in stress[:3])}"
    return Measured(words, float(stress[2]) - 1, bool(stress[2] >= 0.76))


def decay(evidence: Evidence) -> Measured:
    """Return the decay of the eigenvalues."""
    values = np.abs(evidence.spectrum(TRAIN).eigenvalues)
    tenth, last = values[0] / values[9], values[0] / values[49]
    words = f"the first is {tenth:.0f} times the 10th and {last:.0f} times the 50th"
    return Measured(words, float(last), bool(last >= 100))


def imaginary_axis(evidence: Evidence) -> Measured:
    """Return which axis is the first time-like one."""
    imaginary = np.flatnonzero(evidence.spectrum(TRAIN).signature < 0) + 1
    first = int(imaginary[0]) if len(imaginary) else 51
    words = f"the first imaginary axis is number {first}" if len(imaginary) else "none of 50 axes is imaginary"
    return Measured(f"{words}; {len(imaginary)} of 50 are", float(-first), first == 2)


def larger_is_faster(evidence: Evidence) -> Measured:
    """Return in how many architectures larger networks need fewer epochs to half the progress."""
    table = evidence.find("progress").tables["progress"]
    reached = table[table["progress"] >= 0.5].groupby("run_id")["epoch"].min()
    median = reached.groupby([evidence.of_runs(ARCHITECTURE), evidence.of_runs("size")]).median().unstack()
    faster = int((median["large"] < median["small"]).sum())
    words = f"larger networks are half-way earlier in {faster} of {len(median)} architectures"
    return Measured(words, float(faster), faster == len(median))


def thin_tube(evidence: Evidence) -> Measured:
    """Return the distance of two seeds over that of two configurations, at equal progress."""
    distances, is_same = evidence.pairs()
    ratio = float(distances[is_same].mean() / distances[~is_same].mean())
    words = f"two seeds of a configuration are {ratio:.2f} times as far apart as two configurations"
    return Measured(words, -ratio, ratio < 0.5)


def neighbours(evidence: Evidence) -> Measured:
    """Return the agreement in hyperparameters of a run and its nearest other configuration, beyond chance."""
    shares = {column: evidence.agreement_of_neighbours(column) for column in CHOSEN}
    words = ", ".join(f"{column.replace('_', ' ')} {share:.2f}" for column, share in shares.items())
    return Measured(
        f"agreement with the nearest run of another configuration, 0 by chance and 1 at most: {words}",
        shares[ARCHITECTURE],
        max(shares, key=shares.__getitem__) == ARCHITECTURE,
    )


def importance(evidence: Evidence) -> Measured:
    """Return the hyperparameter that explains most of the distances between trajectories, train."""
    return _importance(evidence, TRAIN)


def importance_on_test(evidence: Evidence) -> Measured:
    """Return the hyperparameter that explains most of the distances between trajectories, test."""
    return _importance(evidence, TEST)


def _importance(evidence: Evidence, split: str) -> Measured:
    # No forest is asked, so the fewest of its splits do.
    tests = evidence.find("importance", split, columns=list(CHOSEN), repeats=5).tables["hyperparameters"]
    tests = tests.set_index("hyperparameter").sort_values("ω² beyond the others", ascending=False)
    shares, p_values = tests["ω² beyond the others"], tests["p beyond the others, adjusted"]
    words = ", ".join(f"{name.replace('_', ' ')} {100 * share:.0f} %" for name, share in shares.items())
    # Of shares without an effect, one is first and twice the next in half of all studies: the test must find it too.
    is_first = shares.index[0] == ARCHITECTURE and shares.iloc[0] > 2 * shares.iloc[1]
    is_found = p_values[ARCHITECTURE] <= SIGNIFICANT
    found = f"share of the variation of the paths beyond chance and the other hyperparameters: {words}; adjusted p of "
    return Measured(
        f"{found}architecture {p_values[ARCHITECTURE]:.2g}",
        float(shares[ARCHITECTURE]),
        bool(is_first and is_found),
    )


def lanes(evidence: Evidence) -> Measured:
    """Return whether architectures separate in the embedding of trajectories."""
    finding = evidence.find("trajectory-embedding")
    table = finding.tables["coordinates"]
    points = table[["PC1", "PC2", "PC3"]].to_numpy()
    names = evidence.of_runs(ARCHITECTURE).loc[table["run_id"]].to_numpy()
    apart = np.linalg.norm(points[:, None] - points, axis=2) + np.diag(np.full(len(points), np.inf))
    share = float((names[apart.argmin(axis=1)] == names).mean())
    stress = finding.numbers["explained stress of 3 components"]
    words = f"three axes explain {stress:.2f}; {100 * share:.0f} % of the runs lie next to one of their architecture"
    return Measured(words, share - 1, share > 0.8)


def joint(evidence: Evidence) -> Measured:
    """Return the explained stress of train and test together."""
    stress = evidence.find("train-and-test").numbers["explained stress of 3, joint"]
    return Measured(f"explained stress of three axes {stress:.3f} for both together", float(stress) - 1, stress >= 0.76)


def few_samples(evidence: Evidence) -> Measured:
    """Return how much of the distances over all samples three axes from a sixteenth of them explain."""
    table = evidence.find("samples").tables["by_number"]
    explained = table[table["components"] == 3].set_index("samples")["explained distance of all samples"]
    few, whole = float(explained.iloc[0]), float(explained.iloc[-1])
    counts = list(explained.index)
    words = f"explained distance of all samples, three axes: {few:.3f} from {counts[0]}, {whole:.3f} from {counts[-1]}"
    return Measured(words, few / whole, few > 0.9 * whole)


def three_bases(evidence: Evidence) -> Measured:
    """Return the explained distance of an embedding of four models against all."""
    numbers = evidence.find("three-bases").numbers
    few, native = numbers["explained distance of three bases"], numbers["explained distance of three native axes"]
    cosine = numbers["cosine of start and end"]
    words = f"explained distance {few:.3f} from four models, {native:.3f} from all; cosine of start and end "
    return Measured(f"{words}{cosine:.2f}", float(few - native), few > native - 0.05 and abs(cosine) < 0.3)


def means(evidence: Evidence) -> Measured:
    """Return the spread of the kinds of mean at the end, against the distance between configurations."""
    table = evidence.find("mean-models").tables["means"]
    end = table[table["progress"] == table["progress"].max()].set_index("mean")
    spread = float(end["distance to the arithmetic mean"].max())
    distances, is_same = evidence.pairs()
    apart = float(distances[~is_same].mean())
    words = f"at the end the six means are at most {spread:.3f} nats from the arithmetic one; configurations "
    return Measured(f"{words}{apart:.3f}", -spread / apart, spread < apart)


def nearer_than_shuffled(evidence: Evidence) -> Measured:
    """Return distances between runs, against distances to a run with samples shuffled within classes."""
    pairs = evidence.find("null").tables["pairs"]
    closer, ratio = int((pairs["ratio"] < 1).sum()), float(pairs["ratio"].median())
    return Measured(f"nearer in {closer} of {len(pairs)} pairs, median ratio {ratio:.2f}", -ratio, closer == len(pairs))


def fit_linear(evidence: Evidence) -> Measured:
    """Return the explained stress of one fitted architecture, and of the others projected."""
    numbers = evidence.find("fit-and-project", column=ARCHITECTURE, level="fully connected").numbers
    fitted, projected = numbers["explained stress of 3, fitted"], numbers["explained stress of 3, projected"]
    words = f"fitted to fully connected networks: {fitted:.3f} for them, {projected:.3f} for all others"
    return Measured(words, float(projected) - 1, projected > 0.7)


def one_clock(evidence: Evidence) -> str:
    """Return the rank correlation of progress and accuracy."""
    table = evidence.find("progress").tables["progress"]
    correlation = float(table["progress"].rank().corr((1 - table["error"]).rank()))
    gap = float((table["progress"] - (1 - table["error"])).abs().mean())
    return f"rank correlation with accuracy {correlation:.2f}; mean distance from the diagonal {gap:.2f}"


def off_the_geodesic(evidence: Evidence) -> str:
    """Return the distance to the geodesic at mid-training and at the end."""
    table = evidence.find("geodesic-distance").tables["distances"]
    middle = float(table.loc[table["progress"].between(0.4, 0.6), "distance"].mean())
    last = table.groupby("run_id").tail(1)
    near = last[last["progress"] >= 0.9]
    end = float(near["distance"].mean())
    return f"{middle:.2f} nats in mid-course, {end:.2f} at the end of the {len(near)} runs that pass 0.9"


def outliers(evidence: Evidence) -> str:
    """Return the number of checkpoints far from the truth."""
    numbers = evidence.find("outliers").numbers
    return f"{numbers['outliers']} of {numbers['checkpoints']} checkpoints"


def _less(value: float) -> float:
    return -value


def _all_but(value: float) -> float:
    return 1 + value


CLAIMS = (
    Claim("Fig. 1, 2", "Three axes carry 76 % of the stress of all models.", low_dimension, "at least as much",
          MANIFOLD, shown=_all_but),
    Claim("Fig. 5", "On test data it is low-dimensional as well.", low_dimension_of_test, "three axes carry 76 %",
          MANIFOLD, shown=_all_but),
    Claim("Fig. 6", "Train and test share one low-dimensional manifold.", joint, "three axes carry 76 %", MANIFOLD,
          shown=_all_but),
    Claim("Fig. 2, strip", "Eigenvalues fall over decades, as in sloppy models.", decay, "by a hundred up to the 50th",
          MANIFOLD, "{:.0f} times"),
    Claim("Fig. 2", "With all models the second axis is imaginary.", imaginary_axis, "it is the second", MANIFOLD,
          "number {:.0f}", _less),
    Claim("Fig. 6", "Few samples show the same manifold.", few_samples, "nine tenths of what all samples explain",
          MANIFOLD, "{:.3f} of it"),
    Claim("Fig. 10, 11", "Three bases from four models do nearly as well as all; start and end are nearly orthogonal.",
          three_bases, "within 0.05, cosine under 0.3", MANIFOLD, "{:+.3f}"),
    Claim("App. E.4", "How runs are averaged is immaterial.", means, "less than configurations differ", MANIFOLD,
          "{:.2f} of it", _less),
    Claim("Follow-up 2025", "Axes of simple networks are faithful to others.", fit_linear,
          "explained stress of the others over 0.7", MANIFOLD, shown=_all_but),
    Claim("Third parties", "Real runs are nearer to one another than to a shuffled one.", nearer_than_shuffled,
          "in every pair", MANIFOLD, "ratio {:.2f}", _less),
    Claim("Fig. 3", "Larger networks go the same way faster.", larger_is_faster, "in every architecture", LABELS,
          "{:.0f}"),
    Claim("Fig. 4", "Seeds stay in a thin tube.", thin_tube, "a pair under half as far apart as two configurations",
          BOTH, "{:.2f} times", _less),
    Claim("Fig. 4", "Trajectories cluster by architecture first.", neighbours, "nothing else agrees more", BOTH,
          "{:.2f}"),
    Claim("Fig. 4", "Architecture decides the path, little else does.", importance, "twice the next, adjusted p 0.05",
          BOTH, "{:.1%}"),
    Claim("Fig. 4, 5", "It does on test data, too.", importance_on_test, "twice the next, adjusted p 0.05", BOTH,
          "{:.1%}"),
    Claim("Fig. 4", "As points, trajectories of one architecture lie together.", lanes, "for four runs in five", BOTH,
          "{:.0%}", _all_but),
)  # fmt: skip

DESCRIPTIONS = (
    Description("Fig. 2, 3", "Progress is a good clock: it goes with the error.", one_clock),
    Description("Fig. 4", "Trajectories leave the geodesic and come back.", off_the_geodesic),
    Description("App. E", "Outliers, d_B to truth of 2 or more, are few.", outliers),
)
