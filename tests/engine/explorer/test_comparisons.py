"""Shuffled runs beside scenes: keys, cache, cancellation, precedence of scenes."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from engine import EmbeddingSpec, Explorer
from engine.errors import EngineError, SceneNotReadyError
from engine.statistics import shuffled_spectra
from engine.trajectories.geodesics import on_geodesic
from tests import oracles
from tests.waiting import PATIENCE, wait_for


@pytest.fixture
def explorer(studies_folder, tmp_path):
    explorer = Explorer(studies_folder, device="cpu", cache=tmp_path)
    yield explorer
    explorer.close()


def scene_of(explorer, split="train", n_runs=4, **options):
    run_ids = tuple(explorer.study("small").runs.index[:n_runs])
    return explorer.embed(EmbeddingSpec("small", split, run_ids, **options))


@pytest.mark.parametrize("is_fitted", [False, True])
def test_a_comparison_takes_what_the_scene_takes(explorer, is_fitted):
    scene = scene_of(explorer, "test", divergence="hellinger", fit_references=is_fitted)
    study = explorer.study("small")
    runs = [study.log_probabilities("test", run_id) for run_id in scene.spec.run_ids]
    points = on_geodesic(study, "test").load(None) if is_fitted else np.zeros((0, *runs[0].shape[1:]))
    found = explorer.compare_with_shuffled(scene.key)
    assert found.n_runs == 4
    orders = shuffled_spectra.within_class_orders(study.splits["test"].labels, 5 * 4).reshape(5, 4, -1)
    for shuffle in range(2):
        models = [run[:, order] for run, order in zip(runs, orders[shuffle], strict=True)]
        eigenvalues = oracles.eigenpairs(oracles.divergence("hellinger", np.concatenate([*models, points])))[0]
        np.testing.assert_allclose(found.eigenvalues[shuffle, :10], eigenvalues[:10], atol=1e-5)


def test_equal_selections_share_a_comparison_others_none(explorer, studies_folder, tmp_path, monkeypatch):
    kinds = [{}, {"split": "test"}, {"divergence": "euclidean"}, {"n_runs": 3}, {"fit_references": True}]
    scenes = [scene_of(explorer, **kind) for kind in kinds]
    found = [explorer.compare_with_shuffled(scene.key) for scene in scenes]
    assert len({spectra.eigenvalues.tobytes() for spectra in found}) == len(kinds)
    assert all(explorer.comparisons.seconds(scene.key) == 0 for scene in scenes)
    monkeypatch.setattr(shuffled_spectra, "shuffled_spectra", lambda *_, **__: pytest.fail("computed again"))
    other = Explorer(studies_folder, device="cpu", cache=tmp_path)
    try:
        for scene, spectra in zip(scenes, found, strict=True):
            again = other.compare_with_shuffled(scene.key)
            assert (again.n_runs, again.is_within_classes, again.seconds) == (spectra.n_runs, True, spectra.seconds)
            np.testing.assert_array_equal(again.eigenvalues, spectra.eigenvalues)
            np.testing.assert_array_equal(again.explained_stress, spectra.explained_stress)
    finally:
        other.close()


def test_a_comparison_gives_way_and_stops(explorer):
    key = scene_of(explorer).key
    began, go_on = threading.Event(), threading.Event()
    explorer._scenes.jobs.submit("a scene", lambda job: (began.set(), go_on.wait(PATIENCE)), "someone")
    began.wait(PATIENCE)
    comparisons = explorer.comparisons
    comparisons.request(key, "page")
    wait_for(lambda: comparisons.wait(key, 0).state == "running")
    assert comparisons.wait(key, 0.3).fraction == 0
    # The page's next question withdraws this one while it still waits.
    comparisons.cancel(key, "page")
    assert comparisons.wait(key, PATIENCE).state == "cancelled"
    with pytest.raises(SceneNotReadyError, match="ask for the comparison again"):
        comparisons.get(key)
    comparisons.request(key, "page")
    go_on.set()
    assert comparisons.wait(key, PATIENCE).state == "done"
    assert comparisons.get(key).eigenvalues.shape == (5, 50)


def test_one_run_has_nothing_to_be_compared_with(explorer):
    with pytest.raises(EngineError, match="Select more runs"):
        explorer.compare_with_shuffled(scene_of(explorer, n_runs=1).key)


def test_a_long_comparison_is_predicted_to_be_long(explorer):
    few, many = (explorer.comparisons.seconds(scene_of(explorer, n_runs=n_runs).key) for n_runs in (2, 30))
    slow = explorer.comparisons.seconds(scene_of(explorer, n_runs=30, divergence="jensen_shannon").key)
    assert 0 < few < many < slow
