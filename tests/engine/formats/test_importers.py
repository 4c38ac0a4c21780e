"""Importer of every foreign format: numbers, repetition, errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from engine import ImportSourceError, InvalidSpecError, MissingPackageError, machine, open_study, verify_study
from engine.__main__ import main
from engine.formats.candidates import Request, run_id_of
from engine.formats.import_plan import Plan, plan_import
from engine.formats.importers import FORMATS
from engine.formats.importing import carry_out
from engine.formats.records import RowSums
from engine.formats.tables import read_run_table
from tests import foreign
from tests.foreign import HYPERPARAMETERS, N_CHECKPOINTS, RUNS
from tests.recording import LABELS, logits, record_run

FLOAT16 = 2e-3
"""Nats; rounding of a log-probability above -4, and what renormalisation makes of the others here."""


def plan_of(source: Path, format_key: str, study: Path, table: Path | None = None, **options: Any) -> Plan:
    names = ("default_split", "numbers", "steps_per_epoch", "n_classes")
    fields = {"default_split": "test", **{name: options.pop(name) for name in names if name in options}}
    fields["options"] = {name: str(options.pop(name)) for name in ("build", "inputs") if name in options}
    request = Request(source, {}, runs=None if table is None else read_run_table(table), **fields)
    return plan_import(request, study, format_key, **{"labels": LABELS, **options})


def assert_holds(study: Path, expected: Mapping[str, Mapping[str, np.ndarray]], tolerance: float) -> None:
    opened = open_study(study)
    assert opened.problems == ()
    assert set(opened.runs.index) == set(expected)
    assert set(opened.runs["status"]) == {"finished"}
    for run, splits in expected.items():
        for split, values in splits.items():
            np.testing.assert_allclose(opened.log_probabilities(split, run), values, atol=tolerance)
    assert verify_study(study) == ()


def known() -> dict[str, dict[str, np.ndarray]]:
    return {run: {split: foreign.log_probabilities(run, split) for split in LABELS} for run in RUNS}


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_whole_runs_keep_exact_numbers_and_steps(tmp_path: Path, suffix: str) -> None:
    source = foreign.write_arrays(tmp_path / "source", suffix)
    plan = plan_of(source, "arrays", tmp_path / "s", foreign.write_table(tmp_path), dtype="float32", thorough=True)
    assert plan.refusals == ()
    assert (plan.n_checkpoints, plan.n_bytes) == (2 * N_CHECKPOINTS, 2 * N_CHECKPOINTS * 13 * 3 * 4)
    assert carry_out(plan).imported == RUNS
    assert_holds(tmp_path / "s", known(), 1e-6)
    opened = open_study(tmp_path / "s")
    assert opened.checkpoints["step"].tolist() == [0, 10, 20, 30] * 2
    for run, settings in HYPERPARAMETERS.items():
        assert opened.run_folders[run].hyperparameters == settings


def test_npz_files_and_path_columns_name_runs(tmp_path: Path) -> None:
    arrays = {f"{run}/{split}": foreign.log_probabilities(run, split) for run in RUNS for split in LABELS}
    np.savez(tmp_path / "all.npz", **arrays)
    carry_out(plan_of(tmp_path / "all.npz", "arrays", tmp_path / "one", dtype="float32"))
    assert_holds(tmp_path / "one", known(), 1e-6)
    foreign.write_arrays(tmp_path / "deep" / "er", ".npz")
    table = tmp_path / "deep" / "table.csv"
    table.write_text("run_id,path,seed\nx,er/alpha.npz,0\ny,er/beta.npz,1\n")
    carry_out(plan_of(tmp_path / "deep", "arrays", tmp_path / "two", table, dtype="float32"))
    assert_holds(tmp_path / "two", {"x": known()["alpha"], "y": known()["beta"]}, 1e-6)


def test_a_bare_npy_holds_one_or_all_runs(tmp_path: Path) -> None:
    values = np.stack([foreign.log_probabilities(run, "test") for run in RUNS])
    labels = {"test": LABELS["test"]}
    np.save(tmp_path / "every.npy", values)
    table = foreign.write_table(tmp_path)
    plan = plan_of(tmp_path / "every.npy", "arrays", tmp_path / "s", table, labels=labels, dtype="float32")
    assert any("numbered 0, 1, 2" in note for note in plan.notes)
    carry_out(plan)
    assert_holds(tmp_path / "s", {run: {"test": values[i]} for i, run in enumerate(RUNS)}, 1e-6)
    np.save(tmp_path / "single.npy", values[0])
    carry_out(plan_of(tmp_path / "single.npy", "arrays", tmp_path / "t", labels=labels, dtype="float32"))
    assert_holds(tmp_path / "t", {"single": {"test": values[0]}}, 1e-6)


def test_a_folder_of_epochs_comes_in_as_probabilities(tmp_path: Path) -> None:
    source = foreign.write_epochs(tmp_path / "source")
    plan = plan_of(source, "epochs", tmp_path / "s", foreign.write_table(tmp_path), dtype="float32", steps_per_epoch=25)
    assert {arrival.kind for arrival in plan.arrivals} == {"probabilities"}
    carry_out(plan)
    assert_holds(tmp_path / "s", known(), 2e-5)
    checkpoints = open_study(tmp_path / "s").checkpoints
    assert checkpoints["step"].tolist() == [0, 25, 50, 75] * 2
    assert checkpoints["epoch"].tolist() == [0, 1, 2, 3] * 2


def test_stated_logits_and_fortran_order_are_read(tmp_path: Path) -> None:
    for step in range(3):
        np.save(tmp_path / f"out_{step * 5}.npy", np.asfortranarray(logits("alpha", step, "test")))
    labels = {"test": LABELS["test"]}
    unstated = plan_of(tmp_path, "epochs", tmp_path.parent / "s-logits", labels=labels, numbers="step")
    assert unstated.arrivals == ()
    assert "--kind logits" in unstated.refusals[0].reason
    study = tmp_path.parent / "s-logits"
    carry_out(plan_of(tmp_path, "epochs", study, labels=labels, numbers="step", kind="logits", dtype="float32"))
    expected = {"test": foreign.log_probabilities("alpha", "test")[:3]}
    assert_holds(study, {run_id_of(tmp_path.name): expected}, 1e-6)
    assert open_study(study).checkpoints["step"].tolist() == [0, 5, 10]


@pytest.mark.parametrize("make", [foreign.torch.from_numpy, np.array], ids=["tensors", "arrays"])
def test_the_studys_pickles_come_in_without_being_run(tmp_path: Path, make: Any) -> None:
    source = foreign.write_study_pickles(tmp_path / "source", make)
    plan = plan_of(source, "study", tmp_path / "s", dtype="float32", thorough=True)
    assert plan.refusals == ()
    carry_out(plan)
    ids = {arrival.candidate.hyperparameters["seed"]: arrival.candidate.run_id for arrival in plan.arrivals}
    assert_holds(tmp_path / "s", {ids[seed]: known()[run] for seed, run in enumerate(RUNS)}, 1e-6)
    settings = open_study(tmp_path / "s").run_folders[ids[1]].hyperparameters
    assert settings["architecture"] == "fc"
    assert settings["batch_size"] == 4


def test_the_studys_steps_are_recomputed_from_its_schedule(tmp_path: Path) -> None:
    data = [{"yh": np.log(np.full((500, 2), 0.5, np.float32))} for _ in range(67)]
    foreign.torch.save({"data": data, "configs": {}}, tmp_path / (json.dumps({"bs": 2, "seed": 1}) + ".p"))
    labels = {"train": np.arange(500) % 2}
    (arrival,) = plan_of(tmp_path, "study", tmp_path.parent / "s-steps", labels=labels).arrivals
    checkpoints = list(arrival.candidate.read())
    assert [checkpoint.step for checkpoint in checkpoints[:7]] == [0, 1, 63, 125, 187, 249, 251]
    assert checkpoints[-1][:2] == (50_000, 200.0)


def test_hdf5_with_rounded_halves_comes_in(tmp_path: Path) -> None:
    source = foreign.write_hdf5(tmp_path / "source")
    plan = plan_of(source, "hdf5", tmp_path / "s", foreign.write_table(tmp_path), dtype="float32")
    assert carry_out(plan).refusals == ()
    opened = open_study(tmp_path / "s")
    for run in RUNS:
        for split in LABELS:
            exact = np.exp(foreign.log_probabilities(run, split).astype(np.float64))
            # Four decimals and half precision: half a unit of the fourth place, and 2^-11 of the value.
            np.testing.assert_allclose(np.exp(opened.log_probabilities(split, run)), exact, atol=1.5e-4, rtol=2e-3)


def test_saved_weights_predict_as_they_did(tmp_path: Path) -> None:
    source, inputs, expected = foreign.write_weights(tmp_path / "source")
    table = foreign.write_table(tmp_path)
    options = {"build": "tests.foreign:network", "inputs": inputs, "dtype": "float32"}
    plan = plan_of(source, "weights", tmp_path / "s", table, **options, thorough=True)
    assert plan.refusals == ()
    carry_out(plan)
    stacked = {
        run: {split: np.stack([one[split] for one in checkpoints]) for split in LABELS}
        for run, checkpoints in expected.items()
    }
    assert_holds(tmp_path / "s", stacked, 1e-6)
    again = plan_of(source, "weights", tmp_path / "s", table, **options)
    assert (again.arrivals, set(again.present)) == ((), set(RUNS))


def test_reimporting_changes_nothing_a_changed_source_is_refused(tmp_path: Path) -> None:
    source, study = foreign.write_arrays(tmp_path / "source", ".npz"), tmp_path / "s"
    carry_out(plan_of(source, "arrays", study))
    before = {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}
    again = plan_of(source, "arrays", study, labels=None)
    assert (again.arrivals, again.present, again.refusals) == ((), RUNS, ())
    assert carry_out(again).imported == ()
    assert before == {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}
    np.savez(source / "alpha.npz", **{split: foreign.log_probabilities("beta", split) for split in LABELS})
    changed = plan_of(source, "arrays", study)
    assert changed.present == ("beta",)
    assert "'alpha' with other content" in changed.refusals[0].reason


def test_dry_runs_write_nothing_and_predict_the_import(tmp_path: Path) -> None:
    source = foreign.write_arrays(tmp_path / "source", ".npz")
    bad = foreign.log_probabilities("alpha", "train")
    bad[2, 0, 0] = np.nan
    np.savez(source / "diverged.npz", train=bad, test=foreign.log_probabilities("alpha", "test"))
    arguments = ["import", str(source), "--study", str(tmp_path / "s"), "--format", "arrays"]
    arguments += ["--labels", str(foreign.write_labels(tmp_path))]
    said = CliRunner().invoke(main, [*arguments, "--dry-run"])
    assert said.exit_code == 1
    assert not (tmp_path / "s").exists()
    assert "2 runs with 8 checkpoints (train 8 samples, test 5 samples; 3 classes; 0.0 MB as float16)" in said.output
    assert "diverged.npz: Checkpoint 2: The train log_probabilities must be finite" in said.output
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1
    assert "2 runs are in" in done.output
    assert "diverged.npz: The train log_probabilities must be finite" in done.output
    assert_holds(tmp_path / "s", known(), FLOAT16 * 4)
    assert [path.name for path in (tmp_path / "s").iterdir() if path.name.startswith(".")] == []


def test_the_command_says_when_nothing_changed(tmp_path: Path) -> None:
    source = foreign.write_epochs(tmp_path / "source")
    arguments = ["import", str(source), "--study", str(tmp_path / "s"), "--format", "epochs"]
    arguments += ["--labels", str(foreign.write_labels(tmp_path)), "--runs", str(foreign.write_table(tmp_path))]
    first, second = CliRunner().invoke(main, arguments), CliRunner().invoke(main, arguments)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "alpha: 4 checkpoints of probabilities; architecture='mlp', learning_rate=0.1, is_wide=True" in first.output
    assert "Nothing changed: all 2 runs of this source are in" in second.output


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("too many samples", (4, 6, 3), "(sample, class) = (6, 3), the study's probe set and classes (5, 3)"),
        ("another number of classes", (4, 5, 4), "(5, 4)"),
        ("no checkpoints", (0, 5, 3), "has shape (0, 5, 3)"),
        ("one axis short", (5, 3), "(checkpoint, sample, class) is read"),
    ],
)
def test_wrong_shapes_are_refused_before_reading_numbers(tmp_path: Path, name: str, shape: Any, words: str) -> None:
    np.savez(tmp_path / "run.npz", test=np.zeros(shape, np.float32))
    labels = {"test": LABELS["test"]}
    plan = plan_of(tmp_path, "arrays", tmp_path.parent / "s-shape", labels=labels, n_classes=3)
    assert plan.arrivals == ()
    assert words in plan.refusals[0].reason, name


def test_what_an_import_needs_is_asked_for(tmp_path: Path) -> None:
    source = foreign.write_arrays(tmp_path / "source", ".npz")
    with pytest.raises(InvalidSpecError, match="--labels"):
        plan_of(source, "arrays", tmp_path / "s", labels=None)
    with pytest.raises(InvalidSpecError, match="leave --labels out"):
        record_run(tmp_path / "t", "recorded")
        plan_of(source, "arrays", tmp_path / "t", labels={"train": np.zeros(8, int), "test": LABELS["test"]})
    with pytest.raises(InvalidSpecError, match="--build"):
        plan_of(source, "weights", tmp_path / "s")
    with pytest.raises(ImportSourceError, match="nothing at"):
        plan_of(tmp_path / "elsewhere", "arrays", tmp_path / "s")


def test_an_option_of_another_format_is_refused(tmp_path: Path) -> None:
    arguments = ["import", str(tmp_path), "--study", str(tmp_path / "s"), "--format", "arrays", "--build", "m:f"]
    refused = CliRunner().invoke(main, arguments)
    assert isinstance(refused.exception, InvalidSpecError)
    assert str(refused.exception) == "--format arrays takes no --build."


def test_missing_or_doubled_splits_refuse_the_whole_run(tmp_path: Path) -> None:
    source = foreign.write_epochs(tmp_path / "source")
    (source / "alpha" / "train_epoch2.npy").unlink()
    np.save(source / "beta" / "test-again-1.npy", np.zeros((5, 3)))
    plan = plan_of(source, "epochs", tmp_path / "s")
    assert plan.arrivals == ()
    assert "epoch 2 has no file for train" in plan.refusals[0].reason
    assert "are both epoch 1 of test" in plan.refusals[1].reason


def test_untabled_and_equally_named_runs_are_refused(tmp_path: Path) -> None:
    source = foreign.write_arrays(tmp_path / "source", ".npz")
    (source / "gamma.npz").write_bytes((source / "beta.npz").read_bytes())
    (source / "alpha!.npz").write_bytes((source / "beta.npz").read_bytes())
    table = foreign.write_table(tmp_path)
    plan = plan_of(source, "arrays", tmp_path / "s", table)
    reasons = {refusal.source: refusal.reason for refusal in plan.refusals}
    assert "runs.csv has no row for 'gamma'" in reasons["gamma.npz gamma"]
    assert "called 'alpha' as well" in reasons["alpha.npz"]


def test_unused_rows_are_told_names_cannot_steer_terminals(tmp_path: Path) -> None:
    np.save(tmp_path / "alpha.npy", foreign.log_probabilities("alpha", "test"))
    np.save(tmp_path / "b\x1b[2Jad.npy", np.zeros((2, 2)))
    labels = tmp_path / "y"
    labels.mkdir()
    np.save(labels / "y.npy", LABELS["test"])
    arguments = ["import", str(tmp_path), "--study", str(tmp_path / "s"), "--format", "arrays", "--dry-run"]
    arguments += ["--labels", f"test={labels / 'y.npy'}", "--runs", str(foreign.write_table(tmp_path))]
    said = CliRunner().invoke(main, arguments).output
    assert "Note: 1 rows of runs.csv belong to no run of the source: beta." in said
    assert "\x1b" not in said
    assert "b\ufffd[2Jad" in said


def test_a_missing_package_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(module: str) -> None:
        raise ModuleNotFoundError(f"No module named {module!r}")

    monkeypatch.setattr(machine.importlib, "import_module", missing)
    with pytest.raises(MissingPackageError, match="pip install h5py"):
        plan_of(foreign.write_hdf5(tmp_path / "source"), "hdf5", tmp_path / "s")
    with pytest.raises(MissingPackageError, match="pip install torch"):
        plan_of(tmp_path / "source", "weights", tmp_path / "s", build="module:function", inputs=tmp_path / "inputs.npz")


def test_kinds_are_recognised_only_where_they_are_certain() -> None:
    values = logits("run", 1, "train")
    logs = foreign.log_softmax(values)
    assert kind_of(logs) == "log_probabilities"
    assert kind_of(np.exp(logs), np.exp(logs)) == "probabilities"
    for unclear in ([values], [logs, np.exp(logs)], [np.full((2, 3), np.nan)]):
        with pytest.raises(ImportSourceError, match="--kind"):
            kind_of(*unclear)


def kind_of(*blocks: np.ndarray) -> str:
    sums = RowSums()
    for block in blocks:
        sums.see(block)
    return sums.kind


def test_every_format_says_what_it_reads() -> None:
    assert {"epochs", "arrays", "study", "hdf5", "weights"} <= set(FORMATS)
    assert all(entry.key == key and entry.title and len(entry.reads) > 40 for key, entry in FORMATS.items())
