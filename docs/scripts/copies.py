"""Copies of a study in which a claim is false by construction.

*Shuffled*: each run's samples are dealt out anew within their class, in one order for all its checkpoints. Loss, error
and progress of every run stay; no two runs agree on which samples they learn when.

*Relabelled*: the rows of hyperparameters, seeds among them, are dealt out anew among the runs. Every prediction and
distance stays; no hyperparameter means anything, and "seeds of a configuration" are any two runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.recording.recorder import Recorder
from engine.statistics.shuffling import within_class_orders
from engine.store.study import Study

SHUFFLED, RELABELLED = "shuffled", "relabelled"
N_COPIES = 20
"""Copies of each kind: one more than a p-value of 0.05 needs, so that a copy can be held against the others."""


def copy_study(study: Study, kind: str, number: int, folder: Path) -> None:
    """Write a copy of a study as a study of its own.

    Args:
        study: the study.
        kind: ``SHUFFLED`` or ``RELABELLED``.
        number: seed of the draw; other numbers give other copies.
        folder: where to; its name is the id of the copy.
    """
    run_ids = list(study.runs.index)
    rows = _hyperparameters(study, run_ids)
    if kind == RELABELLED:
        rows = [rows[place] for place in np.random.default_rng(number).permutation(len(rows))]
        orders = {split: [np.arange(probe.n_samples)] * len(run_ids) for split, probe in study.splits.items()}
    else:
        # A seed for each split: samples of train and test have nothing in common.
        orders = {
            split: list(within_class_orders(probe.labels, len(run_ids), 2 * number + place))
            for place, (split, probe) in enumerate(study.splits.items())
        }
    labels = {split: probe.labels for split, probe in study.splits.items()}
    for place, run_id in enumerate(run_ids):
        _copy_run(study, run_id, rows[place], labels, {split: orders[split][place] for split in labels}, folder)


def _hyperparameters(study: Study, run_ids: list[str]) -> list[dict[str, Any]]:
    table = study.runs.loc[run_ids, list(study.hyperparameters)]
    # Columns of one type each: integers stay integers where a row of the table would make them floats.
    columns = {name: table[name].tolist() for name in table}
    return [{name: values[place] for name, values in columns.items()} for place in range(len(run_ids))]


def _copy_run(
    study: Study,
    run_id: str,
    hyperparameters: Mapping[str, Any],
    labels: Mapping[str, NDArray[np.int64]],
    orders: Mapping[str, NDArray[np.int64]],
    folder: Path,
) -> None:
    predictions = {split: study.log_probabilities(split, run_id)[:, order] for split, order in orders.items()}
    checkpoints = study.checkpoints[study.checkpoints["run_id"] == run_id]
    places = zip(checkpoints["step"].tolist(), checkpoints["epoch"].tolist(), strict=True)
    with Recorder(folder, hyperparameters, labels, run_id, class_names=study.class_names) as recorder:
        for place, (step, epoch) in enumerate(places):
            of_checkpoint = {split: values[place] for split, values in predictions.items()}
            recorder.record(step=step, epoch=epoch, kind="log_probabilities", **of_checkpoint)
