"""Asking a torch network for its predictions without disturbing its training."""

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
    """Log-probabilities of a network on a probe set; training goes on as if nobody had asked.

    log p = x - log sum exp x of the network's outputs x, in float32. The network answers in evaluation mode and
    without gradients. Afterwards every submodule is in the mode it was in, batch-norm statistics are untouched, and
    the random generators of torch (CPU and CUDA), numpy and Python stand where they stood.

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
            logits = model(batch.to(device))
            if not isinstance(logits, torch.Tensor) or logits.shape[:1] != batch.shape[:1] or logits.ndim != 2:
                shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
                raise InvalidPredictionsError(
                    f"The model must return logits of shape (sample, class) = ({len(batch)}, n_classes), "
                    f"received {shape}: wrap it so that it does."
                )
            parts.append(torch.log_softmax(logits.float(), dim=1).cpu())
    array: NDArray[np.float32] = torch.cat(parts).numpy()
    return array


@contextmanager
def evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Every submodule in evaluation mode, and afterwards in the mode it was in."""
    # The flags are set one by one: model.eval() followed by model.train() would unfreeze layers the user keeps in
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
    """Afterwards the random generators of torch (CPU and CUDA), numpy and Python stand where they stood."""
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
