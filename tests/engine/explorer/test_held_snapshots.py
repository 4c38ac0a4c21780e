"""Snapshots that stay readable while their runs continue."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine import (
    EmbeddingSpec,
    Explorer,
    Recorder,
    StaleStudyError,
    Study,
    compare_recipes,
    open_study,
)
from tests import oracles
from tests.recording import record_run, record_step

RUNS = ("b", "c", "d")


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    for index, run_id in enumerate(RUNS):
        record_run(tmp_path / "studies" / "demo", run_id, 3 + index, seal=run_id != "d", lr=0.1 * index)
    return tmp_path / "studies" / "demo"


@pytest.fixture
def explorer(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Explorer]:
    monkeypatch.setattr("engine.explorer.catalogue.CHECK_INTERVAL", 0.0)
    monkeypatch.setattr("engine.explorer.catalogue.CHECK_SHARE", float("inf"))
    explorer = Explorer(demo.parent, device="cpu", cache=tmp_path / "cache")
    yield explorer
    explorer.close()


def go_on(demo: Path) -> None:
    """One run commits two more checkpoints; another one begins, first in the study's order."""
    with Recorder.resume(demo / "runs" / "d") as recorder:
        record_step(recorder, 5)
        record_step(recorder, 6)
    record_run(demo, "a", 4, lr=0.7)


def ask(explorer: Explorer, study: Study, run_ids: tuple[str, ...]) -> str:
    spec = EmbeddingSpec(study_id="demo", split="train", run_ids=run_ids)
    plan = explorer.plan(spec, study)
    assert plan.seconds >= 0
    assert plan.can_preview is False
    assert explorer.preview(plan) is None
    status = explorer.wait(explorer.start(plan).key)
    assert status.state == "done", status.message
    return status.key


@pytest.mark.parametrize("run_ids", [RUNS, ("c", "d")])
def test_a_held_snapshot_is_embedded_as_it_was(explorer: Explorer, demo: Path, run_ids: tuple[str, ...]) -> None:
    former = explorer.study("demo")
    explorer.hold(former)
    held = former.predictions("train", run_ids)
    go_on(demo)
    assert explorer.study("demo").fingerprint != former.fingerprint
    study = explorer.study("demo", former.fingerprint)
    assert list(study.runs.index) == list(RUNS)
    scene = explorer.scene(ask(explorer, study, run_ids))
    assert scene.models["run_id"].tolist() == held.models["run_id"].tolist()
    eigenvalues, _ = oracles.eigenpairs(oracles.bhattacharyya(held.log_probabilities))
    np.testing.assert_allclose(scene.embedding.eigenvalues[:3], eigenvalues[:3], rtol=1e-4, atol=1e-6)
    assert scene.embedding.eigenvalues.min() < 0, "the fixture must have an imaginary axis"
    assert len(explorer.run_distances(scene.key).run_ids) == len(run_ids)


def test_the_present_is_answered_beside_it(explorer: Explorer, demo: Path) -> None:
    former = explorer.study("demo")
    explorer.hold(former)
    then = ask(explorer, former, ("d",))
    go_on(demo)
    now = ask(explorer, explorer.study("demo"), ("d",))
    assert ask(explorer, explorer.study("demo", former.fingerprint), ("d",)) == then != now
    assert (len(explorer.scene(then).models), len(explorer.scene(now).models)) == (5, 7)


def test_the_recipe_of_a_frozen_snapshot_names_growth(explorer: Explorer, demo: Path) -> None:
    former = explorer.study("demo")
    explorer.hold(former)
    before = explorer.recipe(ask(explorer, former, RUNS))
    go_on(demo)
    frozen = explorer.recipe(ask(explorer, explorer.study("demo", former.fingerprint), RUNS))
    assert compare_recipes(before, frozen).is_same
    assert frozen.runs == before.runs
    now = explorer.recipe(ask(explorer, explorer.study("demo"), RUNS))
    assert "With other checkpoints than when the recipe was written: d." in compare_recipes(frozen, now).differences


def test_figures_of_held_snapshots_have_their_checkpoints(explorer: Explorer, demo: Path) -> None:
    former = explorer.study("demo")
    explorer.hold(former)
    go_on(demo)
    study, desk = explorer.study("demo", former.fingerprint), explorer.analyses
    spec = desk.parse("lengths", EmbeddingSpec("demo", "train", RUNS), {}, study)
    assert desk.alternatives(spec, study)
    status = desk.wait(desk.request(spec, study=study).key)
    assert status.state == "done", status.message
    assert desk.finding(status.key)[1].basis.n_checkpoints == 12


def test_an_unheld_snapshot_is_stale(explorer: Explorer, demo: Path) -> None:
    former = explorer.study("demo")
    assert explorer.study("demo", former.fingerprint) is former
    go_on(demo)
    with pytest.raises(StaleStudyError, match="reload"):
        explorer.study("demo", former.fingerprint)
    with pytest.raises(StaleStudyError):
        explorer.study("demo", "")


def _delete(demo: Path) -> None:
    shutil.rmtree(demo / "runs" / "c")


def _record_anew(demo: Path) -> None:
    _delete(demo)
    record_run(demo, "c", 9, lr=0.1)


def _shorten(demo: Path) -> None:
    """Another journal whose beginning is the same: what was committed is committed no more."""
    journal = demo / "runs" / "d" / "journal.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))


@pytest.mark.parametrize("change", [_delete, _record_anew, _shorten])
def test_what_is_not_there_any_more_is_stale(explorer: Explorer, demo: Path, change) -> None:
    former = explorer.study("demo")
    explorer.hold(former)
    change(demo)
    with pytest.raises(StaleStudyError):
        explorer.study("demo", former.fingerprint)


def test_damaged_runs_of_held_snapshots_are_omitted(explorer: Explorer, demo: Path) -> None:
    former = explorer.study("demo")
    explorer.hold(former)
    go_on(demo)
    study = explorer.study("demo", former.fingerprint)
    data = demo / "runs" / "c" / "train.npy"
    content = bytearray(data.read_bytes())
    content[-1] ^= 1
    data.write_bytes(content)
    scene = explorer.scene(ask(explorer, study, RUNS))
    assert scene.models["run_id"].value_counts().to_dict() == {"b": 3, "d": 5}
    assert [problem.run_id for problem in explorer.study("demo").problems] == ["c"]
    with pytest.raises(StaleStudyError):
        explorer.study("demo", former.fingerprint)


def test_what_was_held_longest_ago_goes_first(explorer: Explorer, demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    former = [explorer.study("demo")]
    monkeypatch.setattr(explorer._catalogue._held, "size_limit", 30_000)
    explorer.hold(former[0])
    with Recorder.resume(demo / "runs" / "d") as recorder:
        for step in range(5, 12):
            record_step(recorder, step)
            former.append(explorer.study("demo"))
            explorer.hold(former[-1])
            explorer.hold(explorer.study("demo", former[0].fingerprint))
    assert explorer.study("demo", former[0].fingerprint) is former[0]
    assert explorer.study("demo", former[-1].fingerprint) is former[-1]
    with pytest.raises(StaleStudyError):
        explorer.study("demo", former[1].fingerprint)


def test_only_equal_samples_and_classes_continue_a_study(demo: Path, tmp_path: Path) -> None:
    study = open_study(demo)
    assert study.continues(study)
    assert study.continues(study.first({"d": 2, "b": 1}))
    assert not study.first({"d": 2}).continues(study)
    assert not study.without("c", "gone").continues(study)
    assert study.continues(study.without("c", "gone"))
    other = tmp_path / "other"
    labels = {split: (probe.labels + 1) % study.n_classes for split, probe in study.splits.items()}
    with Recorder(other, hyperparameters={}, labels=labels, run_id="b"):
        pass
    assert not open_study(other).continues(study.first({}).without("c", "").without("d", "").without("b", ""))
