"""Concurrent processes on one study or cache, some of them killed."""

from __future__ import annotations

import ctypes
import errno
import multiprocessing
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import Explorer, Recorder, RunError, RunLockedError, open_study, verify_study
from engine.cache.blobs import BlobCache
from engine.cache.leases import lease
from engine.distances.distance_store import DistanceStore
from engine.distances.selection import Selection
from engine.distances.tiles import blocks
from engine.errors import JobCancelled
from engine.values import EmbeddingSpec
from tests.recording import LABELS, record_forever, record_run, record_step
from tests.scale import amount
from tests.small_study import record_small_study
from tests.sound import assert_sound, expected
from tests.waiting import PATIENCE, wait_for


@pytest.fixture(scope="module")
def context() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.recording", "engine.explorer.explorer", "engine.distances.distance_store"])
    return context


def _follow(study: str, acknowledged: Any, seconds: float, answers: Any) -> None:
    """Body of a reader: every look shows a rising number of right records, at least those acknowledged before."""
    seen, n_looks, latest, until = 0, 0, 0.0, time.monotonic() + seconds
    try:
        while time.monotonic() < until or n_looks < 3:
            told, began = acknowledged.value, time.monotonic()
            if told < 1:
                time.sleep(0.001)
                continue
            snapshot = open_study(study)
            assert snapshot.problems == (), snapshot.problems
            count = int(snapshot.runs.loc["run", "n_checkpoints"])
            assert count >= max(told, seen), (count, told, seen)
            assert snapshot.checkpoints["step"].tolist() == list(range(count))
            for step in {count - 1, count // 2, 0}:
                stored = snapshot.log_probabilities("train", "run", [step])[0]
                np.testing.assert_allclose(stored, expected("run", step, "train"), atol=0.02)
            seen, n_looks, latest = count, n_looks + 1, max(latest, time.monotonic() - began)
        answers.put(("", n_looks, latest))
    except BaseException as error:
        answers.put((f"{type(error).__name__}: {error}", n_looks, latest))


@pytest.mark.full
def test_four_readers_follow_a_writer_at_full_speed(tmp_path: Path, context: Any) -> None:
    study = tmp_path / "study"
    acknowledged, answers = context.Value("q", -1, lock=False), context.Queue()
    pause = amount(0.002, 0.02)
    writer = context.Process(target=record_forever, args=(str(study), "run", acknowledged, pause))
    writer.start()
    try:
        wait_for(lambda: acknowledged.value >= 1)
        seconds = amount(1.0, 300.0)
        readers = [context.Process(target=_follow, args=(str(study), acknowledged, seconds, answers)) for _ in range(4)]
        for reader in readers:
            reader.start()
        results = [answers.get(timeout=PATIENCE + seconds) for _ in readers]
    finally:
        writer.kill()
        writer.join()
    assert [error for error, _, _ in results] == [""] * 4
    # What was acknowledged before a look is in it: the lag is the length of a look.
    assert max(latest for _, _, latest in results) < PATIENCE


def _write_until(study: str, run_id: str, stop: Any, answers: Any) -> None:
    try:
        with Recorder(study, hyperparameters={"name": run_id}, labels=LABELS, run_id=run_id) as recorder:
            step = 0
            while not stop.is_set() or step < 3:
                record_step(recorder, step)
                step += 1
                time.sleep(0.002)
        answers.put((run_id, step))
    except BaseException as error:
        answers.put((f"{type(error).__name__}: {error}", 0))


@pytest.mark.full
def test_eight_writers_share_a_study_being_scanned(tmp_path: Path, context: Any) -> None:
    study, answers, stop = tmp_path / "study", context.Queue(), context.Event()
    writers = [context.Process(target=_write_until, args=(str(study), f"run-{n}", stop, answers)) for n in range(8)]
    for writer in writers:
        writer.start()
    wait_for(lambda: (study / "study.json").exists())
    n_scans, seen, until = 0, {}, time.monotonic() + amount(1.0, 10.0)
    while time.monotonic() < until or len(seen) < 8:
        snapshot = open_study(study)
        assert snapshot.problems == ()
        counts = snapshot.runs["n_checkpoints"].to_dict()
        assert all(counts[run_id] >= count for run_id, count in seen.items())
        seen, n_scans = counts, n_scans + 1
    stop.set()
    results = dict(answers.get(timeout=PATIENCE) for _ in writers)
    for writer in writers:
        writer.join()
    assert sorted(results) == [f"run-{n}" for n in range(8)]
    assert open_study(study).runs["n_checkpoints"].to_dict() == results
    assert n_scans > 0
    for run_id, count in results.items():
        assert_sound(study, run_id, count, count, verify=False)
    assert verify_study(study) == ()


def _second_writer(study: str, n_tries: int, answers: Any) -> None:
    refused = 0
    for _ in range(n_tries):
        try:
            Recorder.resume(Path(study) / "runs" / "run")
        except RunLockedError:
            refused += 1
    answers.put(refused)


@pytest.mark.full
def test_a_second_writer_is_refused_a_hundred_times(tmp_path: Path, context: Any) -> None:
    study, answers = tmp_path / "study", context.Queue()
    with Recorder(study, hyperparameters={}, labels=LABELS, run_id="run") as recorder:
        other = context.Process(target=_second_writer, args=(str(study), 100, answers))
        other.start()
        step = 0
        while other.is_alive() or step < 20:
            record_step(recorder, step)
            step += 1
            time.sleep(0.001)
        assert answers.get(timeout=PATIENCE) == 100
    assert_sound(study, "run", step, step)


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """File system of one megabyte (64 at night): mounted if permitted, else simulated by failing writes."""
    place, megabytes = tmp_path / "disk", amount(1, 64)
    place.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", str(place).encode(), b"tmpfs", 0, f"size={megabytes}m".encode()) == 0:
        yield place
        subprocess.run(["umount", "--lazy", str(place)], check=True)
        return
    real, is_full = os.pwrite, False

    def pwrite(descriptor: int, data: Any, offset: int) -> int:
        nonlocal is_full
        is_full = is_full or offset + len(data) > megabytes * 2**20
        if is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    yield place


def test_a_full_disk_is_named_and_loses_nothing(small_disk: Path) -> None:
    labels = {"train": np.arange(2000) % 10}
    rng = np.random.default_rng(0)
    recorder = Recorder(small_disk / "study", hyperparameters={}, labels=labels, run_id="run")
    step = 0
    with pytest.raises(RunError, match=os.strerror(errno.ENOSPC)) as caught:
        while step < 10_000:
            recorder.record(step=step, train=rng.normal(size=(2000, 10)))
            step += 1
    assert f"{step} checkpoints are safe" in str(caught.value)
    for _ in range(3):
        with pytest.raises(RunError, match="make room"):
            recorder.record(step=step, train=rng.normal(size=(2000, 10)))
    study = open_study(small_disk / "study")
    assert (study.problems, int(study.runs.loc["run", "n_checkpoints"])) == ((), step)
    assert np.isfinite(study.predictions("train").log_probabilities).all()
    assert [finding for finding in verify_study(small_disk / "study") if finding.is_error] == []
    recorder._writer.close()


N_RUNS_OF_A_JOB, N_CHECKPOINTS_OF_A_JOB = 12, 40


def _compute_distances(studies: str, folder: str, stops_halfway: bool) -> None:
    def progress(share: float) -> None:
        if stops_halfway and share > 0.5:
            time.sleep(PATIENCE)

    # Small blocks, so that there is something between none and all of the tiles.
    blocks.BLOCK_MODELS = N_CHECKPOINTS_OF_A_JOB
    study = open_study(studies)
    DistanceStore(folder, "cpu").matrix(Selection.of(study, "train", list(study.runs.index)), progress=progress)


def n_lines_of(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


@pytest.mark.full
def test_a_killed_computation_resumes_from_its_tiles_bitwise(
    tmp_path: Path, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    for n in range(N_RUNS_OF_A_JOB):
        record_run(folder, f"run-{n}", N_CHECKPOINTS_OF_A_JOB)
    study = open_study(folder)
    runs = list(study.runs.index)
    monkeypatch.setattr(blocks, "BLOCK_MODELS", N_CHECKPOINTS_OF_A_JOB)
    undisturbed = DistanceStore(tmp_path / "undisturbed", "cpu").matrix(Selection.of(study, "train", runs)).values
    rng, kept = random.Random(0), tmp_path / "kept"
    whole = next((tmp_path / "undisturbed").rglob("index.jsonl"))
    n_lines, index = n_lines_of(whole), kept / whole.relative_to(tmp_path / "undisturbed")
    n_partial = 0
    for kill in range(amount(3, 50)):
        # One that is faster than its killer proves nothing; every fifth waits halfway and is killed for certain.
        arguments = (str(folder), str(kept), kill % 5 == 0)
        process = context.Process(target=_compute_distances, args=arguments)
        process.start()
        # Once so much is there, and a moment later: in the middle of the next block.
        target = rng.randrange(1, n_lines // 2 if kill % 5 == 0 else n_lines)
        wait_for(lambda: n_lines_of(index) >= target or not process.is_alive())  # noqa: B023
        time.sleep(rng.uniform(0, 0.003))
        process.kill()
        process.join()
        missing = DistanceStore(kept, "cpu").missing(Selection.of(study, "train", runs))
        n_partial += missing > 0
        again = DistanceStore(kept, "cpu").matrix(Selection.of(study, "train", runs)).values
        assert np.array_equal(again, undisturbed)
        for path in kept.rglob("*"):
            if path.is_file():
                path.unlink()
    assert n_partial >= amount(1, 10), n_partial


def _ask(studies: str, cache: str, gate: Any, answers: Any) -> None:
    explorer = Explorer(studies, device="cpu", cache=cache)
    builds = 0
    builder = explorer._scene_builder()
    real = builder.build

    def build(*arguments: Any) -> Any:
        nonlocal builds
        builds += 1
        return real(*arguments)

    builder.build = build  # type: ignore[method-assign]
    study = explorer.study("small")
    gate.wait(PATIENCE)
    scene = explorer.embed(EmbeddingSpec("small", "train", tuple(study.runs.index)))
    answers.put((builds, scene.embedding.coordinates.tobytes()))
    explorer.close()


@pytest.mark.full
def test_servers_on_one_cache_compute_a_scene_once(tmp_path: Path, context: Any) -> None:
    n_servers = amount(4, 20)
    record_small_study(tmp_path / "studies" / "small")
    gate, answers = context.Barrier(n_servers), context.Queue()
    servers = [
        context.Process(target=_ask, args=(str(tmp_path / "studies"), str(tmp_path / "cache"), gate, answers))
        for _ in range(n_servers)
    ]
    for server in servers:
        server.start()
    results = [answers.get(timeout=PATIENCE) for _ in servers]
    for server in servers:
        server.join(PATIENCE)
    assert sum(builds for builds, _ in results) == 1
    assert len({coordinates for _, coordinates in results}) == 1


def _hold(folder: str, gate: Any) -> None:
    with lease(Path(folder), "key", lambda: None):
        gate.set()
        time.sleep(PATIENCE)


@pytest.mark.full
def test_the_lease_of_a_killed_process_is_free(tmp_path: Path, context: Any) -> None:
    gate = context.Event()
    holder = context.Process(target=_hold, args=(str(tmp_path), gate))
    holder.start()
    assert gate.wait(PATIENCE)

    def give_up() -> None:
        raise JobCancelled("no longer wanted")

    with pytest.raises(JobCancelled), lease(tmp_path, "key", give_up):
        raise AssertionError("two hold it")
    holder.kill()
    holder.join()
    with lease(tmp_path, "key", give_up):
        pass


def test_without_a_folder_a_lease_is_free(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with BlobCache(tmp_path / "file").lease("key", lambda: pytest.fail("waited")):
        pass
