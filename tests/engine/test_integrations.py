"""Recording from the real Lightning, Hugging Face Trainer and Keras: right steps and numbers, and no disturbance."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import pytest
import pytorch_lightning
import torch
import transformers
from torch.utils.data import DataLoader, TensorDataset

from engine import InvalidPredictionsError, InvalidSpecError, MissingPackageError, open_study, optional, predict
from engine.integrations import huggingface, lightning
from engine.integrations import keras as keras_integration
from engine.integrations.probes import Probe
from engine.integrations.session import Session
from engine.schedules import logarithmic_steps, steps_every
from tests.integration_processes import network, recorded_by_two_processes, samples

N_TRAIN, BATCH = 32, 8
X, Y = samples(N_TRAIN)
PROBES = {"train": (X, Y), "test": samples(10, seed=1)}


class Classifier(pytorch_lightning.LightningModule):
    def __init__(self, lr: float = 0.05, width: int = 6, fails_at: int = -1) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.network = network()
        self.seen: list[tuple[int, np.ndarray]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x)

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        if self.global_step == self.hparams["fails_at"]:
            raise RuntimeError("the power went")
        return torch.nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=self.hparams["lr"])


def fit_lightning(folder: Path, *callbacks: Any, model: Classifier | None = None, **options: Any) -> Classifier:
    torch.manual_seed(0)
    model = model or Classifier()
    loader = DataLoader(TensorDataset(X, Y), batch_size=BATCH, shuffle=True)
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = pytorch_lightning.Trainer(
        max_epochs=3, accelerator="cpu", callbacks=list(callbacks), default_root_dir=folder, **quiet, **options
    )
    trainer.fit(model, loader)
    return model


@pytest.mark.filterwarnings("ignore")
def test_lightning_records_the_steps_that_are_due(tmp_path: Path) -> None:
    callback = lightning.trajectory_callback(
        tmp_path / "s", probes=PROBES, schedule=steps_every(12, 5), dtype="float32"
    )
    model = fit_lightning(tmp_path, callback)
    study = open_study(tmp_path / "s")
    (run_id,) = study.runs.index
    assert study.runs["status"].tolist() == ["finished"]
    assert study.checkpoints["step"].tolist() == [0, 5, 10, 12]
    assert study.checkpoints["epoch"].tolist() == [0, 1.25, 2.5, 3]
    assert study.run_folders[run_id].hyperparameters == {"lr": 0.05, "width": 6, "fails_at": -1}
    np.testing.assert_allclose(
        study.log_probabilities("test", run_id)[-1], predict(model, PROBES["test"][0]), atol=1e-6
    )
    assert callback.session.n_checkpoints == 4
    assert callback.session.seconds > 0


@pytest.mark.filterwarnings("ignore")
def test_recording_does_not_change_what_lightning_trains(tmp_path: Path) -> None:
    loaders = {split: DataLoader(TensorDataset(x, y), batch_size=4) for split, (x, y) in PROBES.items()}
    callback = lightning.trajectory_callback(tmp_path / "s", probes=loaders, schedule=lambda step: True)
    recorded, alone = fit_lightning(tmp_path, callback), fit_lightning(tmp_path)
    assert len(open_study(tmp_path / "s").checkpoints) == 13
    for name, value in alone.state_dict().items():
        assert torch.equal(value, recorded.state_dict()[name]), name


@pytest.mark.filterwarnings("ignore")
def test_a_lightning_run_that_crashed_is_gone_on_with(tmp_path: Path) -> None:
    def callback() -> Any:
        settings = {"architecture": "mlp"}
        return lightning.trajectory_callback(
            tmp_path / "s", probes=PROBES, schedule=steps_every(12, 2), hyperparameters=settings, run_id="night"
        )

    with pytest.raises(RuntimeError, match="the power went"):
        fit_lightning(tmp_path, callback(), model=Classifier(fails_at=7))
    assert open_study(tmp_path / "s").runs["status"].tolist() == ["failed"]
    assert open_study(tmp_path / "s").checkpoints["step"].tolist() == [0, 2, 4, 6]
    fit_lightning(tmp_path, callback())
    assert open_study(tmp_path / "s").runs["status"].tolist() == ["finished"]
    assert open_study(tmp_path / "s").checkpoints["step"].tolist() == [0, 2, 4, 6, 8, 10, 12]


@pytest.mark.filterwarnings("ignore")
def test_accumulated_gradients_count_as_one_step(tmp_path: Path) -> None:
    callback = lightning.trajectory_callback(tmp_path / "s", probes=PROBES, schedule=lambda step: True)
    fit_lightning(tmp_path, callback, accumulate_grad_batches=2)
    assert open_study(tmp_path / "s").checkpoints["step"].tolist() == list(range(7))


class Wrapped(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = network()

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        logits = self.network(inputs)
        answer = {"logits": logits}
        return answer if labels is None else {"loss": torch.nn.functional.cross_entropy(logits, labels), **answer}


def fit_transformers(folder: Path, *callbacks: Any, **options: Any) -> Wrapped:
    torch.manual_seed(0)
    model = Wrapped()
    rows = [{"inputs": x, "labels": y} for x, y in zip(X, Y, strict=True)]
    arguments = transformers.TrainingArguments(
        str(folder / "hf"), num_train_epochs=3, per_device_train_batch_size=BATCH, report_to=[], save_strategy="no",
        use_cpu=True, disable_tqdm=True, learning_rate=0.01, logging_strategy="no", **options,
    )  # fmt: skip
    transformers.Trainer(model, arguments, train_dataset=rows, callbacks=list(callbacks)).train()
    return model


@pytest.mark.filterwarnings("ignore")
def test_the_hugging_face_trainer_records_and_trains_as_without(tmp_path: Path) -> None:
    rows = [{"inputs": x, "labels": int(y)} for x, y in zip(*PROBES["test"], strict=True)]
    probe = DataLoader(rows, batch_size=4, collate_fn=transformers.default_data_collator)
    callback = huggingface.trajectory_callback(
        tmp_path / "s", probes={"test": probe}, schedule=logarithmic_steps(12, 5), dtype="float32"
    )
    recorded, alone = fit_transformers(tmp_path, callback), fit_transformers(tmp_path)
    for name, value in alone.state_dict().items():
        assert torch.equal(value, recorded.state_dict()[name]), name
    study = open_study(tmp_path / "s")
    (run_id,) = study.runs.index
    assert study.checkpoints["step"].tolist() == [0, 1, 2, 5, 12]
    assert study.checkpoints["epoch"].iloc[-1] == 3
    assert study.runs["status"].tolist() == ["finished"]
    assert study.run_folders[run_id].hyperparameters["learning_rate"] == 0.01
    assert study.run_folders[run_id].hyperparameters["per_device_train_batch_size"] == BATCH
    expected = predict(recorded.network, PROBES["test"][0])
    np.testing.assert_allclose(study.log_probabilities("test", run_id)[-1], expected, atol=1e-6)


def test_keras_records_and_goes_on_after_a_crash(tmp_path: Path) -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.layers.Input((5,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(3, "softmax")]
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
    dying = callback()
    with pytest.raises(RuntimeError, match="the power went"):
        model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0, callbacks=[dying, Crash()])
    study = open_study(tmp_path / "s")
    assert (study.runs["status"].tolist(), study.checkpoints["step"].tolist()) == (["running"], [0, 3, 6])
    # A process that dies gives its lock back; this one lives.
    dying.session._recorder._writer.close()
    model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0, callbacks=[callback()])
    study = open_study(tmp_path / "s")
    assert (study.runs["status"].tolist(), study.checkpoints["step"].tolist()) == (["finished"], [0, 3, 6, 9, 12, 15])
    expected = np.log(np.asarray(model.predict(probes["test"][0], verbose=0)))
    np.testing.assert_allclose(study.log_probabilities("test", "keras")[-1], expected, atol=1e-5)


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
    assert session.run_id is None
    assert [step for step in range(6) if session.is_due(step)] == [0, 2, 4]
    session.follow(3)
    assert [step for step in range(6) if session.is_due(step)] == [4]
    assert not (tmp_path / "s").exists()


def test_two_processes_predict_a_half_each_and_the_first_writes(tmp_path: Path) -> None:
    expected = recorded_by_two_processes(tmp_path)
    study = open_study(tmp_path / "s")
    (run_id,) = study.runs.index
    np.testing.assert_allclose(study.log_probabilities("train", run_id)[0], expected, atol=1e-6)


@pytest.mark.parametrize("module", [lightning, huggingface, keras_integration])
def test_a_missing_framework_is_named(module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(optional.importlib, "import_module", missing)
    for name in ("lightning.pytorch", "pytorch_lightning"):
        monkeypatch.delitem(lightning.sys.modules, name, raising=False)
    options: dict[str, Any] = {"kind": "logits", "hyperparameters": {}} if module is keras_integration else {}
    with pytest.raises(MissingPackageError, match="pip install"):
        module.trajectory_callback(tmp_path / "s", probes=PROBES, schedule=[0], **options)
