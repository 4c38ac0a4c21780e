"""Preview embeddings: approximation error and exact norms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import engine
from engine.distances.distance_store import DistanceStore
from engine.distances.selection import Selection
from engine.embedding.inpca import embed
from engine.embedding.low_rank import Preview
from engine.explorer import builder
from engine.explorer.explorer import Explorer
from engine.explorer.previews import factors
from engine.values import EmbeddingSpec
from tests import oracles
from tests.engine.explorer.test_explorer import PATIENCE, RUNS, record
from tests.stub_study import StubStudy

DIGITS = Path(__file__).resolve().parents[3] / "data" / "studies" / "digits"


def build(store, study, split, run_ids, rank=None):
    counts = [len(study.content_ids(run_id, split)) for run_id in run_ids]
    source = store.operator(Selection.of(study, split, run_ids))
    return Preview.build(store.tiles(Selection.of(study, split, run_ids)), source, run_ids, counts, rank)


def compressed(matrix, factor, eigenvalues, models):
    """What a factor makes of the centred matrix of a selection, from the formula."""
    f = factor[models].astype(np.float64)
    return -2.0 * (f * eigenvalues) @ f.T


@pytest.fixture(scope="module")
def study():
    return StubStudy((20, 31, 8, 40, 25, 1, 30, 17))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return DistanceStore(tmp_path_factory.mktemp("tiles"), device="cpu")


@pytest.fixture(scope="module")
def whole(store, study):
    return store.matrix(Selection.of(study, "train", study.run_ids)).values.astype(np.float64)


@pytest.fixture(scope="module")
def preview(store, study, whole):
    return build(store, study, "train", study.run_ids, rank=40)


SELECTIONS = [[0, 1, 2, 3, 4, 5, 6, 7], [3], [6, 0, 5], [7, 4, 3, 1]]


def models_of(study, chosen):
    starts = np.cumsum([0, *(len(model) for model in study.models.values())])
    return np.concatenate([np.arange(starts[run], starts[run + 1]) for run in chosen])


@pytest.mark.parametrize("chosen", SELECTIONS)
def test_eigenpairs_are_those_of_the_compressed_factor(study, preview, whole, chosen):
    models = models_of(study, chosen)
    eigenvalues, vectors = oracles.eigenpairs(compressed(whole, preview.factor, preview.eigenvalues, models))
    found = preview.embed([f"run{run}" for run in chosen], 6)
    assert found.eigenvalues == pytest.approx(eigenvalues[:6], abs=2e-5 * eigenvalues[0])
    first = found.coordinates[:, 0] / np.linalg.norm(found.coordinates[:, 0])
    assert abs(first @ vectors[:, 0]) == pytest.approx(1.0, abs=1e-5)
    assert np.abs(found.coordinates.mean(axis=0)).max() < 1e-6
    assert (found.coordinates**2).sum(axis=0) == pytest.approx(np.abs(found.eigenvalues), rel=1e-3)


@pytest.mark.parametrize("chosen", SELECTIONS)
def test_norms_of_a_selection_are_exact(study, preview, whole, chosen):
    models = models_of(study, chosen)
    w = oracles.centred(whole[np.ix_(models, models)])
    found = preview.embed([f"run{run}" for run in chosen], 4)
    assert found.frobenius_norm == pytest.approx(np.linalg.norm(w), rel=1e-6)
    assert found.trace == pytest.approx(np.trace(w), rel=1e-6)
    assert found.row_means == pytest.approx(whole[np.ix_(models, models)].mean(axis=1), rel=1e-6)
    left = w - oracles.centred(compressed(whole, preview.factor, preview.eigenvalues, models))
    assert found.missed == pytest.approx(np.linalg.norm(left) / np.linalg.norm(w), abs=2e-3)
    kept = (found.eigenvalues**2).sum() / np.linalg.norm(w) ** 2
    assert found.explained_stress[-1] == pytest.approx(1 - np.sqrt(max(0, 1 - kept)), abs=1e-5)


def test_a_factor_of_full_rank_is_exact(store, study, whole):
    full = build(store, study, "train", study.run_ids, rank=10_000)
    for chosen in SELECTIONS:
        run_ids = [f"run{run}" for run in chosen]
        found, exact = full.embed(run_ids, 5), embed(store.operator(Selection.of(study, "train", run_ids)), 5)
        size = np.abs(exact.coordinates).max()
        assert found.coordinates[:, :3] == pytest.approx(exact.coordinates[:, :3], abs=2e-3 * size)
        assert found.missed < 1e-3


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    study = engine.open_study(DIGITS)
    store = DistanceStore(tmp_path_factory.mktemp("digits"), device="cpu")
    return study, store, list(study.runs.index)


@pytest.mark.parametrize("rank", [128, None])
def test_previews_of_the_shipped_study_know_their_error(digits, rank):
    study, store, run_ids = digits
    preview = build(store, study, "train", run_ids, rank)
    random = np.random.default_rng(0)
    for n_runs in (60, 45, 30, 20, 10, 6):
        chosen = [run_ids[place] for place in np.sort(random.permutation(60)[:n_runs])]
        found, exact = preview.embed(chosen, 8), embed(store.operator(Selection.of(study, "train", chosen)), 8)
        assert np.array_equal(found.signature[:3], exact.signature[:3])
        signs = np.sign((found.coordinates * exact.coordinates).sum(axis=0))
        errors = found.coordinates * signs - exact.coordinates
        extent = np.ptp(exact.coordinates[:, 0])
        assert np.abs(errors[:, :3]).max() < (6e-4 if rank == 128 else 2e-4) * extent
        relative = np.linalg.norm(errors, axis=0) / np.linalg.norm(exact.coordinates[:, 0])
        assert (relative <= found.error_estimate + 1e-5).all()
        assert found.error_estimate[0] < 3e-3
        assert found.explained_stress == pytest.approx(exact.explained_stress, abs=3e-3)


def test_a_good_start_for_the_exact_solution(digits):
    study, store, run_ids = digits
    preview = build(store, study, "train", run_ids)
    source = store.operator(Selection.of(study, "train", run_ids[::2]))
    cold, warm = embed(source, 20), embed(source, 20, start=preview.embed(run_ids[::2], 20).coordinates)
    assert warm.residual < 1e-6
    assert warm.eigenvalues == pytest.approx(cold.eigenvalues, abs=1e-10 * cold.eigenvalues[0])


def test_equal_models_have_no_preview_component(tmp_path):
    study = StubStudy((6, 6, 6))
    study.models = {run_id: np.repeat(study.models["run0"][:1], 6, axis=0) for run_id in study.models}
    found = build(DistanceStore(tmp_path, "cpu"), study, "train", study.run_ids).embed(["run1", "run2"], 4)
    assert found.coordinates.shape == (12, 0)
    assert (found.missed, found.frobenius_norm) == (0.0, 0.0)


def test_unknown_runs_and_too_few_models_are_refused(preview):
    with pytest.raises(engine.SelectionError, match="absent"):
        preview.embed(["run0", "absent"])
    with pytest.raises(engine.SelectionError, match="at least 3 models, received 1"):
        preview.embed(["run5"])


@pytest.fixture
def explorer(tmp_path, monkeypatch):
    monkeypatch.setattr(factors, "WORTHWHILE_MODELS", 0)
    monkeypatch.setattr(builder, "PREVIEW_STARTS_MODELS", 0)
    for run_id in RUNS:
        record(tmp_path / "studies" / "demo", run_id)
    explorer = Explorer(tmp_path / "studies", device="cpu", cache=tmp_path / "cache")
    yield explorer
    explorer.close()


def wait_for_preview(explorer, split="train"):
    assert explorer.wait(f"preview-{split}-bhattacharyya-demo", PATIENCE).state == "done"


def spec(run_ids, **options):
    return EmbeddingSpec("demo", "train", tuple(run_ids), **options)


def test_a_preview_exists_once_the_study_is_measured(explorer):
    assert explorer.preview(explorer.plan(spec(RUNS[:2]))) is None
    explorer.embed(spec(RUNS[:3]))
    assert explorer.preview(explorer.plan(spec(RUNS[:2]))) is None, "one run is not measured yet"
    whole = explorer.embed(spec(RUNS))
    wait_for_preview(explorer)
    shown = explorer.preview(explorer.plan(spec(RUNS[1:])))
    scene = explorer.embed(spec(RUNS[1:]))
    assert shown.key == scene.key
    assert shown.embedding.coordinates[:, :3] == pytest.approx(scene.embedding.coordinates[:, :3], abs=1e-3)
    assert shown.models.equals(scene.models)
    assert shown.references.coordinates[:, :2] == pytest.approx(scene.references.coordinates[:, :2], abs=1e-2)
    assert explorer.preview(explorer.plan(spec(RUNS))).key == whole.key
    assert explorer.preview(explorer.plan(spec(RUNS, fit_references=True))).references.fitted is False


def test_a_preview_forgets_runs_that_changed(explorer, tmp_path, monkeypatch):
    from engine.explorer import catalogue

    monkeypatch.setattr(catalogue, "CHECK_INTERVAL", 0.0)
    monkeypatch.setattr(catalogue, "CHECK_SHARE", float("inf"))
    explorer.embed(spec(RUNS))
    wait_for_preview(explorer)
    record(tmp_path / "studies" / "demo", "vit-7")
    assert explorer.preview(explorer.plan(spec(RUNS))) is not None, "none of these changed"
    assert explorer.preview(explorer.plan(spec([*RUNS, "vit-7"]))) is None


def test_previews_are_refused_like_requests(explorer):
    with pytest.raises(engine.SelectionError):
        explorer.preview(explorer.plan(spec(["absent"])))
