"""Training runs with Lightning, Hugging Face's Trainer and Keras on torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras  # noqa: F401 - tests take it from here, so that its backend is chosen before
import numpy as np
import pytorch_lightning
import torch
import transformers
from torch.utils.data import DataLoader, TensorDataset

from tests.integration_processes import X, Y, network

BATCH = 8


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
