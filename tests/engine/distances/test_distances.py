"""Laws of the distance store, with processes killed and files damaged."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import numpy as np
import pytest

import engine
from engine.distances.distance_store import DistanceStore
from engine.distances.selection import Selection
from engine.distances.tiles import blocks, panels
from engine.distances.tiles import reader as tile_reader
from engine.trajectories.geodesics import POSITIONS, on_geodesic
from tests import families
from tests.stub_study import N_CLASSES, N_SAMPLES, StubStudy, only, select

PATIENCE = 60.0


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


def test_matrix_is_that_of_all_pairs(store, study):
    result = store.matrix(select(study))
    assert result.values == pytest.approx(study.expected(), abs=1e-7)
    assert np.array_equal(result.values, result.values.T)
    assert not np.diagonal(result.values).any()


def test_matrix_does_not_depend_on_the_blocks(store, study, small_blocks):
    assert store.matrix(select(study)).values == pytest.approx(study.expected(), abs=1e-7)


def test_nothing_is_computed_twice(store, study, tmp_path):
    store.matrix(select(study))
    reads = study.reads
    store.matrix(select(study, study.run_ids[1:3]))
    DistanceStore(tmp_path, device="cpu").matrix(select(study))
    assert study.reads == reads


def test_prepared_models_keep_to_the_budget(tmp_path, study, small_blocks, monkeypatch):
    """With little memory, models are prepared again for every row of blocks, and the distances are as right."""
    monkeypatch.setattr(blocks, "PREPARED_BYTES", 2**29)
    really, prepared = panels.RunModels.prepare, []
    monkeypatch.setattr(
        panels.RunModels, "prepare", lambda models, group: prepared.append(group) or really(models, group)
    )
    for memory, is_enough in ((2**28, True), (2**14, False)):
        prepared.clear()
        store = DistanceStore(tmp_path / str(memory), device="cpu", memory=memory)
        assert store.matrix(select(study)).values == pytest.approx(study.expected(), abs=1e-7)
        assert (len(prepared) == len(set(prepared))) is is_enough


def pairs_of(planned):
    """The pairs of names that blocks cover, one of each two."""
    covered = []
    for row, column in planned:
        for place, a in enumerate(row):
            covered += [frozenset((a.name, b.name)) for b in (row[: place + 1] if column is None else column)]
    return covered


@pytest.mark.parametrize("lengths", [(40,) * 60, (40, 7, 300, 512, 600, 1, 1) * 4])
@pytest.mark.parametrize("n_new", [0, 1, 5])
def test_blocks_cover_missing_tiles_once_widening_short_ones(lengths, n_new):
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
    store.matrix(select(study))
    for run_ids in (["run2", "run0"], ["run3", "run1", "run0", "run2"], ["run1"]):
        assert store.matrix(select(study, run_ids)).values == pytest.approx(study.expected(run_ids), abs=1e-7)


def test_selections_that_grow_and_overlap_stay_right(store, study, small_blocks):
    for run_ids in (["run2", "run0"], ["run1", "run3"], ["run3", "run0", "run1", "run2"]):
        assert store.matrix(select(study, run_ids)).values == pytest.approx(study.expected(run_ids), abs=1e-7)


def test_missing_counts_the_absent_pairs_of_models(store, study):
    counts = {run_id: len(study.models[run_id]) for run_id in study.run_ids}
    first, total = counts["run0"] + counts["run1"], sum(counts.values())
    assert store.missing(select(study)) == sum(
        counts[a] * counts[b] for i, a in enumerate(counts) for b in list(counts)[: i + 1]
    )
    store.matrix(select(study, ["run0", "run1"]))
    assert store.missing(select(study, ["run1", "run0"])) == 0
    assert store.missing(select(study)) == (counts["run2"] * (first + counts["run2"]) + counts["run3"] * total)
    assert study.reads == 2


def test_a_grown_run_invalidates_only_its_own_tiles(store, study):
    store.matrix(select(study))
    study.models["run1"] = families.training_family(1, 9, seed=77)[0]
    counts = {run_id: len(study.models[run_id]) for run_id in study.run_ids}
    assert store.missing(select(study)) == 9 * sum(counts.values())
    assert store.matrix(select(study)).values == pytest.approx(study.expected(), abs=1e-7)


def test_studies_do_not_share_tiles(store, study):
    store.matrix(select(study))
    other = StubStudy(study_id="another")
    assert store.missing(select(other, other.run_ids)) > 0


def test_capped_overlaps_are_counted_once_whatever_the_blocks(store, study, small_blocks):
    random = np.random.default_rng(0)
    for run_id in study.run_ids:
        logits = 400.0 * random.standard_normal((5, N_SAMPLES, N_CLASSES))
        study.models[run_id] = families.normalised(logits).astype(np.float32)
    whole = engine.pairwise_distances(np.concatenate(list(study.models.values())))
    assert whole.n_capped > 100
    assert store.matrix(select(study)).n_capped == whole.n_capped
    assert store.matrix(select(study)).n_capped == whole.n_capped


def test_references_are_distances_to_the_geodesic(store, study, small_blocks):
    to_models = store.references(select(study), on_geodesic(study, "train"))
    points = engine.geodesic(study.splits["train"].labels, N_CLASSES, POSITIONS)
    models = np.concatenate(list(study.models.values()))
    assert to_models.values == pytest.approx(engine.pairwise_distances(points, models).values, abs=1e-6)
    reads = study.reads
    again = store.references(select(study, study.run_ids[::-1][:2]), on_geodesic(study, "train"))
    assert study.reads == reads
    last = np.concatenate([study.models["run3"], study.models["run2"]])
    assert again.values == pytest.approx(engine.pairwise_distances(points, last).values, abs=1e-6)


def test_stored_truth_is_half_the_cross_entropy_away(store, study):
    labels = study.splits["train"].labels
    to_models = store.references(select(study, ["run0"]), on_geodesic(study, "train", [1.0]))
    cross_entropy = -study.models["run0"][:, np.arange(N_SAMPLES), labels].astype(np.float64).mean(axis=1)
    assert to_models.values[0] == pytest.approx(0.5 * cross_entropy, rel=1e-6)


def test_progress_is_reported_and_finished_blocks_outlive_cancelling(store, study, small_blocks):
    seen: list[float] = []
    with pytest.raises(engine.JobCancelled):
        store.matrix(select(study), progress=seen.append, cancelled=lambda: len(seen) == 3)
    everything = DistanceStore(store._folder / "fresh").missing(select(study))
    assert 0 < store.missing(select(study)) < everything
    rest: list[float] = []
    result = store.matrix(select(study), progress=rest.append)
    assert rest[-1] == 1.0
    assert rest == sorted(rest)
    assert result.values == pytest.approx(study.expected(), abs=1e-7)


def test_a_flipped_byte_is_found_said_and_recomputed(study, tmp_path, caplog):
    DistanceStore(tmp_path, device="cpu").matrix(select(study))
    data = only(tmp_path, "tiles.f32")
    raw = bytearray(data.read_bytes())
    raw[len(raw) // 2] ^= 0x10
    data.write_bytes(raw)
    result = DistanceStore(tmp_path, device="cpu").matrix(select(study))
    assert result.values == pytest.approx(study.expected(), abs=1e-7)
    assert "1 of 10 tiles" in caplog.text
    caplog.clear()
    DistanceStore(tmp_path, device="cpu").matrix(select(study))
    assert not caplog.text


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_shortened_data_file_is_found_and_recomputed(study, tmp_path, share, caplog):
    for store in (first := DistanceStore(tmp_path, device="cpu"), first, DistanceStore(tmp_path, device="cpu")):
        store.matrix(select(study))
        data = only(tmp_path, "tiles.f32")
        os.truncate(data, int(share * data.stat().st_size))
        assert store.matrix(select(study)).values == pytest.approx(study.expected(), abs=1e-7)
    assert "cut short" in caplog.text


@pytest.mark.parametrize("cut", range(1, 40, 6))
def test_a_torn_index_line_says_nothing(study, tmp_path, cut):
    DistanceStore(tmp_path, device="cpu").matrix(select(study, study.run_ids[:2]))
    index = only(tmp_path, "index.jsonl")
    os.truncate(index, index.stat().st_size - cut)
    store = DistanceStore(tmp_path, device="cpu")
    assert store.missing(select(study, study.run_ids[:2])) > 0
    for reader in (store, store, DistanceStore(tmp_path, device="cpu")):
        assert reader.matrix(select(study)).values == pytest.approx(study.expected(), abs=1e-7)


def test_a_damaged_index_line_never_mixes_up_tiles(study, tmp_path):
    DistanceStore(tmp_path, device="cpu").matrix(select(study))
    index = only(tmp_path, "index.jsonl")
    whole = index.read_bytes()
    for position in range(12, len(whole), 37):
        index.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        store = DistanceStore(tmp_path, device="cpu")
        assert store.matrix(select(study)).values == pytest.approx(study.expected(), abs=1e-7)


def test_deleting_the_folder_only_costs_time(study, tmp_path):
    store = DistanceStore(tmp_path, device="cpu")
    for name in ("tiles.f32", "index.jsonl"):
        store.matrix(select(study))
        only(tmp_path, name).unlink()
        assert store.matrix(select(study)).values == pytest.approx(study.expected(), abs=1e-7)


def test_a_folder_that_cannot_be_written_is_named(study, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(engine.CacheError, match="file"):
        DistanceStore(tmp_path / "file", device="cpu").matrix(select(study))


def _compute(folder, progress=None):
    study = StubStudy((12,) * 8)
    DistanceStore(folder, device="cpu").matrix(select(study), progress=progress)


def _compute_slowly(folder):
    _compute(folder, lambda _: time.sleep(0.01))


def _compute_half(folder, is_halfway):
    def progress(share):
        if share > 0.5:
            is_halfway.set()
            time.sleep(PATIENCE)

    _compute(folder, progress)


def test_distances_survive_a_killed_process_for_another(tmp_path, small_blocks):
    study = StubStudy((12,) * 8)
    context = multiprocessing.get_context("fork")
    mine = DistanceStore(tmp_path, device="cpu")
    before = mine.missing(select(study))
    is_halfway = context.Event()
    process = context.Process(target=_compute_half, args=(tmp_path, is_halfway))
    process.start()
    assert is_halfway.wait(PATIENCE)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert 0 < mine.missing(select(study)) <= 0.7 * before
    assert mine.matrix(select(study)).values == pytest.approx(study.expected(), abs=1e-7)


def test_two_processes_at_once_agree(tmp_path, small_blocks):
    study = StubStudy((12,) * 8)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_compute_slowly, args=(tmp_path,)) for _ in range(2)]
    for process in processes:
        process.start()
    mine = DistanceStore(tmp_path, device="cpu").matrix(select(study))
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
        result = store.matrix(Selection.of(study, split, ["c", "a"]))
        assert result.values == pytest.approx(expected.values, abs=1e-6)
        assert store.references(Selection.of(study, split, ["b"]), on_geodesic(study, split)).values.shape == (51, 3)
    record_run(tmp_path / "study", "d", 2)
    grown = engine.open_study(tmp_path / "study")
    assert store.missing(select(grown, ["c", "a", "d"])) == 2 * (5 + 4 + 2)


def test_unknown_splits_runs_and_divergences_are_refused(store, study):
    with pytest.raises(engine.InvalidSpecError, match="no split"):
        store.matrix(select(study, split="validation"))
    with pytest.raises(engine.SelectionError, match="at least one run"):
        store.matrix(select(study, []))
    with pytest.raises(engine.SelectionError, match="absent"):
        store.matrix(select(study, ["absent"]))
    with pytest.raises(engine.InvalidSpecError, match="divergence must be one of"):
        store.matrix(select(study), divergence="../../etc")
    study.splits["train"].labels = None
    with pytest.raises(engine.InvalidSpecError, match="no labels"):
        store.references(select(study), on_geodesic(study, "train"))
