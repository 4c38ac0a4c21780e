"""Sweeps of the shipped studies: design, probe sets, repeatable runs."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import engine
from data.sweeps.architectures import ARCHITECTURES, SIZES, build_network
from data.sweeps.datasets import DATASETS, FIRST_TEST_SCAN, PROBES_PER_CLASS, Dataset, stratified_subset
from data.sweeps.design import LEVELS, OPTIMIZERS, SEEDS, RunDesign, design_runs
from data.sweeps.schedule import N_CHECKPOINTS, checkpoint_steps
from data.sweeps.sweep import pending_runs, record_run
from data.sweeps.training import seeded_network, train
from tests.scale import full_but

STUDIES = sorted(LEVELS)
TWO_LEVEL_FACTORS = ("size", "rate level", "batch_size", "weight_decay")
QUICK = RunDesign("residual", "small", "adam", 0.002, 16, 0.003, seed=1, n_epochs=2)


@pytest.fixture
def toy() -> Dataset:
    """Toy data set: two blurred bars per class, 8 values, 96 samples."""
    generator = np.random.default_rng(7)
    labels = np.tile(np.arange(10), 10)[:96].astype(np.int64)
    inputs = generator.normal(size=(96, 1, 8)).astype(np.float32)
    inputs[np.arange(96), 0, labels % 8] += 2
    probes = {"train": np.arange(40), "test": np.arange(40, 80)}
    return Dataset(
        name="toy",
        title="Toy bars",
        class_names=tuple("0123456789"),
        inputs=inputs,
        labels=labels,
        probe_inputs={split: inputs[indices] for split, indices in probes.items()},
        probe_labels={split: labels[indices] for split, indices in probes.items()},
    )


@functools.cache
def made(name: str) -> Dataset:
    return DATASETS[name]()


def factors(study: str) -> list[dict[str, object]]:
    """Settings of every run, the learning rate as its level within the optimiser."""
    rows = []
    for run in design_runs(LEVELS[study]):
        rates = LEVELS[study].learning_rates[run.optimizer]
        row = {name: getattr(run, name) for name in ("architecture", "size", "optimizer", "batch_size", "weight_decay")}
        rows.append({**row, "seed": run.seed, "rate level": rates.index(run.learning_rate)})
    return rows


@pytest.mark.parametrize("study", STUDIES)
def test_every_network_meets_every_optimiser_with_both_seeds(study: str) -> None:
    runs = design_runs(LEVELS[study])
    met = Counter((run.architecture, run.size, run.optimizer, run.seed) for run in runs)
    assert set(met) == set(itertools.product(ARCHITECTURES, SIZES, OPTIMIZERS, SEEDS))
    assert set(met.values()) == {1}
    assert len({run.run_id for run in runs}) == len(runs) == 60


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("factor", TWO_LEVEL_FACTORS)
@pytest.mark.parametrize("other", ["architecture", "optimizer"])
def test_two_level_factors_are_balanced_over_the_others(study: str, factor: str, other: str) -> None:
    counts = Counter((row[other], row[factor]) for row in factors(study))
    assert len(counts) == 2 * len({row[other] for row in factors(study)})
    assert len(set(counts.values())) == 1


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("pair", list(itertools.combinations(TWO_LEVEL_FACTORS, 2)))
def test_two_level_factors_are_hardly_correlated(study: str, pair: tuple[str, str]) -> None:
    columns = [[row[name] for row in factors(study)] for name in pair]
    numbers = [np.array([value == max(column) for value in column], float) for column in columns]
    assert abs(np.corrcoef(*numbers)[0, 1]) < 0.07


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("factor", ["rate level", "batch_size", "weight_decay"])
def test_every_network_meets_both_levels_of_every_factor(study: str, factor: str) -> None:
    met = {(row["architecture"], row["size"], row[factor]) for row in factors(study)}
    assert len(met) == len(ARCHITECTURES) * len(SIZES) * 2


@pytest.mark.parametrize("steps_per_epoch", [10, 20, 40, 80])
def test_checkpoints_rise_from_start_to_end_ever_sparser(steps_per_epoch: int) -> None:
    steps = checkpoint_steps(steps_per_epoch, 40)
    assert len(steps) == N_CHECKPOINTS
    assert (*steps[:2], steps[-1]) == (0, 1, 40 * steps_per_epoch)
    assert np.all(np.diff(steps) > 0)
    in_each_epoch, _ = np.histogram(np.array(steps[1:]) / steps_per_epoch, bins=[0, 1.01, 4.01, 13, 40.01])
    assert np.all(np.diff(in_each_epoch / [1, 3, 9, 27]) < 0)


@pytest.mark.parametrize("position_shape", [(8, 8), (40,)])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_networks_give_ten_logits_larger_ones_hold_more(architecture: str, position_shape: tuple[int, ...]) -> None:
    inputs = torch.zeros(3, 1, *position_shape)
    networks = [build_network(architecture, size, position_shape) for size in SIZES]
    assert all(network(inputs).shape == (3, 10) for network in networks)
    small, large = (sum(p.numel() for p in network.parameters()) for network in networks)
    assert large > 2 * small


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_probe_sets_are_stratified_and_never_trained_on(name: str) -> None:
    dataset = made(name)
    trained = {sample.tobytes() for sample in dataset.inputs}
    for split in ("train", "test"):
        assert np.bincount(dataset.probe_labels[split]).tolist() == [PROBES_PER_CLASS] * 10
        probed = [sample.tobytes() in trained for sample in dataset.probe_inputs[split]]
        assert all(probed) if split == "train" else not any(probed)
    assert dataset.inputs.mean() == pytest.approx(0, abs=1e-5)
    assert dataset.inputs.std() == pytest.approx(1, abs=1e-5)


def test_the_digits_test_split_begins_with_a_form() -> None:
    labels = load_digits().target
    beginning = labels[:64]
    assert (labels[FIRST_TEST_SCAN : FIRST_TEST_SCAN + 64] == beginning).all()


@pytest.mark.parametrize("name", full_but(["digits"], sorted(DATASETS)))
def test_data_sets_are_the_same_every_time(name: str) -> None:
    first, second = made(name), DATASETS[name]()
    assert np.array_equal(first.inputs, second.inputs)
    assert all(np.array_equal(first.probe_inputs[split], second.probe_inputs[split]) for split in ("train", "test"))


def test_too_small_a_class_is_named() -> None:
    with pytest.raises(ValueError, match="Class 1 has 2 samples, 3"):
        stratified_subset(np.array([0, 0, 0, 1, 1]), 3, seed=0)


@pytest.mark.parametrize("architecture", full_but(["fully connected"], ARCHITECTURES))
def test_a_run_is_reproduced_bit_for_bit(architecture: str, toy: Dataset, tmp_path: Path) -> None:
    design = RunDesign(architecture, "small", "sgd-nesterov", 0.01, 16, 0.003, seed=1, n_epochs=2)
    for study in ("first", "second"):
        record_run(design, toy, tmp_path / study)
        torch.manual_seed(99)
    for split in ("train", "test"):
        files = [(tmp_path / study / "runs" / design.run_id / f"{split}.npy") for study in ("first", "second")]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_recording_does_not_change_training(toy: Dataset, tmp_path: Path) -> None:
    record_run(QUICK, toy, tmp_path / "study")
    network = seeded_network(QUICK, toy)
    for _ in train(QUICK, toy, network):
        pass
    recorded = engine.open_study(tmp_path / "study").predictions("test").log_probabilities[-1]
    assert np.allclose(recorded, engine.predict(network, toy.probe_inputs["test"]), rtol=2**-10, atol=1e-3)


def test_seeds_make_different_runs(toy: Dataset) -> None:
    ends = []
    for seed in SEEDS:
        design = RunDesign("fully connected", "small", "sgd", 0.1, 16, 0.0, seed=seed, n_epochs=2)
        network = seeded_network(design, toy)
        for _ in train(design, toy, network):
            pass
        ends.append(engine.predict(network, toy.probe_inputs["test"]))
    assert np.abs(ends[0] - ends[1]).max() > 0.1


@pytest.mark.full
def test_broken_runs_are_completed_bitwise_finished_ones_skipped(
    toy: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    record_run(QUICK, toy, whole)
    assert pending_runs([QUICK], whole) == []
    assert pending_runs([QUICK], tmp_path / "nowhere") == [QUICK]

    recorded = engine.Recorder.record

    def fails_at_the_third_checkpoint(recorder: engine.Recorder, **fields: object) -> None:
        if recorder.n_checkpoints == 3:
            raise KeyboardInterrupt
        recorded(recorder, **fields)

    with monkeypatch.context() as patch:
        patch.setattr(engine.Recorder, "record", fails_at_the_third_checkpoint)
        with pytest.raises(KeyboardInterrupt):
            record_run(QUICK, toy, broken)
    assert engine.open_study(broken).runs["n_checkpoints"].tolist() == [3]
    assert pending_runs([QUICK], broken) == [QUICK]

    record_run(QUICK, toy, broken)
    assert pending_runs([QUICK], broken) == []
    for split in ("train", "test"):
        file = Path("runs") / QUICK.run_id / f"{split}.npy"
        assert (broken / file).read_bytes() == (whole / file).read_bytes()
