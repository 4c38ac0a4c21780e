"""Tables, options and callbacks of docs/importing.md."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from engine import open_study
from engine.__main__ import main
from tests.integration_processes import samples

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "importing.md"
TEXT = DOCUMENT.read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("command", ["import", "export"])
def test_every_option_named_is_one(command: str) -> None:
    known = "".join(CliRunner().invoke(main, [name, "--help"]).output for name in ("import", "export"))
    section = TEXT.split(f"## {command.capitalize()}")[1].split("\n## ")[0]
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", section)) - {"--i-trust-this-file"}
    assert named
    assert [option for option in sorted(named) if option not in known] == []


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_the_callbacks_work_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.frameworks import Classifier, Wrapped, keras, pytorch_lightning, transformers

    monkeypatch.chdir(tmp_path)
    x, y = samples(24)
    rows = [{"inputs": a, "labels": int(b)} for a, b in zip(x, y, strict=True)]
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=8)
    arguments = transformers.TrainingArguments(
        "hf", num_train_epochs=1, report_to=[], save_strategy="no", use_cpu=True, disable_tqdm=True
    )
    network = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dense(3, "softmax")])
    network.compile("adam", "sparse_categorical_crossentropy")
    names: dict[str, Any] = {"pytorch_lightning": pytorch_lightning, "transformers": transformers, "torch": torch}
    names |= {"x_train": x, "y_train": y, "test_loader": loader, "training_loader": loader, "module": Classifier()}
    names |= {"n_steps": 9, "test_rows": rows, "training_rows": rows, "model": Wrapped(), "arguments": arguments}
    first, second, third = blocks("python")
    exec(first, names)
    exec(second, names)
    names |= {"model": network, "x_train": x.numpy(), "y_train": y.numpy(), "x_test": x.numpy(), "y_test": y.numpy()}
    exec(third, names)
    assert open_study("data/studies/mine").checkpoints["step"].iloc[-1] == 9
    assert open_study("data/studies/texts").runs["status"].tolist() == ["finished"]
    assert np.isfinite(open_study("data/studies/pictures").checkpoints["test_loss"]).all()
