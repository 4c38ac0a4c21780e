"""Shipped studies: bytes, design and results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import engine
from data.sweeps.datasets import PROBES_PER_CLASS
from data.sweeps.design import LEVELS, design_runs
from data.sweeps.schedule import N_CHECKPOINTS

STUDIES = Path(__file__).resolve().parents[2] / "data" / "studies"


@pytest.fixture(scope="module", params=sorted(LEVELS))
def study(request: pytest.FixtureRequest) -> engine.Study:
    return engine.open_study(STUDIES / request.param)


def test_every_byte_is_sound(study: engine.Study) -> None:
    assert engine.verify_study(study.path) == ()


def test_the_studies_fit_the_checkout() -> None:
    assert sum(file.stat().st_size for file in STUDIES.rglob("*") if file.is_file()) < 57e6


def test_the_runs_are_those_of_the_design(study: engine.Study) -> None:
    designs = {run.run_id: run for run in design_runs(LEVELS[study.study_id])}
    assert study.problems == ()
    assert set(study.runs.index) == set(designs)
    assert set(study.runs["status"]) == {"finished"}
    assert set(study.runs["n_checkpoints"]) == {N_CHECKPOINTS}
    for name in ("architecture", "size", "optimizer", "learning_rate", "batch_size", "weight_decay", "seed"):
        assert study.runs[name].tolist() == [getattr(designs[run_id], name) for run_id in study.runs.index]


def test_probe_sets_hold_forty_of_each_class(study: engine.Study) -> None:
    for split in ("train", "test"):
        assert np.bincount(study.splits[split].labels).tolist() == [PROBES_PER_CLASS] * study.n_classes


def test_runs_begin_ignorant_and_learn(study: engine.Study) -> None:
    checkpoints = study.checkpoints
    begin = checkpoints[checkpoints["checkpoint"] == 0]
    assert begin["test_error"].min() > 0.75
    assert begin["test_loss"].max() < 2.9
    assert (study.runs["train_loss"].to_numpy() < begin["train_loss"].to_numpy() - 0.5).all()


def test_seeds_differ_less_than_architectures(study: engine.Study) -> None:
    predictions = study.predictions("test")
    ends = predictions.log_probabilities[predictions.models["checkpoint"] == N_CHECKPOINTS - 1]
    distances = engine.pairwise_distances(ends).values
    runs = study.runs
    configurations = np.array([run_id.rsplit("-s", 1)[0] for run_id in runs.index])
    architectures = runs["architecture"].to_numpy()
    same_configuration = configurations[:, None] == configurations[None, :]
    between_seeds = distances[same_configuration & ~np.eye(len(runs), dtype=bool)]
    between_architectures = distances[architectures[:, None] != architectures[None, :]]
    assert between_architectures.mean() > 2 * between_seeds.mean()
