"""Recording callbacks in the real Lightning, Hugging Face Trainer and Keras."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from engine import (
    InvalidPredictionsError,
    InvalidSpecError,
    MissingPackageError,
    RunError,
    machine,
    open_study,
    predict,
)
from engine.recording import huggingface, lightning
from engine.recording import keras as keras_integration
from engine.recording.probes import Probe
from engine.recording.schedules import logarithmic_steps, steps_every
from engine.recording.session import Session
from tests.integration_processes import X, Y, network, recorded_by_two_processes, samples

PROBES = {"train": (X, Y), "test": samples(10, seed=1)}


def sent(callback: Any) -> Any:
    """The callback as a spawned training process gets it."""
    return pickle.loads(pickle.dumps(callback))


@pytest.fixture(scope="module")
def frameworks() -> ModuleType:
    """The module `tests.frameworks`, imported only by tests that train: the import takes seconds."""
    from tests import frameworks

    return frameworks


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_lightning_records_the_steps_that_are_due(tmp_path: Path, frameworks: ModuleType) -> None:
    callback = lightning.trajectory_callback(
        tmp_path / "s", probes=PROBES, schedule=steps_every(12, 5), dtype="float32"
    )
    callback = sent(callback)
    model = frameworks.fit_lightning(tmp_path, callback)
    study = open_study(tmp_path / "s")
    (run_id,) = study.runs.index
    assert study.runs["status"].tolist() == ["finished"]
    assert study.checkpoints["step"].tolist() == [0, 5, 10, 12]
    assert study.checkpoints["epoch"].tolist() == [0, 1.25, 2.5, 3]
    assert study.run_folders[run_id].hyperparameters == {"lr": 0.05, "width": 6, "fails_at": -1}
    np.testing.assert_allclose(
        study.log_probabilities("test", run_id)[-1], predict(model, PROBES["test"][0]), atol=1e-6
    )
    assert callback.session.seconds > 0


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_recording_does_not_change_what_lightning_trains(tmp_path: Path, frameworks: ModuleType) -> None:
    loaders = {split: DataLoader(TensorDataset(x, y), batch_size=4) for split, (x, y) in PROBES.items()}
    callback = lightning.trajectory_callback(tmp_path / "s", probes=loaders, schedule=lambda step: True)
    recorded, alone = frameworks.fit_lightning(tmp_path, callback), frameworks.fit_lightning(tmp_path)
    assert len(open_study(tmp_path / "s").checkpoints) == 13
    for name, value in alone.state_dict().items():
        assert torch.equal(value, recorded.state_dict()[name]), name


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_a_crashed_lightning_run_is_resumed(tmp_path: Path, frameworks: ModuleType) -> None:
    def callback() -> Any:
        settings = {"architecture": "mlp"}
        return lightning.trajectory_callback(
            tmp_path / "s", probes=PROBES, schedule=steps_every(12, 2), hyperparameters=settings, run_id="night"
        )

    with pytest.raises(RuntimeError, match="the power went"):
        frameworks.fit_lightning(tmp_path, callback(), model=frameworks.Classifier(fails_at=7))
    assert open_study(tmp_path / "s").runs["status"].tolist() == ["failed"]
    assert open_study(tmp_path / "s").checkpoints["step"].tolist() == [0, 2, 4, 6]
    frameworks.fit_lightning(tmp_path, callback())
    assert open_study(tmp_path / "s").runs["status"].tolist() == ["finished"]
    assert open_study(tmp_path / "s").checkpoints["step"].tolist() == [0, 2, 4, 6, 8, 10, 12]


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_accumulated_gradients_count_as_one_step(tmp_path: Path, frameworks: ModuleType) -> None:
    callback = lightning.trajectory_callback(tmp_path / "s", probes=PROBES, schedule=lambda step: True)
    frameworks.fit_lightning(tmp_path, callback, accumulate_grad_batches=2)
    assert open_study(tmp_path / "s").checkpoints["step"].tolist() == list(range(7))


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_recording_does_not_change_hugging_face_training(tmp_path: Path, frameworks: ModuleType) -> None:
    rows = [{"inputs": x, "labels": int(y)} for x, y in zip(*PROBES["test"], strict=True)]
    probe = DataLoader(rows, batch_size=4, collate_fn=frameworks.transformers.default_data_collator)
    callback = huggingface.trajectory_callback(
        tmp_path / "s", probes={"test": probe}, schedule=logarithmic_steps(12, 5), dtype="float32"
    )
    recorded, alone = frameworks.fit_transformers(tmp_path, sent(callback)), frameworks.fit_transformers(tmp_path)
    for name, value in alone.state_dict().items():
        assert torch.equal(value, recorded.state_dict()[name]), name
    study = open_study(tmp_path / "s")
    (run_id,) = study.runs.index
    assert study.checkpoints["step"].tolist() == [0, 1, 2, 5, 12]
    assert study.checkpoints["epoch"].iloc[-1] == 3
    assert study.runs["status"].tolist() == ["finished"]
    assert study.run_folders[run_id].hyperparameters["learning_rate"] == 0.01
    assert study.run_folders[run_id].hyperparameters["per_device_train_batch_size"] == frameworks.BATCH
    expected = predict(recorded.network, PROBES["test"][0])
    np.testing.assert_allclose(study.log_probabilities("test", run_id)[-1], expected, atol=1e-6)


@pytest.mark.full
def test_keras_records_and_goes_on_after_a_crash(tmp_path: Path, frameworks: ModuleType) -> None:
    keras = frameworks.keras
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Input((5,)),
            keras.layers.Dense(8, "tanh"),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    probes = {split: (x.numpy(), y.numpy()) for split, (x, y) in PROBES.items()}

    def callback(**options: Any) -> Any:
        return keras_integration.trajectory_callback(
            tmp_path / "s", probes=probes, schedule=steps_every(40, 3), kind="probabilities", run_id="keras",
            hyperparameters={"architecture": "mlp"}, dtype="float32", batch_size=7, **options,
        )  # fmt: skip

    class Crash(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if int(self.model.optimizer.iterations) == 7:
                raise RuntimeError("the power went")

    x, y = X.numpy(), Y.numpy()
    dying = sent(callback())
    with pytest.raises(RuntimeError, match="the power went"):
        model.fit(x, y, batch_size=frameworks.BATCH, epochs=2, verbose=0, callbacks=[dying, Crash()])
    study = open_study(tmp_path / "s")
    assert (study.runs["status"].tolist(), study.checkpoints["step"].tolist()) == (["running"], [0, 3, 6])
    # A process that dies gives its lock back; this one lives.
    dying.session._recorder._writer.close()
    model.fit(x, y, batch_size=frameworks.BATCH, epochs=2, verbose=0, callbacks=[callback()])
    study = open_study(tmp_path / "s")
    assert (study.runs["status"].tolist(), study.checkpoints["step"].tolist()) == (["finished"], [0, 3, 6, 9, 12, 15])
    expected = np.log(np.asarray(model.predict(probes["test"][0], verbose=0)))
    np.testing.assert_allclose(study.log_probabilities("test", "keras")[-1], expected, atol=1e-5)


@pytest.mark.full
@pytest.mark.parametrize("module", [lightning, huggingface, keras_integration])
def test_a_callback_that_records_is_not_sent(module: Any, tmp_path: Path, frameworks: ModuleType) -> None:
    options: dict[str, Any] = {"kind": "logits", "hyperparameters": {}} if module is keras_integration else {}
    callback = module.trajectory_callback(tmp_path / "s", probes=PROBES, schedule=[0], **options)
    again = sent(callback)
    assert (type(again), again.session) == (type(callback), None)
    callback.session = Session(tmp_path / "s", {"test": np.arange(3)}, [0], {})
    callback.unpicklable = lambda: None
    with pytest.raises(RunError, match="after other processes are started"):
        sent(callback)
    callback.session.close()


def test_a_probe_that_shuffles_or_augments_is_refused() -> None:
    data = TensorDataset(X, Y)
    model = network()
    fixed = Probe("train", DataLoader(data, batch_size=5))
    np.testing.assert_array_equal(fixed.labels, Y.numpy())
    np.testing.assert_allclose(fixed.predict(model), predict(model, X), atol=1e-6)
    with pytest.raises(InvalidPredictionsError, match="must not shuffle"):
        Probe("train", DataLoader(data, batch_size=5, shuffle=True))

    class Augmented(TensorDataset):
        def __getitem__(self, index: int) -> Any:
            x, y = super().__getitem__(index)
            return x + torch.randn(5) / 100, y

    with pytest.raises(InvalidPredictionsError, match="or augment"):
        Probe("train", DataLoader(Augmented(X, Y), batch_size=5))
    later = [(X, Y)]
    probe = Probe("train", later)
    later[0] = (X.flip(0), Y)
    with pytest.raises(InvalidPredictionsError, match="Nothing is recorded"):
        probe.predict(model)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (iter([(X, Y)]), "passed through again"),
        (3, "passed through again"),
        ([], "gives nothing"),
        ([X], "must be"),
        ([{"inputs": X}], "mapping with 'labels'"),
        ((X, Y[:3]), "32 inputs and 3 labels"),
    ],
)
def test_what_is_no_probe_set_is_refused(source: Any, words: str) -> None:
    with pytest.raises(InvalidSpecError, match=words):
        Probe("train", source)


def test_a_model_that_gives_no_logits_is_refused() -> None:
    with pytest.raises(InvalidPredictionsError, match="pass forward="):
        Probe("train", (X, Y)).predict(torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.Flatten(0)))


def test_a_schedule_is_steps_or_a_function(tmp_path: Path) -> None:
    labels = {"test": np.arange(3)}
    with pytest.raises(InvalidSpecError, match="schedule"):
        Session(tmp_path / "s", labels, [0.5], {})
    session = Session(tmp_path / "s", labels, lambda step: step % 2 == 0, {}, is_writer=False)
    assert [step for step in range(6) if session.is_due(step)] == [0, 2, 4]
    session.last_step = 3
    assert [step for step in range(6) if session.is_due(step)] == [4]
    assert not (tmp_path / "s").exists()


@pytest.mark.full
def test_two_processes_predict_halves_and_one_writes(tmp_path: Path) -> None:
    expected = recorded_by_two_processes(tmp_path)
    study = open_study(tmp_path / "s")
    (run_id,) = study.runs.index
    np.testing.assert_allclose(study.log_probabilities("train", run_id)[0], expected, atol=1e-6)


@pytest.mark.parametrize("module", [lightning, huggingface, keras_integration])
def test_a_missing_framework_is_named(module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(machine.importlib, "import_module", missing)
    for name in ("lightning.pytorch", "pytorch_lightning"):
        monkeypatch.delitem(lightning.sys.modules, name, raising=False)
    options: dict[str, Any] = {"kind": "logits", "hyperparameters": {}} if module is keras_integration else {}
    with pytest.raises(MissingPackageError, match="pip install"):
        module.trajectory_callback(tmp_path / "s", probes=PROBES, schedule=[0], **options)
