"""Laws of the clocks that align trajectories."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.trajectories.clocks import CLOCKS, LARGEST_LOSS, Course, accuracy, cross_entropy, find_clock, largest_fall
from engine.trajectories.geodesics import geodesic
from tests import families, oracles, oracles_paths


def course(models=None, labels=None, **more):
    if models is None:
        models, labels = families.training_family(1, 9)
    n = len(models)
    values = {"steps": np.arange(n) * 10, "epochs": np.arange(n) / 4, "labels": labels, "predictions": lambda: models}
    return Course(**(values | more))


def expected(key, models, labels):
    """Every clock by its formula."""
    if key.startswith("progress"):
        definition = key.partition("-")[2] or "angle"
        if definition == "mean":
            ends = geodesic(labels, models.shape[2], [0.0, 1.0])
            return [oracles_paths.position_between(p, *ends, "mean") for p in models[:3]]
        return oracles.progress(models, labels, definition)
    if key == "accuracy":
        return [oracles_paths.share_right(p, labels) for p in models]
    if key == "loss":
        return [np.log(models.shape[2]) - oracles_paths.mean_loss(p, labels) for p in models]
    if key == "arc-length":
        return [oracles_paths.lengths(models[: k + 1])[1] for k in range(len(models))]
    return {"step": np.arange(len(models)) * 10, "epoch": np.arange(len(models)) / 4}[key]


@pytest.mark.parametrize("key", CLOCKS)
def test_every_clock_agrees_with_its_formula(key):
    models, labels = families.training_family(1, 9)
    wanted = expected(key, models, labels)
    values = find_clock(key).read(course(models, labels))
    assert values.shape == (9,)
    assert values[: len(wanted)] == pytest.approx(wanted, abs=1e-5 if "progress" in key else 1e-6)


@pytest.mark.parametrize("key", CLOCKS)
def test_every_clock_rises_along_the_geodesic_from_zero(key):
    labels = np.arange(20) % 10
    values = find_clock(key).read(course(geodesic(labels, 10, np.linspace(0, 1, 7)), labels))
    assert largest_fall(values) == 0.0
    assert values[0] == pytest.approx(0.1 if key == "accuracy" else 0.0, abs=1e-12)
    if find_clock(key).highest is not None:
        assert values[-1] == pytest.approx(find_clock(key).highest(10), abs=1e-12)


@pytest.mark.parametrize("key", CLOCKS)
def test_a_clock_that_cannot_turn_back_does_not(key):
    models = families.dirichlet_cloud(12, 6, 4)
    values = find_clock(key).read(course(models, np.arange(6) % 4))
    assert (largest_fall(values) > 0) == find_clock(key).can_turn_back


def test_the_loss_clock_rises_as_the_loss_falls():
    models, labels = families.training_family(1, 9)
    gain = find_clock("loss").read(course(models, labels))
    assert np.diff(gain) == pytest.approx(-np.diff(cross_entropy(models, labels)), abs=1e-12)


def test_loss_is_twice_the_distance_to_the_truth():
    models, labels = families.tiny_probabilities(3), np.arange(20) % 6
    truth = families.one_hot(labels, 6)[None]
    distances = engine.pairwise_distances(models, truth).values[:, 0]
    assert cross_entropy(models, labels) == pytest.approx(2 * distances, rel=1e-12)


def test_loss_and_accuracy_of_certainty():
    labels = np.array([0, 1, 2, 0])
    models = np.stack([families.one_hot(labels, 3), families.one_hot([0, 1, 2, 1], 3)])
    assert cross_entropy(models, labels) == pytest.approx([0.0, LARGEST_LOSS / 4])
    assert accuracy(models, labels).tolist() == [1.0, 0.75]


def test_equally_probable_classes_share_a_hit():
    assert accuracy(np.full((1, 4, 10), -np.log(10)), np.arange(4))[0] == pytest.approx(0.1)


def test_nearly_normalised_rows_have_the_same_loss():
    models, labels = families.training_family(1, 3)
    assert cross_entropy(models + np.float32(1e-3), labels) == pytest.approx(cross_entropy(models, labels), abs=1e-6)


def test_a_recorded_error_goes_before_the_predictions():
    recorded = find_clock("accuracy").read(course(errors=np.linspace(0.9, 0.1, 9)))
    assert recorded == pytest.approx(np.linspace(0.1, 0.9, 9))
    gaps = np.where(np.arange(9) == 3, np.nan, 0.5)
    assert np.array_equal(find_clock("accuracy").read(course(errors=gaps)), find_clock("accuracy").read(course()))


def test_kept_progress_is_used():
    kept = find_clock("progress-mean").read(course(progress=lambda definition: np.full(9, len(definition))))
    assert kept.tolist() == [4.0] * 9


def test_steps_and_epochs_need_no_predictions():
    def refuse():
        raise AssertionError("predictions were read")

    assert find_clock("step").read(course(predictions=refuse))[-1] == 80
    assert find_clock("epoch").read(course(predictions=refuse))[-1] == 2


def test_what_was_not_recorded_is_said():
    epochs = np.where(np.arange(9) >= 4, np.nan, 1.0)
    with pytest.raises(engine.InvalidSpecError, match="no epoch for checkpoint 4"):
        find_clock("epoch").read(course(epochs=epochs))
    with pytest.raises(engine.InvalidSpecError, match="clock must be one of"):
        find_clock("wall")


def test_largest_fall_is_below_the_running_maximum():
    assert largest_fall([0.0, 0.5, 0.2, 0.6, 0.4, 0.3]) == pytest.approx(0.3)
    assert largest_fall([1.0, 2.0, 2.0]) == 0.0
    assert largest_fall([]) == 0.0


def test_grids_end_at_the_highest_value():
    assert find_clock("progress").grid(4, 10, 0.3).tolist() == [0.25, 0.5, 0.75, 1.0]
    assert find_clock("loss").grid(2, 10, 99.0) == pytest.approx([np.log(10) / 2, np.log(10)])
    assert find_clock("epoch").grid(4, 10, 8.0).tolist() == [2.0, 4.0, 6.0, 8.0]
    with pytest.raises(engine.InvalidSpecError, match="end above zero"):
        find_clock("step").grid(4, 10, 0.0)
    with pytest.raises(engine.InvalidSpecError, match="must have a point"):
        find_clock("step").grid(0, 10, 5.0)
