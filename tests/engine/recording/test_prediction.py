"""Predictions without side effects on the network and generators."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from engine import InvalidPredictionsError, InvalidSpecError, Recorder, open_study, predict

INPUTS = torch.linspace(-1, 1, 60).reshape(12, 5)
LABELS = np.arange(12) % 3


class _Restless(torch.nn.Module):
    """Draws from every generator there is, even in evaluation mode."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        np.random.random()  # noqa: NPY002
        return values + 0.0 * (torch.rand(()) + random.random())


def _network() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(5, 8), torch.nn.BatchNorm1d(8), _Restless(), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3)
    )


def _train(study: Path | None) -> list[torch.Tensor]:
    network = _network()
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    recorder = Recorder(study, hyperparameters={}, labels={"train": LABELS}) if study else None
    for step in range(6):
        if recorder:
            recorder.record(step=step, train=predict(network, INPUTS, 5), kind="log_probabilities")
        rows = torch.randperm(12)[:8]
        noise = random.random() + np.random.random()  # noqa: NPY002
        loss = torch.nn.functional.cross_entropy(network(INPUTS[rows] + noise), torch.as_tensor(LABELS)[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    if recorder:
        recorder.close()
    return [tensor.clone() for tensor in network.state_dict().values()]


def test_recorded_training_is_bit_equal_to_unrecorded_training(tmp_path: Path):
    plain, recorded = _train(None), _train(tmp_path / "study")
    assert all(torch.equal(a, b) for a, b in zip(plain, recorded, strict=True))
    assert len(open_study(tmp_path / "study").checkpoints) == 6


def test_every_submodule_keeps_its_mode():
    network = _network()
    network[1].eval()
    before = [module.training for module in network.modules()]
    predict(network, INPUTS)
    assert [module.training for module in network.modules()] == before
    assert before.count(False) == 1


def test_a_failing_model_leaves_modes_and_generators_restored():
    network = torch.nn.Sequential(_Restless(), torch.nn.Linear(4, 3))
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        predict(network, INPUTS)
    assert all(module.training for module in network.modules())
    assert torch.equal(torch.get_rng_state(), state)


def test_predictions_do_not_depend_on_the_batch_size():
    network = _network()
    whole = predict(network, INPUTS)
    np.testing.assert_allclose(predict(network, INPUTS.numpy(), 5), whole, atol=1e-6)
    np.testing.assert_allclose(np.exp(whole).sum(axis=1), 1, atol=1e-6)
    assert (whole.shape, whole.dtype) == ((12, 3), np.float32)


def test_what_cannot_be_predicted_is_refused():
    with pytest.raises(InvalidSpecError, match="batch_size 0"):
        predict(_network(), INPUTS, 0)
    with pytest.raises(InvalidSpecError, match="at least one sample"):
        predict(_network(), INPUTS[:0])
    with pytest.raises(InvalidPredictionsError, match=r"logits of shape .* received \(12,\)"):
        predict(torch.nn.Flatten(0), INPUTS[:, 0])
