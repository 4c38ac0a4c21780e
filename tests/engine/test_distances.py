"""Laws of the distances on disk: computed once, whatever dies, whoever asks."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import engine
from engine import blocks, tile_reader
from engine.distances import REFERENCE_POSITIONS, DistanceStore
from tests import families

N_SAMPLES, N_CLASSES = 30, 10


class StubStudy:
    """Runs in memory that follow the same contract as a study on disk, and count how often they are read."""

    def __init__(self, lengths=(5, 7, 4, 6), study_id="stub"):
        self.study_id, self.n_classes = study_id, N_CLASSES
        self.models = {f"run{i}": families.training_family(1, n, seed=10 * i)[0] for i, n in enumerate(lengths)}
        labels = families.training_family(1, 2)[1]
        self.splits = {"train": SimpleNamespace(labels=labels, n_samples=N_SAMPLES)}
        self.reads = 0

    @property
    def run_ids(self):
        return list(self.models)

    def content_ids(self, run_id, split):
        if run_id not in self.models:
            raise engine.SelectionError(f"no run {run_id!r}")
        return tuple(hashlib.sha256(model.tobytes()).hexdigest() for model in self.models[run_id])

    def predictions(self, split, run_ids):
        self.reads += len(run_ids)
        return SimpleNamespace(log_probabilities=np.concatenate([self.models[run_id] for run_id in run_ids]))

    def log_probabilities(self, split, run_id, checkpoints=None):
        self.reads += checkpoints is None
        return self.models[run_id] if checkpoints is None else self.models[run_id][checkpoints]

    def expected(self, run_ids=None):
        models = np.concatenate([self.models[run_id] for run_id in run_ids or self.run_ids])
        return engine.pairwise_distances(models).values.astype(np.float32)


@pytest.fixture
def study():
    return StubStudy()


@pytest.fixture
def store(tmp_path):
    return DistanceStore(tmp_path, device="cpu")


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_MODELS", 8)
    monkeypatch.setattr(blocks, "SMALL_GROUP_MODELS", 0)
    monkeypatch.setattr(tile_reader, "READ_BYTES", 200)
    monkeypatch.setattr(blocks, "PREPARED_BYTES", 30_000)


def only(folder: Path, name: str) -> Path:
    (path,) = folder.rglob(name)
    return path


def test_matrix_is_that_of_all_pairs(store, study):
    result = store.matrix(study, "train", study.run_ids)
    assert result.values == pytest.approx(study.expected(), abs=1e-7)
    assert np.array_equal(result.values, result.values.T)
    assert not np.diagonal(result.values).any()


def test_matrix_does_not_depend_on_the_blocks(store, study, small_blocks):
    assert store.matrix(study, "train", study.run_ids).values == pytest.approx(study.expected(), abs=1e-7)


def test_nothing_is_computed_twice(store, study, tmp_path):
    store.matrix(study, "train", study.run_ids)
    reads = study.reads
    store.matrix(study, "train", study.run_ids[1:3])
    DistanceStore(tmp_path, device="cpu").matrix(study, "train", study.run_ids)
    assert study.reads == reads


def pairs_of(planned):
    """The pairs of names that blocks cover, one of each two."""
    covered = []
    for row, column in planned:
        for place, a in enumerate(row):
            covered += [frozenset((a.name, b.name)) for b in (row[: place + 1] if column is None else column)]
    return covered


@pytest.mark.parametrize("lengths", [(40,) * 60, (40, 7, 300, 512, 600, 1, 1) * 4])
@pytest.mark.parametrize("n_new", [0, 1, 5])
def test_blocks_cover_what_is_missing_once_and_are_wide_where_they_are_short(lengths, n_new):
    sources = [blocks.Source(f"run{i}", n, lambda _: None) for i, n in enumerate(lengths)]
    new = np.arange(len(lengths)) >= len(lengths) - n_new if n_new else np.ones(len(lengths), dtype=bool)
    absent = new[:, None] | new
    planned = blocks.plan_blocks(sources, None, absent, 1000)
    covered = pairs_of(planned)
    assert len(covered) == len(set(covered))
    wanted = {frozenset((f"run{i}", f"run{j}")) for i, j in np.argwhere(absent)}
    assert wanted <= set(covered)
    sizes = [[sum(s.n_models for s in side) for side in (row, column or row)] for row, column in planned]
    largest = max(blocks.BLOCK_MODELS, *lengths)
    assert all(rows <= largest and rows * columns <= largest**2 for rows, columns in sizes)
    if n_new == 1 and lengths[-1] == 40:
        assert len(planned) == 2
        narrow = blocks.plan_blocks(sources, None, absent, blocks.WIDE_BYTES)
        assert max(sum(s.n_models for s in column or row) for row, column in narrow) <= blocks.BLOCK_MODELS


def test_selections_in_any_order_are_gathered(store, study, small_blocks):
    store.matrix(study, "train", study.run_ids)
    for run_ids in (["run2", "run0"], ["run3", "run1", "run0", "run2"], ["run1"]):
        assert store.matrix(study, "train", run_ids).values == pytest.approx(study.expected(run_ids), abs=1e-7)


def test_selections_that_grow_and_overlap_stay_right(store, study, small_blocks):
    for run_ids in (["run2", "run0"], ["run1", "run3"], ["run3", "run0", "run1", "run2"]):
        assert store.matrix(study, "train", run_ids).values == pytest.approx(study.expected(run_ids), abs=1e-7)


def test_missing_counts_pairs_of_models_that_are_not_there(store, study):
    counts = {run_id: len(study.models[run_id]) for run_id in study.run_ids}
    first, total = counts["run0"] + counts["run1"], sum(counts.values())
    assert store.missing(study, "train", study.run_ids) == sum(
        counts[a] * counts[b] for i, a in enumerate(counts) for b in list(counts)[: i + 1]
    )
    store.matrix(study, "train", ["run0", "run1"])
    assert store.missing(study, "train", ["run1", "run0"]) == 0
    assert store.missing(study, "train", study.run_ids) == (
        counts["run2"] * (first + counts["run2"]) + counts["run3"] * total
    )
    assert study.reads == 2


def test_a_run_that_grew_invalidates_its_own_tiles_only(store, study):
    store.matrix(study, "train", study.run_ids)
    study.models["run1"] = families.training_family(1, 9, seed=77)[0]
    counts = {run_id: len(study.models[run_id]) for run_id in study.run_ids}
    assert store.missing(study, "train", study.run_ids) == 9 * sum(counts.values())
    assert store.matrix(study, "train", study.run_ids).values == pytest.approx(study.expected(), abs=1e-7)


def test_studies_do_not_share_tiles(store, study):
    store.matrix(study, "train", study.run_ids)
    other = StubStudy(study_id="another")
    assert store.missing(other, "train", other.run_ids) > 0


def test_capped_overlaps_are_counted_once_whatever_the_blocks(store, study, small_blocks):
    random = np.random.default_rng(0)
    for run_id in study.run_ids:
        logits = 400.0 * random.standard_normal((5, N_SAMPLES, N_CLASSES))
        study.models[run_id] = families.normalised(logits).astype(np.float32)
    whole = engine.pairwise_distances(np.concatenate(list(study.models.values())))
    assert whole.n_capped > 100
    assert store.matrix(study, "train", study.run_ids).n_capped == whole.n_capped
    assert store.matrix(study, "train", study.run_ids).n_capped == whole.n_capped


def test_references_are_distances_to_the_geodesic(store, study, small_blocks):
    to_models, among = store.references(study, "train", study.run_ids)
    points = engine.geodesic(study.splits["train"].labels, N_CLASSES, REFERENCE_POSITIONS)
    models = np.concatenate(list(study.models.values()))
    assert to_models.values == pytest.approx(engine.pairwise_distances(points, models).values, abs=1e-6)
    assert among.values == pytest.approx(engine.pairwise_distances(points).values, abs=1e-6)
    reads = study.reads
    again, _ = store.references(study, "train", study.run_ids[::-1][:2])
    assert study.reads == reads
    last = np.concatenate([study.models["run3"], study.models["run2"]])
    assert again.values == pytest.approx(engine.pairwise_distances(points, last).values, abs=1e-6)


def test_truth_is_half_the_cross_entropy_away_on_disk_too(store, study):
    labels = study.splits["train"].labels
    to_models, _ = store.references(study, "train", ["run0"], [1.0])
    cross_entropy = -study.models["run0"][:, np.arange(N_SAMPLES), labels].astype(np.float64).mean(axis=1)
    assert to_models.values[0] == pytest.approx(0.5 * cross_entropy, rel=1e-6)


def test_progress_is_reported_and_finished_blocks_outlive_cancelling(store, study, small_blocks):
    seen: list[float] = []
    with pytest.raises(engine.JobCancelled):
        store.matrix(study, "train", study.run_ids, progress=seen.append, cancelled=lambda: len(seen) == 3)
    everything = DistanceStore(store._folder / "fresh").missing(study, "train", study.run_ids)
    assert 0 < store.missing(study, "train", study.run_ids) < everything
    rest: list[float] = []
    result = store.matrix(study, "train", study.run_ids, progress=rest.append)
    assert rest[-1] == 1.0
    assert rest == sorted(rest)
    assert result.values == pytest.approx(study.expected(), abs=1e-7)


def test_a_flipped_byte_is_found_said_and_recomputed(study, tmp_path, caplog):
    DistanceStore(tmp_path, device="cpu").matrix(study, "train", study.run_ids)
    data = only(tmp_path, "tiles.f32")
    raw = bytearray(data.read_bytes())
    raw[len(raw) // 2] ^= 0x10
    data.write_bytes(raw)
    result = DistanceStore(tmp_path, device="cpu").matrix(study, "train", study.run_ids)
    assert result.values == pytest.approx(study.expected(), abs=1e-7)
    assert "1 of 10 tiles" in caplog.text
    caplog.clear()
    DistanceStore(tmp_path, device="cpu").matrix(study, "train", study.run_ids)
    assert not caplog.text


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_data_file_cut_short_is_found_and_recomputed(study, tmp_path, share, caplog):
    for store in (first := DistanceStore(tmp_path, device="cpu"), first, DistanceStore(tmp_path, device="cpu")):
        store.matrix(study, "train", study.run_ids)
        data = only(tmp_path, "tiles.f32")
        os.truncate(data, int(share * data.stat().st_size))
        assert store.matrix(study, "train", study.run_ids).values == pytest.approx(study.expected(), abs=1e-7)
    assert "cut short" in caplog.text


@pytest.mark.parametrize("cut", range(1, 40, 6))
def test_a_torn_index_line_says_nothing(study, tmp_path, cut):
    DistanceStore(tmp_path, device="cpu").matrix(study, "train", study.run_ids[:2])
    index = only(tmp_path, "index.jsonl")
    os.truncate(index, index.stat().st_size - cut)
    store = DistanceStore(tmp_path, device="cpu")
    assert store.missing(study, "train", study.run_ids[:2]) > 0
    for reader in (store, store, DistanceStore(tmp_path, device="cpu")):
        assert reader.matrix(study, "train", study.run_ids).values == pytest.approx(study.expected(), abs=1e-7)


def test_a_damaged_index_line_never_gives_a_run_the_tiles_of_another(study, tmp_path):
    DistanceStore(tmp_path, device="cpu").matrix(study, "train", study.run_ids)
    index = only(tmp_path, "index.jsonl")
    whole = index.read_bytes()
    for position in range(12, len(whole), 37):
        index.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        store = DistanceStore(tmp_path, device="cpu")
        assert store.matrix(study, "train", study.run_ids).values == pytest.approx(study.expected(), abs=1e-7)


def test_deleting_the_folder_at_any_time_only_costs_time(study, tmp_path):
    store = DistanceStore(tmp_path, device="cpu")
    for name in ("tiles.f32", "index.jsonl"):
        store.matrix(study, "train", study.run_ids)
        only(tmp_path, name).unlink()
        assert store.matrix(study, "train", study.run_ids).values == pytest.approx(study.expected(), abs=1e-7)


def test_a_folder_that_cannot_be_written_is_named(study, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(engine.CacheError, match="file"):
        DistanceStore(tmp_path / "file", device="cpu").matrix(study, "train", study.run_ids)


def _compute_slowly(folder, started):
    started.set()
    DistanceStore(folder, device="cpu").matrix(
        StubStudy((12,) * 8), "train", [f"run{i}" for i in range(8)], progress=lambda _: time.sleep(0.01)
    )


def test_distances_survive_a_killed_process_and_are_picked_up_by_another(tmp_path, small_blocks):
    study = StubStudy((12,) * 8)
    context = multiprocessing.get_context("fork")
    mine = DistanceStore(tmp_path, device="cpu")
    before = mine.missing(study, "train", study.run_ids)
    started = context.Event()
    process = context.Process(target=_compute_slowly, args=(tmp_path, started))
    process.start()
    started.wait(30)
    deadline = time.monotonic() + 30
    while mine.missing(study, "train", study.run_ids) > 0.7 * before and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert 0 < mine.missing(study, "train", study.run_ids) <= 0.7 * before
    assert mine.matrix(study, "train", study.run_ids).values == pytest.approx(study.expected(), abs=1e-7)


def test_two_processes_at_once_agree(tmp_path, small_blocks):
    study = StubStudy((12,) * 8)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_compute_slowly, args=(tmp_path, context.Event())) for _ in range(2)]
    for process in processes:
        process.start()
    mine = DistanceStore(tmp_path, device="cpu").matrix(study, "train", study.run_ids)
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert mine.values == pytest.approx(study.expected(), abs=1e-7)
    n_values = sum(12 * 12 for i in range(8) for _ in range(i + 1))
    assert only(tmp_path, "tiles.f32").stat().st_size == 4 * n_values


def test_a_real_study_is_measured_like_its_predictions(tmp_path):
    from tests.recording import record_run

    for run_id, n_checkpoints in (("a", 4), ("b", 3), ("c", 5)):
        record_run(tmp_path / "study", run_id, n_checkpoints)
    study = engine.open_study(tmp_path / "study")
    store = DistanceStore(tmp_path / "cache", device="cpu")
    for split in ("train", "test"):
        predictions = study.predictions(split, ["c", "a"])
        expected = engine.pairwise_distances(predictions.log_probabilities)
        result = store.matrix(study, split, ["c", "a"])
        assert result.values == pytest.approx(expected.values, abs=1e-6)
        assert store.references(study, split, ["b"])[0].values.shape == (51, 3)
    record_run(tmp_path / "study", "d", 2)
    grown = engine.open_study(tmp_path / "study")
    assert store.missing(grown, "train", ["c", "a", "d"]) == 2 * (5 + 4 + 2)


def test_unknown_splits_runs_and_divergences_are_refused(store, study):
    with pytest.raises(engine.InvalidSpecError, match="split must be one of"):
        store.matrix(study, "validation", study.run_ids)
    with pytest.raises(engine.SelectionError, match="at least one run"):
        store.matrix(study, "train", [])
    with pytest.raises(engine.SelectionError, match="nobody"):
        store.matrix(study, "train", ["nobody"])
    with pytest.raises(engine.InvalidSpecError, match="divergence must be one of"):
        store.matrix(study, "train", study.run_ids, divergence="../../etc")
    study.splits["train"].labels = None
    with pytest.raises(engine.InvalidSpecError, match="no labels"):
        store.references(study, "train", study.run_ids)
