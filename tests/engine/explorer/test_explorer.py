"""Explorer: shared computations, lost caches, damaged runs."""

import dataclasses
import json
import re
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import engine
from engine.distances.distance_store import DistanceStore
from engine.errors import (
    DeviceError,
    InvalidSpecError,
    JobCancelled,
    SceneNotReadyError,
    SelectionError,
    StudyNotFoundError,
)
from engine.explorer import catalogue
from engine.explorer.builder import SceneBuilder
from engine.explorer.explorer import Explorer
from engine.trajectories.geodesics import POSITIONS
from engine.values import EmbeddingSpec

PATIENCE = 30.0
LABELS = {"train": np.arange(24) % 4, "test": np.arange(16) % 4}
RUNS = ("cnn-0", "cnn-1", "vit-0", "vit-1")


def record(study, run_id, n_checkpoints=6, seed=None):
    rng = np.random.default_rng(sum(map(ord, run_id)) if seed is None else seed)
    hyperparameters = {"architecture": run_id.split("-")[0], "seed": int(run_id[-1])}
    with engine.Recorder(study, hyperparameters=hyperparameters, labels=LABELS, run_id=run_id) as recorder:
        for step in range(n_checkpoints):
            logits = {
                split: step * np.eye(4)[labels] + step * rng.normal(size=(len(labels), 4))
                for split, labels in LABELS.items()
            }
            recorder.record(step=step, epoch=step / 2, **logits)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    study = tmp_path_factory.mktemp("studies") / "demo"
    for run_id in RUNS:
        record(study, run_id)
    return study


@pytest.fixture
def studies(recorded, tmp_path):
    """Copy of the studies' folder that a test may change."""
    shutil.copytree(recorded, tmp_path / "studies" / "demo")
    return tmp_path / "studies"


@pytest.fixture
def open_explorer(studies, tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "CHECK_INTERVAL", 0.0)
    monkeypatch.setattr(catalogue, "CHECK_SHARE", float("inf"))
    opened = []

    def make(**options):
        opened.append(Explorer(studies, device="cpu", **({"cache": tmp_path / "cache"} | options)))
        return opened[-1]

    yield make
    for explorer in opened:
        explorer.close()


@pytest.fixture
def explorer(open_explorer):
    return open_explorer()


@pytest.fixture
def builds(monkeypatch):
    """Keys of all scenes computed during the test."""
    built = []
    original = SceneBuilder.build

    def build(self, plan, job):
        built.append(plan.key)
        return original(self, plan, job)

    monkeypatch.setattr(SceneBuilder, "build", build)
    return built


@pytest.fixture
def slow_distances(monkeypatch):
    """Distances that block until cancelled; the event is set while one is running."""
    under_way = threading.Event()

    def matrix(self, *arguments, cancelled, progress, **options):
        under_way.set()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if cancelled():
                under_way.clear()
                raise JobCancelled("stopped between two blocks")
            progress(0.5)
            time.sleep(0.001)
        raise AssertionError("never cancelled")

    monkeypatch.setattr(DistanceStore, "operator", matrix)
    return under_way


def spec(run_ids=RUNS, split="train", **options):
    return EmbeddingSpec("demo", split, tuple(run_ids), **options)


def damage(studies, run_id, split="train"):
    """Flip one byte in the middle of a run's records."""
    path = studies / "demo" / "runs" / run_id / f"{split}.npy"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("fitted", [False, True])
def test_a_scene_embeds_the_whole_distance_matrix(explorer, split, fitted):
    scene = explorer.embed(spec(split=split, n_components=5, fit_references=fitted))
    predictions = explorer.study("demo").predictions(split, list(RUNS))
    models = predictions.log_probabilities.astype(np.float64)
    points = engine.geodesic(predictions.labels, 4, POSITIONS)
    everything = np.concatenate([models, points]) if fitted else models
    expected = engine.embed(engine.pairwise_distances(everything, device="cpu"), 5)
    size = np.abs(expected.coordinates).max()
    np.testing.assert_allclose(scene.embedding.eigenvalues, expected.eigenvalues, atol=1e-5 * expected.eigenvalues[0])
    np.testing.assert_allclose(scene.embedding.coordinates, expected.coordinates[: len(models)], atol=2e-3 * size)
    np.testing.assert_allclose(scene.embedding.explained_stress, expected.explained_stress, atol=1e-5)
    if fitted:
        references = expected.coordinates[len(models) :]
    else:
        references = engine.project(expected, engine.pairwise_distances(points, models, device="cpu").values)
    np.testing.assert_allclose(scene.references.coordinates, references, atol=2e-3 * size)
    assert scene.references.fitted is fitted


def test_the_geodesic_is_finite_from_untrained_networks_on(explorer):
    scene = explorer.embed(spec(n_components=3))
    assert scene.references.coordinates.shape == (51, 3)
    assert np.isfinite(scene.references.coordinates).all()
    assert (scene.references.positions[0], scene.references.positions[-1]) == (0.0, 1.0)
    # Step 0 of every run predicts ignorance exactly, so its model and P0 are one point.
    at_start = scene.embedding.coordinates[scene.models["step"] == 0]
    np.testing.assert_allclose(at_start, np.tile(scene.references.coordinates[0], (4, 1)), atol=1e-6)


def test_the_model_table_has_progress_and_metrics(explorer):
    scene = explorer.embed(spec())
    study = explorer.study("demo")
    assert list(scene.models.columns) == ["run_id", "checkpoint", "step", "epoch", "progress", *study.metrics]
    assert scene.models["run_id"].tolist() == [run_id for run_id in RUNS for _ in range(6)]
    predictions = study.predictions("train")
    expected = engine.progress(predictions.log_probabilities, predictions.labels, definition="angle")
    np.testing.assert_allclose(scene.models["progress"], expected, atol=1e-12)
    assert len(scene.models) == scene.embedding.n_models == 24
    assert scene.device == explorer.device


def test_twenty_threads_asking_for_one_scene_compute_once(explorer, builds):
    barrier = threading.Barrier(20)
    keys = []

    def ask(index):
        barrier.wait(PATIENCE)
        status = explorer.request(spec(), f"client {index}")
        assert explorer.wait(status.key, PATIENCE).state == "done"
        keys.append(explorer.scene(status.key).key)

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(keys) == 20
    assert builds == [keys[0]]


def test_sessions_changing_selection_together_get_own_scenes(explorer):
    selections = [RUNS[:2], RUNS[1:3], RUNS[2:], RUNS, (RUNS[0], RUNS[3])]
    wrong = []

    def session(index):
        for turn in range(6):
            wanted = selections[(index + turn) % len(selections)]
            status = explorer.request(spec(wanted), f"client {index}")
            if explorer.wait(status.key, PATIENCE).state != "done":
                wrong.append(status)
            elif explorer.scene(status.key).spec.run_ids != wanted:
                wrong.append(wanted)

    threads = [threading.Thread(target=session, args=(index,)) for index in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert wrong == []


def test_a_scene_survives_a_restart_without_computing_again(open_explorer, builds):
    first = open_explorer()
    scene = first.embed(spec())
    first.close()
    second = open_explorer()
    assert second.plan(spec()).seconds == 0.0
    status = second.request(spec())
    assert (status.state, status.key) == ("done", scene.key)
    again = second.scene(status.key)
    np.testing.assert_array_equal(again.embedding.coordinates, scene.embedding.coordinates)
    assert second.status(scene.key).state == "done"
    assert builds == [scene.key]


def test_the_key_follows_the_contents_and_nothing_else(explorer, studies, tmp_path):
    study = explorer.study("demo")
    key = explorer.plan(spec(), study).key
    for path in (studies / "demo").rglob("*"):
        path.touch()
    assert explorer.embed(spec(reversed(RUNS))).key == key, "order and times do not matter"
    shutil.copytree(studies, tmp_path / "moved")
    assert explorer.plan(spec(), engine.open_study(tmp_path / "moved" / "demo")).key == key
    others = [spec(split="test"), spec(RUNS[:2]), spec(n_components=3), spec(fit_references=True)]
    keys = {key, *(explorer.plan(other, study).key for other in others)}
    shutil.rmtree(studies / "demo" / "runs" / RUNS[0])
    record(studies / "demo", RUNS[0], seed=99)
    keys.add(explorer.request(spec()).key)
    assert len(keys) == 6


def test_a_growing_run_gets_another_scene(explorer, studies):
    before = explorer.embed(spec())
    record(studies / "demo", "cnn-2")
    assert "cnn-2" in explorer.study("demo").runs.index
    assert explorer.embed(spec()).key == before.key
    after = explorer.embed(spec((*RUNS, "cnn-2")))
    assert after.embedding.n_models == before.embedding.n_models + 6


def test_an_unchanged_study_is_one_snapshot(explorer, studies):
    snapshot = explorer.study("demo")
    assert explorer.study("demo") is snapshot
    (studies / "demo" / "runs" / RUNS[0] / "journal.jsonl").touch()
    assert explorer.study("demo") is snapshot, "the contents are the same"


def test_cancel_stops_the_computation_and_frees_the_worker(explorer, slow_distances):
    status = explorer.request(spec(), "ann")
    assert slow_distances.wait(PATIENCE)
    running = explorer.status(status.key)
    assert (running.state, running.stage) == ("running", "distances")
    assert 0.0 < running.fraction < 1.0
    explorer.cancel(status.key, "ann")
    assert explorer.wait(status.key, PATIENCE).state == "cancelled"
    assert not slow_distances.is_set()
    with pytest.raises(SceneNotReadyError):
        explorer.scene(status.key)


def test_a_cancelled_scene_can_be_asked_for_again(explorer, monkeypatch, slow_distances):
    status = explorer.request(spec(), "ann")
    assert slow_distances.wait(PATIENCE)
    explorer.cancel(status.key, "ann")
    explorer.wait(status.key, PATIENCE)
    monkeypatch.undo()
    assert explorer.embed(spec()).key == status.key


def test_rapid_requests_cost_at_most_two_computations(explorer, monkeypatch):
    held = threading.Event()
    original = DistanceStore.operator
    measured = []

    def matrix(self, *arguments, cancelled, **options):
        measured.append(cancelled)
        assert held.wait(PATIENCE), "one block that takes longer than ten requests"
        return original(self, *arguments, cancelled=cancelled, **options)

    monkeypatch.setattr(DistanceStore, "operator", matrix)
    keys = [explorer.request(spec(n_components=k), "ann").key for k in range(1, 11)]
    held.set()
    assert explorer.wait(keys[-1], PATIENCE).state == "done"
    assert len(measured) <= 2
    assert {explorer.wait(key, PATIENCE).state for key in keys[:-1]} == {"cancelled"}


def test_a_cached_answer_withdraws_the_previous_request(explorer, monkeypatch):
    kept = explorer.embed(spec(RUNS[:2]))
    under_way = threading.Event()

    def matrix(self, *arguments, cancelled, **options):
        under_way.set()
        while not cancelled():
            time.sleep(0.001)
        raise JobCancelled("superseded")

    monkeypatch.setattr(DistanceStore, "operator", matrix)
    slow = explorer.request(spec(), "ann")
    assert under_way.wait(PATIENCE)
    assert explorer.request(spec(RUNS[:2]), "ann").key == kept.key
    assert explorer.wait(slow.key, PATIENCE).state == "cancelled"


def test_deleting_the_cache_only_costs_time(explorer, open_explorer, builds):
    scene = explorer.embed(spec())
    shutil.rmtree(explorer.cache_folder)
    assert explorer.scene(scene.key) is not None, "memory still has it"
    other = explorer.embed(spec(split="test"))
    shutil.rmtree(explorer.cache_folder)
    fresh = open_explorer()
    again = fresh.embed(spec())
    np.testing.assert_allclose(again.embedding.coordinates, scene.embedding.coordinates, atol=1e-9)
    assert builds == [scene.key, other.key, scene.key]


def test_deleting_the_cache_during_a_computation_costs_time(explorer, monkeypatch):
    original = DistanceStore.references
    deleted = []

    def references(self, *arguments, **options):
        if not deleted:
            deleted.append(shutil.rmtree(explorer.cache_folder))
        return original(self, *arguments, **options)

    monkeypatch.setattr(DistanceStore, "references", references)
    scene = explorer.embed(spec())
    assert deleted
    assert explorer.scene(scene.key).embedding.n_models == 24
    assert explorer.embed(spec(split="test")).embedding.n_models == 24


def test_flipped_cache_bytes_never_change_a_scene(open_explorer):
    explorer = open_explorer()
    scene = explorer.embed(spec())
    explorer.close()
    rng = np.random.default_rng(0)
    for path in explorer.cache_folder.rglob("*"):
        if path.is_file() and path.suffix in (".val", ".f32", ".jsonl"):
            content = bytearray(path.read_bytes())
            for place in rng.integers(0, len(content), size=5):
                content[place] ^= 0x04
            path.write_bytes(content)
    again = open_explorer().embed(spec())
    np.testing.assert_allclose(again.embedding.coordinates, scene.embedding.coordinates, atol=1e-9)
    np.testing.assert_array_equal(again.models["progress"], scene.models["progress"])


def test_two_explorers_share_a_cache_folder(open_explorer, builds):
    first, second = open_explorer(), open_explorer()
    requests = [(one, spec(split=split)) for split in ("train", "test") for one in (first, second)]
    statuses = [(one, one.request(question)) for one, question in requests]
    assert {one.wait(status.key, PATIENCE).state for one, status in statuses} == {"done"}
    assert first.scene(statuses[1][1].key).key == second.scene(statuses[0][1].key).key


def test_runs_damaged_after_opening_are_omitted_and_named(explorer, studies):
    assert explorer.study("demo").problems == ()
    damage(studies, "cnn-1")
    catalogued = explorer.study("demo")
    assert "cnn-1" in catalogued.runs.index, "opening does not read the records"
    scene = explorer.embed(spec())
    assert scene.spec.run_ids == ("cnn-0", "vit-0", "vit-1")
    assert set(scene.models["run_id"]) == {"cnn-0", "vit-0", "vit-1"}
    (problem,) = explorer.study("demo").problems
    assert problem.run_id == "cnn-1"
    assert "train.npy" in problem.reason
    assert explorer.embed(spec(scene.spec.run_ids)).embedding.n_models == 18
    assert explorer.embed(spec()).spec.run_ids == scene.spec.run_ids, "asking for it again is no error"


def test_a_run_damaged_between_two_looks_stays_out(explorer, studies):
    explorer.study("demo")
    explorer._catalogue._entries["demo"].fresh_until = float("inf")
    damage(studies, "cnn-1")
    assert explorer.embed(spec()).spec.run_ids == ("cnn-0", "vit-0", "vit-1")
    record(studies / "demo", "cnn-2")
    explorer._catalogue._entries["demo"].fresh_until = 0.0
    study = explorer.study("demo")
    assert [problem.run_id for problem in study.problems] == ["cnn-1"]
    assert "cnn-2" in study.runs.index


def test_a_damaged_run_stays_out_until_repaired(explorer, studies):
    intact = (studies / "demo" / "runs" / "cnn-1" / "train.npy").read_bytes()
    damage(studies, "cnn-1")
    explorer.embed(spec())
    record(studies / "demo", "cnn-2")
    assert [problem.run_id for problem in explorer.study("demo").problems] == ["cnn-1"]
    (studies / "demo" / "runs" / "cnn-1" / "train.npy").write_bytes(intact)
    assert explorer.study("demo").problems == ()
    assert explorer.embed(spec()).spec.run_ids == RUNS


def test_a_partial_scene_stays_partial_after_a_restart(open_explorer, studies):
    intact = (studies / "demo" / "runs" / "cnn-1" / "train.npy").read_bytes()
    damage(studies, "cnn-1")
    first = open_explorer()
    status = first.request(spec())
    assert first.wait(status.key, PATIENCE).state == "done"
    assert first.scene(status.key).spec.run_ids == ("cnn-0", "vit-0", "vit-1")
    first.close()
    (studies / "demo" / "runs" / "cnn-1" / "train.npy").write_bytes(intact)
    assert open_explorer().embed(spec()).spec.run_ids == RUNS


def test_selections_of_damaged_runs_name_what_is_missing(explorer, studies):
    for run_id in RUNS[:2]:
        damage(studies, run_id)
    status = explorer.request(spec(RUNS[:2]))
    failed = explorer.wait(status.key, PATIENCE)
    assert failed.state == "failed"
    assert "0 checkpoints" in failed.message
    assert "cnn-0" in failed.message
    with pytest.raises(SelectionError, match="0 checkpoints"):
        explorer.request(spec(RUNS[:2]))
    assert explorer.embed(spec()).spec.run_ids == RUNS[2:]


def test_too_few_checkpoints_name_how_many_are_missing(explorer, studies):
    record(studies / "demo", "short-0", n_checkpoints=2)
    with pytest.raises(SelectionError, match=r"2 checkpoints.*at least 3.*1 more is missing"):
        explorer.request(spec(["short-0"]))
    record(studies / "demo", "short-1", n_checkpoints=1)
    assert explorer.embed(spec(["short-0", "short-1"])).embedding.n_models == 3


def test_runs_without_checkpoint_are_not_in_the_scene(explorer, studies):
    record(studies / "demo", "begun-0", n_checkpoints=0)
    assert explorer.study("demo").runs.loc["begun-0", "n_checkpoints"] == 0
    assert explorer.embed(spec((*RUNS, "begun-0"))).spec.run_ids == RUNS


def test_unknown_names_are_refused_by_name(explorer):
    with pytest.raises(SelectionError, match="nowhere"):
        explorer.request(spec(["cnn-0", "nowhere"]))
    with pytest.raises(StudyNotFoundError, match="demo"):
        explorer.request(EmbeddingSpec("another", "train", RUNS))
    with pytest.raises(InvalidSpecError, match="bhattacharyya"):
        explorer.request(spec(divergence="nothing of the kind"))


@pytest.mark.parametrize("study_id", ["../studies/demo", "..", ".", "", "demo/../demo", "demo\0", "/etc", "demo/runs"])
def test_a_study_id_never_becomes_a_path(explorer, study_id):
    with pytest.raises(StudyNotFoundError):
        explorer.study(study_id)


@pytest.mark.parametrize("key", ["", "warm-up", "../scene", "v1-" + "0" * 64, "progress-v1-" + "0" * 64, "x" * 10_000])
def test_unknown_keys_have_no_scene_and_are_over(explorer, key):
    with pytest.raises(SceneNotReadyError, match="request"):
        explorer.scene(key)
    assert explorer.status(key).state == "cancelled"
    assert explorer.cancel(key).is_over
    assert explorer.wait(key, 0.01).is_over


def test_a_failed_computation_says_why_and_is_retried(explorer, monkeypatch):
    def fail(self, *arguments, **options):
        raise FloatingPointError("not today")

    monkeypatch.setattr(DistanceStore, "references", fail)
    with pytest.raises(engine.EngineError, match="The reason is in the log"):
        explorer.embed(spec())
    monkeypatch.undo()
    assert explorer.embed(spec()).spec == spec()


def test_broken_studies_are_listed_beside_the_others(explorer, studies):
    (studies / "broken").mkdir()
    (studies / "broken" / "study.json").write_text("{}")
    (studies / "notes").mkdir()
    broken, demo = explorer.list_studies()
    assert (broken.study_id, demo.study_id, demo.n_runs, demo.n_checkpoints) == ("broken", "demo", 4, 24)
    assert broken.error
    assert not demo.error
    shutil.rmtree(studies / "demo")
    with pytest.raises(StudyNotFoundError):
        explorer.study("demo")


def test_a_folder_without_studies_is_no_error(tmp_path):
    explorer = Explorer(tmp_path / "nowhere", cache=tmp_path / "cache")
    assert explorer.list_studies() == ()
    explorer.close()


def test_prediction_falls_once_the_distances_are_known(explorer):
    before = explorer.plan(spec()).seconds
    explorer.embed(spec(n_components=2))
    assert 0.0 < explorer.plan(spec(n_components=3)).seconds < before
    assert explorer.plan(spec(n_components=2)).seconds == 0.0
    with pytest.raises(SelectionError):
        explorer.plan(spec(["nowhere"]))


def test_progress_comes_from_the_cache_after_a_restart(open_explorer, monkeypatch):
    first = open_explorer()
    scene = first.embed(spec())
    first.close()

    def refuse(self, *arguments, **options):
        raise AssertionError("no prediction need be read")

    monkeypatch.setattr("engine.store.study.Study.predictions", refuse)
    again = open_explorer().embed(spec(n_components=4))
    np.testing.assert_array_equal(again.models["progress"], scene.models["progress"])


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps", "gpu", "cuda:x", ""])
def test_an_absent_device_is_refused_listing_present_ones(studies, tmp_path, device):
    import torch

    if {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}.get(device):
        pytest.skip(f"this machine has {device}")
    with pytest.raises(DeviceError, match="cpu"):
        Explorer(studies, device=device, cache=tmp_path / "cache")


def test_the_device_is_named_for_people(explorer, studies, tmp_path):
    assert re.fullmatch(r"CPU \(\d+ threads?\)", explorer.device)
    best = Explorer(studies, cache=tmp_path / "cache")
    assert best.embed(spec()).device == best.device
    assert re.match(r"CPU \(|CUDA ", best.device)
    best.close()


def test_an_explorer_opens_without_waiting_for_torch(studies, tmp_path):
    code = (
        f"import json, sys; from {Explorer.__module__} import Explorer\n"
        f"explorer = Explorer({str(studies)!r}, device='cpu', cache={str(tmp_path / 'cache')!r})\n"
        "explorer.device, explorer.list_studies(), explorer.study('demo')\n"
        "heavy = {'torch', 'numba', 'scipy', 'dash', 'plotly', 'flask'}\n"
        "print(json.dumps(sorted(heavy & sys.modules.keys())))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(result.stdout) == []


def test_warming_up_leaves_the_worker_ready_without_blocking(explorer):
    explorer.warm_up()
    assert explorer.embed(spec()).embedding.n_models == 24
    assert explorer.status("warm-up").state == "done"


def test_a_closed_explorer_says_so(open_explorer):
    explorer = open_explorer()
    explorer.close()
    with pytest.raises(JobCancelled, match="closed"):
        explorer.embed(spec())


def test_scenes_are_frozen(explorer):
    scene = explorer.embed(spec())
    with pytest.raises(ValueError, match="read-only"):
        scene.embedding.coordinates[0, 0] = 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        scene.key = "another"
