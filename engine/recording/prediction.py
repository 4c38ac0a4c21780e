"""Predictions of a torch network without side effects on its training."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidPredictionsError, InvalidSpecError

if TYPE_CHECKING:
    import torch


def predict(model: torch.nn.Module, inputs: Any, batch_size: int = 1024) -> NDArray[np.float32]:
    """Return log-probabilities of a network on a probe set, without side effects on its training.

    log p = x - log sum exp x of the network's outputs x, in float32. The network runs in evaluation mode and without
    gradients. Afterwards every submodule is in its previous mode, batch-norm statistics are unchanged, and the random
    generators of torch (CPU and CUDA), numpy and Python are in their previous states.

    Args:
        model: maps a batch (sample, ...) to logits (sample, class).
        inputs: (sample, ...) tensor or array, the probe set in its fixed order; batches go to the model's device.
        batch_size: samples per call of the model.

    Returns:
        (sample, class) float32 natural-log probabilities, for ``Recorder.record(kind="log_probabilities")``.

    Raises:
        InvalidSpecError: no samples, or batch_size below one.
        InvalidPredictionsError: the model's outputs are not (sample, class).
    """
    import torch

    samples = torch.as_tensor(inputs)
    if batch_size < 1 or samples.ndim < 1 or not len(samples):
        raise InvalidSpecError(
            f"predict needs at least one sample and batch_size >= 1, received inputs of shape {tuple(samples.shape)} "
            f"and batch_size {batch_size}."
        )
    tensors = [*model.parameters(), *model.buffers()]
    device = tensors[0].device if tensors else samples.device
    parts = []
    with torch.no_grad(), generators_kept(), evaluating(model):
        for batch in torch.split(samples, batch_size):
            parts.append(normalised(model(batch.to(device)), len(batch), "wrap it so that it does."))
    return np.concatenate(parts)


def normalised(logits: Any, n_samples: int, remedy: str) -> NDArray[np.float32]:
    """Return the log-probabilities of a batch on the CPU: log p = x - log sum exp x, in float32.

    Raises:
        InvalidPredictionsError: no (sample, class) tensor; the text ends with the remedy.
    """
    import torch

    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or len(logits) != n_samples:
        shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise InvalidPredictionsError(
            f"The model must return logits of shape (sample, class) = ({n_samples}, n_classes), received {shape}: "
            f"{remedy}"
        )
    array: NDArray[np.float32] = torch.log_softmax(logits.float(), dim=1).cpu().numpy()
    return array


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Set every submodule to evaluation mode, and restore each one's mode on exit."""
    # The flags are set directly: model.eval() followed by model.train() would unfreeze layers the user keeps in
    # evaluation mode, and either may be overridden with side effects.
    modes = [(module, module.training) for module in model.modules()]
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def generators_kept() -> Iterator[None]:
    """Restore the states of the random generators of torch (CPU and CUDA), numpy and Python on exit."""
    import torch

    python, cpu = random.getstate(), torch.get_rng_state()
    legacy = np.random.get_state()  # noqa: NPY002 - the global generator is what training scripts use
    is_on_cuda = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    cuda = torch.cuda.get_rng_state_all() if is_on_cuda else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
