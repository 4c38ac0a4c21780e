"""Checkpoint schedule of the sweeps, dense in early epochs."""

from __future__ import annotations

EARLY_EPOCHS = (0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 10, 12)
N_CHECKPOINTS = 27


def checkpoint_steps(steps_per_epoch: int, n_epochs: int) -> tuple[int, ...]:
    """Return the checkpoint steps of a run, placed by epoch so that runs of every batch size share a clock.

    The initial state, the first step, then ``EARLY_EPOCHS``, then evenly in log(epoch) to the end. The pattern of
    Mao et al. (PNAS 2024): several in each of the first epochs, then increasingly sparse.

    Args:
        steps_per_epoch: updates in one pass over the training set.
        n_epochs: length of the run.

    Returns:
        Increasing steps; the first is 0 and the last is the last update. At most ``N_CHECKPOINTS``; fewer in runs so
        short that steps coincide.
    """
    last_early = EARLY_EPOCHS[-1]
    n_late = N_CHECKPOINTS - 2 - len(EARLY_EPOCHS)
    late = [last_early * (n_epochs / last_early) ** (place / n_late) for place in range(1, n_late + 1)]
    n_steps = steps_per_epoch * n_epochs
    places = (round(epoch * steps_per_epoch) for epoch in (*EARLY_EPOCHS, *late))
    return tuple(sorted({0, 1, n_steps} | {place for place in places if place <= n_steps}))
