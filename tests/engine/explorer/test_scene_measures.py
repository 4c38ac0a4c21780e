"""Measures of a scene against float64 sums over pairs."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine import Explorer
from engine.errors import InvalidSpecError, SceneNotReadyError
from engine.explorer import measures
from engine.values import EmbeddingSpec
from tests import oracles
from tests.small_study import N_CHECKPOINTS, N_RUNS, record_small_study


@pytest.fixture(scope="module")
def explorer(studies_folder, tmp_path_factory):
    explorer = Explorer(studies_folder, device="cpu", cache=tmp_path_factory.mktemp("cache"))
    yield explorer
    explorer.close()


@pytest.fixture(scope="module")
def predictions(explorer):
    return explorer.study("small").predictions("train")


def embedded(explorer, n_runs=N_RUNS, **options):
    run_ids = tuple(explorer.study("small").runs.index[:n_runs])
    return explorer.embed(EmbeddingSpec("small", "train", run_ids, **options))


@pytest.mark.parametrize("is_fitted", [False, True])
def test_the_spectrum_goes_on_where_the_scene_stops(explorer, is_fitted):
    scene = embedded(explorer, n_components=5, fit_references=is_fitted)
    spectrum = explorer.spectrum(scene.key)
    assert spectrum.n_components == measures.SPECTRUM_COMPONENTS
    for name in ("eigenvalues", "explained_stress", "explained_variance", "explained_distance"):
        np.testing.assert_allclose(getattr(spectrum, name)[:5], getattr(scene.embedding, name), atol=1e-6)


def test_the_spectrum_is_that_of_the_distances(explorer, predictions):
    spectrum = explorer.spectrum(embedded(explorer).key)
    eigenvalues, _ = oracles.eigenpairs(oracles.bhattacharyya(predictions.log_probabilities))
    np.testing.assert_allclose(spectrum.eigenvalues, eigenvalues[: spectrum.n_components], atol=1e-5)


def test_mean_run_distances_are_sums_over_every_pair(explorer, predictions):
    n_runs = 3
    scene = embedded(explorer, n_runs)
    distances = oracles.bhattacharyya(predictions.log_probabilities[: n_runs * N_CHECKPOINTS])
    found = explorer.run_distances(scene.key)
    assert found.run_ids == scene.spec.run_ids
    for a in range(n_runs):
        for b in range(n_runs):
            pairs = [
                distances[a * N_CHECKPOINTS + i, b * N_CHECKPOINTS + j]
                for i in range(N_CHECKPOINTS)
                for j in range(N_CHECKPOINTS)
                if a != b or i != j
            ]
            assert found.means[a, b] == pytest.approx(sum(pairs) / len(pairs), rel=1e-6)


def test_a_shepard_diagram_names_models_of_the_scene(explorer, predictions):
    scene = embedded(explorer)
    found = explorer.shepard(scene.key, [1, 3])
    pairs = found.diagram.sample
    log_p = predictions.log_probabilities
    for k in range(0, len(pairs.rows), 400):
        both = np.stack([log_p[pairs.rows[k]], log_p[pairs.columns[k]]])
        assert pairs.distances[k] == pytest.approx(oracles.bhattacharyya(both)[0, 1], abs=1e-6)
        x, y = scene.embedding.coordinates[[pairs.rows[k], pairs.columns[k]]][:, [0, 2]]
        assert pairs.embedded[k] == pytest.approx((scene.embedding.signature[[0, 2]] * (x - y) ** 2).sum(), abs=1e-12)
    assert (found.n_runs, found.components) == (N_RUNS, (1, 3))


def test_of_too_many_models_whole_runs_are_compared(explorer, monkeypatch):
    monkeypatch.setattr(measures, "MOST_COMPARED", 5 * N_CHECKPOINTS + 1)
    scene = embedded(explorer, N_RUNS - 1)
    found = explorer.shepard(scene.key, [1, 2, 3])
    assert found.n_runs == 5
    assert found.diagram.n_pairs == 5 * N_CHECKPOINTS * (5 * N_CHECKPOINTS - 1) // 2
    runs = scene.models["run_id"].to_numpy()
    assert len({*runs[found.diagram.sample.rows], *runs[found.diagram.sample.columns]}) == 5
    full = embedded(explorer, N_RUNS - 1).embedding.coordinates
    i, j = found.diagram.sample.rows[7], found.diagram.sample.columns[7]
    expected = (scene.embedding.signature[:3] * (full[i, :3] - full[j, :3]) ** 2).sum()
    assert found.diagram.sample.embedded[7] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("components", [[], [0], [21], [1, 1]])
def test_components_that_there_are_not_are_refused(explorer, components):
    with pytest.raises(InvalidSpecError, match="components"):
        explorer.shepard(embedded(explorer).key, components)


def test_a_second_look_is_the_first_one_kept(explorer):
    key = embedded(explorer).key
    assert explorer.shepard(key, [1, 2, 3]) is explorer.shepard(key, [1, 2, 3])
    assert explorer.run_distances(key) is explorer.run_distances(key)
    assert explorer.spectrum(key) is explorer.spectrum(key)


def test_scenes_of_grown_runs_are_shown_as_before(tmp_path, monkeypatch):
    from engine.explorer import catalogue

    monkeypatch.setattr(catalogue, "CHECK_INTERVAL", 0.0)
    monkeypatch.setattr(catalogue, "CHECK_SHARE", float("inf"))
    folder = tmp_path / "studies" / "live"
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 4, 30)

    runs = {
        name: engine.Recorder(folder, run_id=name, hyperparameters={"run": name}, labels={"train": labels})
        for name in "ab"
    }

    def record(name, steps):
        for step in steps:
            runs[name].record(step=step, kind="probabilities", train=rng.dirichlet(np.ones(4), 30))

    record("a", range(5))
    record("b", range(4))
    explorer = Explorer(folder.parent, device="cpu", cache=tmp_path / "cache")
    key = explorer.embed(EmbeddingSpec("live", "train", ("a", "b"))).key
    before = explorer.run_distances(key).means
    record("a", range(5, 9))
    assert explorer.study("live").runs.loc["a", "n_checkpoints"] == 9
    afresh = Explorer(folder.parent, device="cpu", cache=tmp_path / "cache")
    for asked in (explorer, afresh):
        np.testing.assert_array_equal(asked.run_distances(key).means, before)
        assert asked.spectrum(key).n_models == 9
        assert asked.shepard(key, [1, 2]).n_runs == 2
        asked.close()
    for recorder in runs.values():
        recorder.close()


def test_a_scene_of_changed_runs_is_refused(tmp_path, monkeypatch):
    from engine.explorer import catalogue

    monkeypatch.setattr(catalogue, "CHECK_INTERVAL", 0.0)
    monkeypatch.setattr(catalogue, "CHECK_SHARE", float("inf"))
    folder = record_small_study(tmp_path / "studies" / "small")
    explorer = Explorer(folder.parent, device="cpu", cache=tmp_path / "cache")
    key = embedded(explorer, 2).key
    explorer.run_distances(key)
    (folder / "runs" / explorer.study("small").runs.index[0] / "run.json").unlink()
    with pytest.raises(SceneNotReadyError, match="changed"):
        explorer.run_distances(key)
    explorer.close()
