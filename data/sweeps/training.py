"""Training of one run, paused at every checkpoint."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from data.sweeps.architectures import build_network
from data.sweeps.datasets import Dataset
from data.sweeps.design import RunDesign
from data.sweeps.schedule import checkpoint_steps


def build_optimizer(design: RunDesign, network: nn.Module) -> torch.optim.Optimizer:
    """Return plain SGD, SGD with Nesterov momentum 0.9, or Adam, all with weight decay added to the gradient."""
    settings = {"lr": design.learning_rate, "weight_decay": design.weight_decay}
    if design.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), **settings)
    if design.optimizer == "sgd-nesterov":
        return torch.optim.SGD(network.parameters(), momentum=0.9, nesterov=True, **settings)
    return torch.optim.SGD(network.parameters(), **settings)


def seeded_network(design: RunDesign, dataset: Dataset) -> nn.Module:
    """Initialise the network of a run from its seed alone."""
    torch.manual_seed(design.seed)
    return build_network(design.architecture, design.size, dataset.position_shape)


def train(design: RunDesign, dataset: Dataset, network: nn.Module) -> Iterator[tuple[int, float]]:
    """Train in place and yield at every checkpoint.

    The learning rate decays to zero along half a cosine, step by step. The order of the samples depends only on the
    seed and the batch size. The last, incomplete batch of an epoch is omitted.

    Args:
        design: settings of the run.
        dataset: training data.
        network: newly initialised; changed in place between yields.

    Yields:
        (step, epoch): number of updates so far, and the same in passes over the training set.
    """
    inputs, labels = torch.from_numpy(dataset.inputs), torch.from_numpy(dataset.labels)
    steps_per_epoch = len(labels) // design.batch_size
    n_steps = steps_per_epoch * design.n_epochs
    due = set(checkpoint_steps(steps_per_epoch, design.n_epochs))
    optimizer = build_optimizer(design, network)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=n_steps)
    order = torch.Generator().manual_seed(design.seed)
    loss_of = nn.CrossEntropyLoss()

    yield 0, 0.0
    step = 0
    network.train()
    for _ in range(design.n_epochs):
        shuffled = torch.randperm(len(labels), generator=order)
        for batch in shuffled[: steps_per_epoch * design.batch_size].split(design.batch_size):
            optimizer.zero_grad()
            loss_of(network(inputs[batch]), labels[batch]).backward()
            optimizer.step()
            schedule.step()
            step += 1
            if step in due:
                yield step, step / steps_per_epoch
