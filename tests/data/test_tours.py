"""Shipped tours, and the numbers in their sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import engine
from dashboard.payloads.legend import color_options
from dashboard.saved.views import View, ViewStore
from dashboard.view_state import ViewState, saved_query
from docs.scripts.measure_copies import read_table

STUDIES = Path(__file__).resolve().parents[2] / "data" / "studies"
MIDDLE = (0.3, 0.7)
"""Progress of what the tours call mid-course."""


@pytest.fixture(scope="module", params=["digits", "mnist1d"])
def study(request: pytest.FixtureRequest) -> engine.Study:
    return engine.open_study(STUDIES / request.param)


@pytest.fixture(scope="module")
def tour(study: engine.Study) -> tuple[View, ...]:
    return ViewStore(STUDIES).tour(study)


def numbers(view: View) -> list[float]:
    return [float(text.replace(",", "")) for text in re.findall(r"\d[\d,]*(?:\.\d+)?", view.sentence)]


def test_every_step_opens_its_own_study_whole(study: engine.Study, tour: tuple[View, ...]) -> None:
    assert len(tour) == 6
    offered = {item["value"] for group in color_options(study) for item in group["items"]}
    for step in tour:
        assert saved_query(step.query) == step.query
        view = ViewState.from_query(step.query)
        assert view.study == study.study_id
        assert view.split in study.splits
        assert view.color_by in offered
        assert view.camera
        assert step.sentence.endswith(".")


def test_runs_start_as_near_ignorance_as_said(study: engine.Study, tour: tuple[View, ...]) -> None:
    predictions = study.predictions("train")
    n_runs, near, far = numbers(tour[0])
    roots = np.exp(predictions.log_probabilities[predictions.models["checkpoint"] == 0].astype(np.float64) / 2)
    distances = -np.log(roots.sum(axis=2) / np.sqrt(study.n_classes)).mean(axis=1)
    assert n_runs == len(study.runs) == len(distances)
    assert round(distances.mean(), 2) == near
    assert round(np.log(study.n_classes) / 2, 2) == far


def test_the_checkpoints_are_counted_right(study: engine.Study, tour: tuple[View, ...]) -> None:
    n_checkpoints, n_samples, n_classes, n_numbers, _, of_shuffled = numbers(tour[1])
    assert n_checkpoints == len(study.checkpoints)
    assert (n_samples, n_classes) == (study.splits["train"].n_samples, study.n_classes)
    assert n_numbers == n_samples * n_classes
    missing = [value for value, _ in read_table()[study.study_id]["shuffled"]["low_dimension"]]
    assert of_shuffled == round(1 + np.mean(missing), 2)


def test_the_geodesic_is_as_far_as_is_said(study: engine.Study, tour: tuple[View, ...]) -> None:
    mean, least = numbers(tour[5])
    predictions = study.predictions("test")
    progress = engine.progress(predictions.log_probabilities, predictions.labels)
    log_probabilities = predictions.log_probabilities[(progress > MIDDLE[0]) & (progress < MIDDLE[1])]
    roots = np.exp(log_probabilities.astype(np.float64) / 2)
    to_truth = roots[:, np.arange(len(predictions.labels)), predictions.labels]
    to_ignorance = roots.sum(axis=2) / np.sqrt(study.n_classes)
    angle = np.arccos(1 / np.sqrt(study.n_classes))
    along = np.linspace(0, 1, 201)[:, None, None]
    overlaps = (np.sin((1 - along) * angle) * to_ignorance + np.sin(along * angle) * to_truth) / np.sin(angle)
    distances = (-np.log(overlaps)).mean(axis=2).min(axis=0)
    assert round(distances.mean(), 2) == mean
    assert round(distances.min(), 2) == least


def test_the_errors_on_unseen_signals_are_as_said() -> None:
    study = engine.open_study(STUDIES / "mnist1d")
    lowest, highest, worst_low, worst_high = numbers(ViewStore(STUDIES).tour(study)[4])
    errors = 100 * study.runs.groupby("architecture")["test_error"].agg(["min", "max"])
    assert errors.loc["residual"].round().tolist() == [lowest, highest]
    assert errors.loc["fully connected"].round().tolist() == [worst_low, worst_high]


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[engine.Explorer]:
    explorer = engine.Explorer(STUDIES, device="cpu", cache=tmp_path_factory.mktemp("cache"))
    yield explorer
    explorer.close()


@pytest.mark.full
def test_two_seeds_are_as_far_apart_as_said(
    study: engine.Study, tour: tuple[View, ...], explorer: engine.Explorer
) -> None:
    said = re.search(r"Two seeds are (?:already )?(0\.\d\d) times", tour[3].sentence)
    assert said is not None
    spec = engine.EmbeddingSpec(study.study_id, "train", tuple(study.runs.index))
    numbers = explorer.analyses.find("trajectory-distances", spec, points=50).numbers
    assert round(float(numbers["two seeds over two configurations"]), 2) == float(said[1])


def seen(points: np.ndarray, everything: np.ndarray, camera: tuple[float, ...], shape: float) -> np.ndarray:
    """Where points lie in a picture of a shape (width over height): from -1 to 1 across and upward."""
    low, high = everything.min(axis=0), everything.max(axis=0)
    air = 0.04 * (high - low)
    spans = high - low + 2 * air
    placed = (points - (low + high) / 2) / np.cbrt(spans.prod())
    eye, centre, up = np.reshape(camera, (3, 3))
    forward = (centre - eye) / np.linalg.norm(centre - eye)
    right = np.cross(forward, up) / np.linalg.norm(np.cross(forward, up))
    basis = np.stack([right / shape, np.cross(right, forward)])
    return (placed - eye) @ basis.T / ((placed - eye) @ forward)[:, None] / np.tan(np.pi / 8)


@pytest.mark.full
@pytest.mark.parametrize("shape", [1920 / 961, 670 / 350], ids=["presented", "beside the controls"])
def test_every_step_shows_references_and_most_runs(
    study: engine.Study, tour: tuple[View, ...], explorer: engine.Explorer, shape: float
) -> None:
    for step in tour:
        view = ViewState.from_query(step.query)
        scene = explorer.embed(engine.EmbeddingSpec(study.study_id, view.split, tuple(study.runs.index)))
        axes = [axis - 1 for axis in view.axes]
        models, references = (part.coordinates[:, axes] for part in (scene.embedding, scene.references))
        everything = np.concatenate([models, references])
        ends = seen(references[[0, -1]], everything, view.camera, shape)
        assert np.abs(ends).max() < 0.9, step.title
        assert (np.abs(seen(models, everything, view.camera, shape)) < 0.95).all(axis=1).mean() > 0.99, step.title
