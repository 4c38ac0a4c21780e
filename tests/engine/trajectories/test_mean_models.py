"""Laws of the means of models, and of centroids."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import wrightomega

import engine
from engine.trajectories import centroids
from engine.trajectories import means as mean_models
from engine.trajectories.centroids import bhattacharyya_centroid
from engine.trajectories.means import MEAN_MODELS, distances_to_mean, mean_model
from engine.trajectories.resampling import interpolate
from tests import families, oracles, oracles_trajectories

CENTROIDS = ("bhattacharyya", "jeffreys")


def one_sample(seed, n_models=4, n_classes=5, concentration=0.3):
    """(model, 1, class) log-probabilities."""
    return families.dirichlet_cloud(n_models, 1, n_classes, concentration, seed)


@pytest.mark.parametrize("kind", sorted(set(MEAN_MODELS) - set(CENTROIDS)))
@pytest.mark.parametrize("models", [families.dirichlet_cloud(5), families.near_twins(3)], ids=["far", "near"])
def test_closed_forms_agree_with_the_formula(kind, models):
    assert np.allclose(np.exp(mean_model(models, kind)), oracles_trajectories.power_mean(models, kind), rtol=1e-11)


@pytest.mark.parametrize("kind", CENTROIDS)
@pytest.mark.parametrize("concentration", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("n_models", [2, 3, 8])
def test_centroids_are_stationary_and_beat_their_neighbours(kind, concentration, n_models):
    models = one_sample(1, n_models, concentration=concentration)
    p, centre = oracles.probabilities(models)[:, 0], np.exp(mean_model(models, kind)[0])
    objective = oracles_trajectories.sum_of_divergences
    least = objective(p, centre, kind)
    random = np.random.default_rng(0)
    for size in (1e-1, 1e-2, 1e-3):
        for _ in range(20):
            other = centre * np.exp(size * random.standard_normal(len(centre)))
            assert objective(p, other / other.sum(), kind) > least
    # Along the simplex the slope is zero: central differences in the logarithm of each probability.
    for c in range(len(centre)):
        moved = [centre * np.exp(sign * 1e-4 * (np.arange(len(centre)) == c)) for sign in (1, -1)]
        slopes = [objective(p, other / other.sum(), kind) for other in moved]
        assert abs(slopes[0] - slopes[1]) / 2e-4 < 1e-6 * max(1.0, least)
    for other in set(MEAN_MODELS) - {kind}:
        assert objective(p, np.exp(mean_model(models, other)[0]), kind) >= least * (1 - 1e-12)


def test_bhattacharyya_centroid_keeps_its_condition_of_stationarity():
    """z = 1/R sum_r s_r / (s_r . z), between models with hardly any overlap as well."""
    for models in (families.tiny_probabilities(6), families.dirichlet_cloud(30, 5, 3), families.near_twins(4)):
        roots = np.sqrt(oracles.probabilities(models))
        z = np.exp(0.5 * mean_model(models, "bhattacharyya"))
        pulled = (roots / (roots * z).sum(axis=-1, keepdims=True)).mean(axis=0)
        assert np.abs(pulled - z).max() < 1e-11


def test_the_centroid_of_disjoint_models_is_their_middle():
    with np.errstate(divide="ignore"):
        models = np.log(np.eye(4))[[0, 1, 1, 2]][:, None]
    # Weights of one half for a model that is there twice: z . s = sqrt(1/4), sqrt(2/4), sqrt(1/4).
    assert np.exp(mean_model(models, "bhattacharyya"))[0] == pytest.approx([0.25, 0.5, 0.25, 0.0], abs=1e-12)


@pytest.mark.parametrize("kind", sorted(MEAN_MODELS))
@pytest.mark.parametrize("n_models", [1, 2, 5])
def test_mean_of_equal_models_is_that_model(kind, n_models):
    for model in (*families.dirichlet_cloud(2), families.one_hot([0, 3, 1], 4), *families.tiny_probabilities(1)):
        mean = mean_model(np.stack([model] * n_models), kind)
        assert np.array_equal(np.isneginf(mean), np.isneginf(model))
        assert np.allclose(mean, model, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("kind", sorted(MEAN_MODELS))
def test_means_sum_to_one_and_ignore_model_order(kind):
    models = np.concatenate([families.dirichlet_cloud(5, 20, 6), families.tiny_probabilities(2)])
    models[0, :4] = families.one_hot([0, 1, 2, 3], 6)
    mean = mean_model(models, kind)
    assert np.abs(np.exp(mean).sum(axis=1) - 1).max() < 1e-12
    other = mean_model(models[np.random.default_rng(0).permutation(7)], kind)
    assert np.array_equal(np.isneginf(mean), np.isneginf(other))
    assert np.abs(np.exp(mean) - np.exp(other)).max() < 1e-12


@pytest.mark.parametrize("kind", sorted(MEAN_MODELS))
def test_inner_axes_are_kept_chunks_change_nothing(kind, monkeypatch):
    models = families.dirichlet_cloud(12, 7, 4).reshape(3, 4, 7, 4)
    mean = mean_model(models, kind)
    assert mean.shape == (4, 7, 4)
    assert np.allclose(mean[2], mean_model(models[:, 2], kind), rtol=1e-13)
    monkeypatch.setattr(mean_models, "CHUNK_BYTES", 1)
    monkeypatch.setattr(centroids, "SAMPLES_PER_CALL", 1)
    assert np.allclose(mean, mean_model(models, kind), rtol=1e-11)


@pytest.mark.parametrize("kind", ["square_root", "bhattacharyya"])
def test_the_mean_of_two_is_mid_geodesic(kind):
    p, q = families.dirichlet_cloud(2)
    assert np.allclose(mean_model(np.stack([p, q]), kind), interpolate(p, q, [0.5])[0], atol=1e-10)


@pytest.mark.parametrize("kinds", [("square_root", "geometric", "harmonic"), CENTROIDS[:1], CENTROIDS[1:]])
def test_kinds_of_mean_lie_in_their_known_order(kinds):
    """The smaller probability: root, geometric and harmonic mean as of numbers; the centroids below the first."""
    models = np.log([[0.9, 0.1], [0.6, 0.4], [0.5, 0.5]])[:, None]
    assert (np.diff([np.exp(mean_model(models, kind))[0, 1] for kind in ("arithmetic", *kinds)]) < 0).all()


def test_omega_is_wrights_function():
    for x in (-800.0, -40.0, -2.0, -1.0, 0.0, 0.5, 1.0, 1.001, 2.0, 30.0, 1e4):
        omega, log_omega = centroids._omega(x)
        assert omega == pytest.approx(wrightomega(x), rel=4e-15, abs=0)
        assert log_omega == pytest.approx(x - omega if x < 1 else np.log(omega), rel=1e-14, abs=1e-15)


@pytest.mark.parametrize("kind", ["geometric", "harmonic", "jeffreys"])
def test_zeros_are_the_limit_of_small_probabilities(kind):
    """Each class is zero for some model: the mean is what that of ever smaller probabilities tends to."""
    p = np.array([[0.7, 0.3, 0.0, 0.0], [0.0, 0.2, 0.8, 0.0], [0.6, 0.0, 0.4, 0.0]])
    with np.errstate(divide="ignore"):
        exact = np.exp(mean_model(np.log(p)[:, None], kind))[0]
    tiny = 1e-150 if kind == "jeffreys" else 1e-60
    limit = np.exp(mean_model(np.log(np.where(p == 0, tiny, p))[:, None], kind))[0]
    # The Jeffreys centroid gets there like the inverse of the logarithm.
    assert exact == pytest.approx(limit, abs=2e-2 if kind == "jeffreys" else 1e-13)
    assert exact.sum() == pytest.approx(1.0)


def test_a_single_zero_zeroes_means_of_logarithms():
    p = np.array([[0.7, 0.3, 0.0], [0.5, 0.25, 0.25]])
    with np.errstate(divide="ignore"):
        means = {kind: np.exp(mean_model(np.log(p)[:, None], kind))[0] for kind in MEAN_MODELS}
    assert [means[kind][2] for kind in ("geometric", "harmonic", "jeffreys")] == [0.0, 0.0, 0.0]
    assert means["arithmetic"][2] == pytest.approx(0.125)
    assert means["geometric"][:2] == pytest.approx(np.sqrt(p[0, :2] * p[1, :2]) / np.sqrt(p[0] * p[1])[:2].sum())


def test_probabilities_below_the_smallest_float_keep_their_logarithm():
    models = np.array([[[0.0, -1600.0, -1700.0]], [[0.0, -1600.0, -1500.0]]])
    for kind in MEAN_MODELS:
        mean = mean_model(models, kind)[0]
        assert mean[1] == pytest.approx(-1600.0, abs=1e-9)
    assert mean_model(models, "bhattacharyya")[0, 2] == pytest.approx(-1500 - 2 * np.log(2), abs=1e-9)


@pytest.mark.parametrize("kind", CENTROIDS)
def test_iterations_end_long_before_they_are_stopped(kind, monkeypatch):
    models = np.concatenate([families.tiny_probabilities(6), families.dirichlet_cloud(6, 20, 6)])
    whole = mean_model(models, kind)
    monkeypatch.setattr(centroids, "MOST_ITERATIONS", centroids.MOST_ITERATIONS // 2)
    assert np.array_equal(mean_model(models, kind), whole)


def test_centroid_weighs_equal_models_alike():
    logs = families.dirichlet_cloud(3, 4, 5)
    doubled = np.concatenate([logs, logs])
    assert np.allclose(bhattacharyya_centroid(doubled), bhattacharyya_centroid(logs), atol=1e-11)


@pytest.mark.parametrize("kind", sorted(MEAN_MODELS))
def test_models_lie_at_their_distances_from_the_mean(kind):
    models = families.dirichlet_cloud(6, 7, 4).reshape(3, 2, 7, 4)
    expected = [
        [oracles.bhattacharyya(models[r, [k]], mean_model(models, kind)[[k]])[0, 0] for k in range(2)] for r in range(3)
    ]
    assert np.allclose(distances_to_mean(models, kind), expected, rtol=1e-10)
    assert np.abs(distances_to_mean(models[:1], kind)).max() < 1e-13


def test_what_has_no_mean_is_refused():
    models = families.dirichlet_cloud(2)
    with pytest.raises(engine.InvalidSpecError, match="kind must be one of"):
        mean_model(models, "median")
    with pytest.raises(engine.InvalidPredictionsError, match="none empty"):
        mean_model(models[:0])
    with pytest.raises(engine.InvalidPredictionsError, match="axes"):
        mean_model(models[0])
