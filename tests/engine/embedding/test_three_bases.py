"""Three-bases embedding: four models that span the axes of all."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.embedding.projection import chord_cosine, mean_models, three_bases
from engine.trajectories.geodesics import geodesic, progress
from tests import families, oracles


@pytest.fixture(scope="module")
def runs():
    models, labels = families.training_family(4, 12)
    positions = progress(models, labels)
    return [(models[i : i + 12], positions[i : i + 12]) for i in range(0, 48, 12)], models, labels


def four_and_all(models, labels, means):
    ends = geodesic(labels, 10, [0.0, 1.0])
    four = np.concatenate([ends, np.stack([mean.log_probabilities for mean in means])])
    return engine.pairwise_distances(four).values, engine.pairwise_distances(models, four).values


def test_mean_models_agree_with_the_weighted_sum(runs):
    parts, models, _ = runs
    s = np.concatenate([positions for _, positions in parts])
    for mean, centre in zip(mean_models(parts, [0.3, 0.7], 0.1), (0.3, 0.7), strict=True):
        weights = np.array([np.exp(-((x - centre) ** 2) / (2 * 0.1**2)) for x in s])
        expected = sum(w * p for w, p in zip(weights, oracles.probabilities(models), strict=True)) / weights.sum()
        assert np.exp(mean.log_probabilities) == pytest.approx(expected, abs=1e-7)
        assert mean.effective_count == pytest.approx(weights.sum() ** 2 / (weights**2).sum(), rel=1e-9)


def test_mean_of_equal_models_is_that_model(runs):
    model = runs[1][20]
    (mean,) = mean_models([(np.stack([model, model]), np.array([0.4, 0.6]))], [0.45])
    assert mean.log_probabilities == pytest.approx(model.astype(float), abs=1e-6)


def test_mean_models_do_not_depend_on_chunks(runs):
    parts, models, _ = runs
    whole = mean_models([(models, np.concatenate([positions for _, positions in parts]))], [0.2, 0.8])
    for mean, other in zip(mean_models(parts, [0.2, 0.8]), whole, strict=True):
        assert mean.log_probabilities == pytest.approx(other.log_probabilities, abs=1e-10)


def test_four_models_have_three_axes_holding_their_distances(runs):
    parts, models, labels = runs
    among, rows = four_and_all(models, labels, mean_models(parts, [0.3, 0.7]))
    found = three_bases(among, rows)
    assert found.embedding.n_components == 3
    rebuilt = oracles.reconstructed(found.embedding.coordinates, found.embedding.signature)
    assert rebuilt == pytest.approx(among, abs=1e-9)
    assert found.coordinates.shape == (48, 3)


def test_models_among_the_four_come_back_in_place(runs):
    parts, models, labels = runs
    among, _ = four_and_all(models, labels, mean_models(parts, [0.3, 0.7]))
    found = three_bases(among, among)
    assert found.coordinates == pytest.approx(found.embedding.coordinates, abs=1e-9)


def test_the_cosine_is_that_of_both_ways_embedded(runs):
    parts, models, labels = runs
    among, rows = four_and_all(models, labels, mean_models(parts, [0.3, 0.7]))
    found = three_bases(among, rows)
    x, sign = found.embedding.coordinates, found.embedding.signature
    away, home = x[2] - x[0], x[1] - x[3]
    lengths = (sign * away**2).sum() * (sign * home**2).sum()
    assert found.cosine == pytest.approx((sign * away * home).sum() / np.sqrt(lengths), abs=1e-9)


@pytest.mark.parametrize(("early", "late"), [(0.3, 0.7), (0.2, 0.9)])
def test_geodesic_chords_enclose_the_angle_of_their_middles(early, late):
    labels, theta = np.array([0, 3, 9, 9]), np.arccos(1 / np.sqrt(10))
    four = geodesic(labels, 10, [0.0, 1.0, early, late])
    assert chord_cosine(four) == pytest.approx(np.cos(((1 + late) / 2 - early / 2) * theta), abs=1e-12)


def test_chords_agree_with_the_sum_over_samples(runs):
    four = runs[1][[0, 11, 4, 20]].astype(float)
    z = [np.sqrt(p) for p in oracles.probabilities(four)]
    away, home = z[2] - z[0], z[1] - z[3]
    product = sum(float(a @ b) for a, b in zip(away, home, strict=True))
    assert chord_cosine(four) == pytest.approx(product / (np.linalg.norm(away) * np.linalg.norm(home)), abs=1e-6)
    assert np.isnan(chord_cosine(four[[0, 1, 0, 2]]))


def test_a_straight_road_has_cosine_one():
    at = np.array([0.0, 1.0, 0.3, 0.7])
    squared = (at[:, None] - at) ** 2
    found = three_bases(squared, squared)
    assert found.cosine == pytest.approx(1.0, abs=1e-12)
    assert found.embedding.n_components == 1


def test_axes_that_are_rounding_are_dropped(runs):
    _, models, labels = runs
    ends = geodesic(labels, 10, [0.0, 1.0])
    twins = np.concatenate([ends, models[[20]], models[[20]]])
    found = three_bases(engine.pairwise_distances(twins).values, engine.pairwise_distances(models, twins).values)
    assert found.embedding.n_components == 2
    assert np.abs(found.coordinates).max() < 10


def test_what_spans_nothing_is_refused(runs):
    parts, _, _ = runs
    with pytest.raises(engine.SelectionError, match="span no axis"):
        three_bases(np.zeros((4, 4)), np.zeros((5, 4)))
    with pytest.raises(engine.InvalidSpecError, match=r"\(4, 4\)"):
        three_bases(np.zeros((3, 3)), np.zeros((5, 3)))
    with pytest.raises(engine.InvalidSpecError, match="width"):
        mean_models(parts, [0.5], 0.0)
    with pytest.raises(engine.SelectionError, match=r"near \[0.999\] with a width of 1e-05"):
        mean_models([(parts[0][0][:3], parts[0][1][:3])], [float(parts[0][1][0]), 0.999], 1e-5)
    with pytest.raises(engine.SelectionError, match="No checkpoint"):
        mean_models([], [0.5])
