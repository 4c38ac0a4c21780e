"""Recording schedules: increasing optimiser steps of a run's checkpoints.

All are pure functions of the run's length. Predictions change fastest in the first steps, so uniform spacing would put
nearly all checkpoints where little changes.
"""

from __future__ import annotations

from engine.errors import InvalidSpecError


def logarithmic_steps(n_steps: int, n_checkpoints: int = 40) -> tuple[int, ...]:
    """Return step 0, then steps spaced evenly in log(step) from 1 to the last.

    t_k = n_steps^((k-1)/(n_checkpoints-2)) for k = 1, 2, ..., rounded; coinciding steps are moved up, so that exactly
    `n_checkpoints` are returned.

    Args:
        n_steps: optimiser steps of the whole run.
        n_checkpoints: number of steps; at most n_steps + 1 exist.

    Returns:
        Increasing steps from 0 to n_steps.

    Raises:
        InvalidSpecError: n_steps below 1 or fewer than 2 checkpoints.
    """
    _expect(n_steps, 1, "n_steps")
    _expect(n_checkpoints, 2, "n_checkpoints")
    count = min(n_checkpoints, n_steps + 1)
    steps = [0]
    for place in range(1, count):
        wanted = round(n_steps ** ((place - 1) / (count - 2))) if count > 2 else n_steps
        # Each remaining place needs its own step: above the last one taken and far enough below the end.
        steps.append(min(max(wanted, steps[-1] + 1), n_steps - (count - 1 - place)))
    return tuple(steps)


def steps_every(n_steps: int, interval: int) -> tuple[int, ...]:
    """Return step 0, every `interval`-th step, and the last.

    Raises:
        InvalidSpecError: n_steps or interval below 1.
    """
    _expect(n_steps, 1, "n_steps")
    _expect(interval, 1, "interval")
    return (*range(0, n_steps, interval), n_steps)


def study_steps(steps_per_epoch: int, n_epochs: int) -> tuple[int, ...]:
    """Return the schedule of the published study: 67 checkpoints for 200 epochs of 250 steps.

    The initial state; in the first five epochs every floor(steps_per_epoch/4) steps from the epoch's first; the ends of
    epochs 5 to 25 (counted from 0); of every fourth to 65; of every fifteenth after that; and of the last.
    Source: the code of Mao et al., PNAS 121 (2024); 4 or 5 per early epoch, depending on the division's remainder.

    Args:
        steps_per_epoch: updates in one pass over the training set.
        n_epochs: length of the run.

    Returns:
        Increasing steps; the first is 0 and the last is the last update.

    Raises:
        InvalidSpecError: steps_per_epoch or n_epochs below 1.
    """
    _expect(steps_per_epoch, 1, "steps_per_epoch")
    _expect(n_epochs, 1, "n_epochs")
    stride = max(steps_per_epoch // 4, 1)
    steps = {0, steps_per_epoch * n_epochs}
    for epoch in range(n_epochs):
        if epoch < 5:
            steps.update(epoch * steps_per_epoch + 1 + batch for batch in range(0, steps_per_epoch, stride))
        elif epoch <= 25 or epoch % (4 if epoch <= 65 else 15) == 0:
            steps.add((epoch + 1) * steps_per_epoch)
    return tuple(sorted(steps))


def _expect(value: int, least: int, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidSpecError(f"{name} must be an integer of at least {least}, received {value!r}.")
