"""Data sets of the sweeps, with fixed un-augmented probe sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

N_CLASSES = 10
PROBES_PER_CLASS = 40
FIRST_TEST_SCAN = 1287
"""In file order the digits' labels repeat the text of a preprinted form, one completed form after the other (13 people
wrote them). Scan 1287 begins a form, so no form lies in both splits."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Classification task with its probe sets.

    Attributes:
        name: study id, and key of ``DATASETS``.
        title: display title of the study.
        class_names: (class,) display names.
        inputs: (sample, channel, *position) float32 training inputs.
        labels: (sample,) int64 training labels.
        probe_inputs: ``"train"`` and ``"test"``: (sample, channel, *position) float32. The train probes are among
            ``inputs``; the test probes are not.
        probe_labels: ``"train"`` and ``"test"``: (sample,) int64.
    """

    name: str
    title: str
    class_names: tuple[str, ...]
    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]
    probe_inputs: dict[str, NDArray[np.float32]]
    probe_labels: dict[str, NDArray[np.int64]]

    @property
    def position_shape(self) -> tuple[int, ...]:
        return self.inputs.shape[2:]


def stratified_subset(labels: NDArray[np.int64], per_class: int, seed: int) -> NDArray[np.int64]:
    """Draw the same number of samples of every class, without replacement.

    Args:
        labels: (sample,) int64.
        per_class: number of samples of each class.
        seed: seed of the draw.

    Returns:
        (drawn,) indices in increasing order.

    Raises:
        ValueError: a class has fewer samples than requested.
    """
    generator = np.random.default_rng(seed)
    drawn = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < per_class:
            raise ValueError(
                f"Class {label} has {len(members)} samples, {per_class} of each class were asked for: ask for fewer."
            )
        drawn.append(generator.choice(members, per_class, replace=False))
    return np.sort(np.concatenate(drawn))


def digits() -> Dataset:
    """Load scanned handwritten digits, 8x8 grey values; no form is in both splits.

    Returns:
        1,287 training scans, standardised by their own mean and standard deviation.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI (1998), as copied by scikit-learn.
    """
    from sklearn.datasets import load_digits

    scans, labels = load_digits(return_X_y=True)
    scans = scans.reshape(-1, 1, 8, 8)
    return _prepare(
        "digits",
        "Handwritten digits (8x8 scans)",
        (scans[:FIRST_TEST_SCAN], labels[:FIRST_TEST_SCAN]),
        (scans[FIRST_TEST_SCAN:], labels[FIRST_TEST_SCAN:]),
    )


def mnist1d() -> Dataset:
    """Generate signals of 40 values: ten templates shifted, scaled, sheared and blurred by correlated noise.

    Returns:
        4,000 training signals with the generator's default settings.

    Source: S. Greydanus and D. Kobak, Scaling Down Deep Learning with MNIST-1D, ICML 2024, arXiv:2011.14439.
    """
    from mnist1d.data import make_dataset

    signals: dict[str, Any] = make_dataset()
    return _prepare(
        "mnist1d",
        "MNIST-1D signals",
        (signals["x"][:, None, :], signals["y"]),
        (signals["x_test"][:, None, :], signals["y_test"]),
    )


def _prepare(
    name: str, title: str, train: tuple[NDArray[Any], NDArray[Any]], test: tuple[NDArray[Any], NDArray[Any]]
) -> Dataset:
    mean, spread = train[0].mean(), train[0].std()
    splits = {
        split: (((inputs - mean) / spread).astype(np.float32), labels.astype(np.int64))
        for split, (inputs, labels) in {"train": train, "test": test}.items()
    }
    probes = {split: stratified_subset(labels, PROBES_PER_CLASS, seed=0) for split, (_, labels) in splits.items()}
    return Dataset(
        name=name,
        title=title,
        class_names=tuple(str(digit) for digit in range(N_CLASSES)),
        inputs=splits["train"][0],
        labels=splits["train"][1],
        probe_inputs={split: splits[split][0][probes[split]] for split in splits},
        probe_labels={split: splits[split][1][probes[split]] for split in splits},
    )


DATASETS: dict[str, Callable[[], Dataset]] = {"digits": digits, "mnist1d": mnist1d}
