r"""Matching of train and test samples: both splits in one space.

Models on the train samples and on the test samples are points of two different spaces: the theory defines no distance
between them, and no definition is published. This module makes one choice.

Samples of the two splits are *matched*: equally many of each class from both, paired within their class. Slot n holds
one train and one test sample of the same class :math:`y_n`, and a model on either split is a point in the same product
of simplices, with one ignorance, one truth and one geodesic for both:

.. math:: d(P^{train}, Q^{test}) = -\frac1N \sum_n \log \sum_c \sqrt{p_c(x_n)\, q_c(x'_n)}.

Distances within a split are the usual ones on the matched samples. Distances between splits assume that a test sample
can replace a train sample of its class. They are not zero for a network that generalises perfectly, since samples of
one class differ: the size of that scatter is the distance of a network to itself when the train samples are paired
with other train samples of their class (:func:`within_train`).

Random matching assumes no more than that. Matching by difficulty pairs the easiest with the easiest, which removes most
of the scatter and assumes that ranks of difficulty correspond.

The alternative needs no assumption, but answers another question: with train and test samples as *one* probe set each
checkpoint is one point, and since divergences are means over samples
:math:`D = (N_{train} D_{train} + N_{test} D_{test}) / (N_{train} + N_{test})`; see :func:`concatenated`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import InvalidSpecError, SelectionError
from engine.values import FloatArray

FEWEST_PER_CLASS = 5
"""Least number of samples of each class in either split."""
GAP_MODELS = 8
"""Number of models per block, of which all pairs are computed: few, so that the off-diagonal ones cost little."""

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """Pairs of a train and a test sample of the same class.

    Attributes:
        train, test: (slot,) sample indices of each split, each at most once; slots are ordered by class.
        labels: (slot,) class of each slot.
        counts: (class, 3) int64: numbers of train samples, test samples and slots.
    """

    train: Ints
    test: Ints
    labels: Ints
    counts: Ints

    @property
    def is_balanced(self) -> bool:
        """Whether every occurring class has the same number of slots."""
        slots = self.counts[:, 2]
        return len(set(slots[slots > 0].tolist())) == 1

    @property
    def keeps_shares(self) -> bool:
        """Whether classes have the same shares among the slots as in both splits."""
        shares = self.counts / self.counts.sum(axis=0)
        return bool(np.abs(shares - shares[:, 2:]).max() < 1e-9)


def match_samples(
    train_labels: ArrayLike,
    test_labels: ArrayLike,
    n_classes: int,
    *,
    seed: int = 0,
    difficulty: tuple[ArrayLike, ArrayLike] | None = None,
    class_names: Sequence[str] | None = None,
) -> Matching:
    """Return as many pairs of a train and a test sample of the same class as possible.

    If one split has more samples of a class, the omitted ones are drawn at random.

    Args:
        train_labels, test_labels: (sample,) true classes.
        n_classes: C.
        seed: seed of the draw and of the pairing.
        difficulty: of the train and of the test samples, (sample,) each; pairs are then formed by rank within each
            class, the easiest first. None pairs at random.
        class_names: (class,) for messages.

    Raises:
        SelectionError: a class occurs in one split only, or has fewer than ``FEWEST_PER_CLASS`` samples in one.
        InvalidSpecError: labels are out of range, or difficulties are not one per sample.
    """
    sides = [np.asarray(labels) for labels in (train_labels, test_labels)]
    for labels in sides:
        if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer) or not len(labels):
            raise InvalidSpecError(f"labels must be a (sample,) array of integers, received {labels.shape}.")
        if labels.min() < 0 or labels.max() >= n_classes:
            raise InvalidSpecError(f"labels must lie in 0..{n_classes - 1}, received {labels.min()}..{labels.max()}.")
    counts = np.stack([np.bincount(labels, minlength=n_classes) for labels in sides], axis=1)
    _check_classes(counts, class_names)
    if difficulty is not None and [np.shape(values) for values in difficulty] != [labels.shape for labels in sides]:
        raise InvalidSpecError("difficulty must hold one number per train sample and one per test sample.")
    random = np.random.default_rng(seed)
    chosen: tuple[list[Ints], list[Ints]] = ([], [])
    for label in np.flatnonzero(counts.any(axis=1)):
        for side, labels in enumerate(sides):
            samples = random.permutation(np.flatnonzero(labels == label))[: counts[label].min()]
            if difficulty is not None:
                samples = samples[np.argsort(np.asarray(difficulty[side])[samples], kind="stable")]
            chosen[side].append(samples)
    train, test = (np.concatenate(parts) for parts in chosen)
    slots = np.where(counts.any(axis=1), counts.min(axis=1), 0)
    return Matching(train, test, sides[0][train].astype(np.int64), np.column_stack([counts, slots]))


def _check_classes(counts: Ints, class_names: Sequence[str] | None) -> None:
    """Raise SelectionError unless each class is in both splits, with enough samples, or in neither."""

    def name(label: int) -> str:
        return f"class {label}" if class_names is None else f"class {class_names[label]!r}"

    for label, (in_train, in_test) in enumerate(counts.tolist()):
        if bool(in_train) != bool(in_test):
            there, missing = ("train", "test") if in_train else ("test", "train")
            raise SelectionError(
                f"Train and test cannot be matched: {name(label)} has {in_train or in_test} samples in {there} and "
                f"none in {missing}. Record both splits with the same classes, or look at the splits one at a time."
            )
    for label, (in_train, in_test) in enumerate(counts.tolist()):
        if in_train and min(in_train, in_test) < FEWEST_PER_CLASS:
            raise SelectionError(
                f"Train and test cannot be matched: each class needs at least {FEWEST_PER_CLASS} samples in either, "
                f"and {name(label)} has {in_train} in train and {in_test} in test. Record a larger probe set."
            )


def within_train(matching: Matching, seed: int = 0, *, by_rank: bool = False) -> Matching:
    """Return the train samples of a matching, paired with other train samples of their class.

    They measure the scatter within classes: the distance between splits if test samples were train samples.

    Args:
        matching: matching of train and test samples.
        seed: seed of the pairing.
        by_rank: pair neighbours in the order of slots, which is that of difficulty if they were matched by it, instead
            of at random. No sample is paired with itself in either case.
    """
    random = np.random.default_rng(seed)
    partner = np.empty_like(matching.train)
    for label in np.unique(matching.labels):
        slots = np.flatnonzero(matching.labels == label)
        if not by_rank:
            slots = random.permutation(slots)
        # Cycles of two, and one of three if the number is odd.
        for ring in np.split(slots, range(2, len(slots) - 1, 2)):
            partner[ring] = matching.train[np.roll(ring, 1)]
    return Matching(matching.train, partner, matching.labels, matching.counts)


def gaps(train: FloatArray, test: FloatArray, matching: Matching, divergence: str = "bhattacharyya") -> Array:
    """Return the divergence of each model on the train samples from itself on the matched test samples.

    Args:
        train: (model, train sample, class) natural-log probabilities.
        test: (model, test sample, class) natural-log probabilities of the same models.
        matching: matching of their samples.
        divergence: key of ``DIVERGENCES``.

    Returns:
        (model,) float64 in the divergence's unit.
    """
    from engine.distances.pairwise import pairwise_distances

    values = np.empty(len(train))
    for start in range(0, len(train), GAP_MODELS):
        part = slice(start, start + GAP_MODELS)
        both = (side[part][:, samples] for side, samples in ((train, matching.train), (test, matching.test)))
        values[part] = np.diagonal(pairwise_distances(*both, divergence=divergence).values)
    return values


def concatenated(train: FloatArray, test: FloatArray, n_train: int, n_test: int) -> FloatArray:
    """Return distances over train and test samples as one probe set, from those over each split.

    Args:
        train, test: (model, model) mean divergences over the samples of each split; ``train`` is overwritten.
        n_train, n_test: numbers of samples of the two splits.
    """
    share = n_train / (n_train + n_test)
    train *= share
    for start in range(0, len(train), 256):
        train[start : start + 256] += (1.0 - share) * test[start : start + 256]
    return train
