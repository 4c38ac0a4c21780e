"""Sweep over all runs of a study in worker processes, resumable."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from data.sweeps.architectures import count_parameters
from data.sweeps.datasets import DATASETS, Dataset
from data.sweeps.design import RunDesign
from data.sweeps.training import seeded_network, train
from engine import Recorder, StudyNotFoundError, open_study, predict


@dataclass(frozen=True, slots=True)
class SweepProgress:
    """Progress of a sweep, reported after every run.

    Attributes:
        run_id: the run just finished.
        n_done: finished runs, those of earlier sweeps included.
        n_runs: all runs of the sweep.
        elapsed: seconds since the sweep began.
        remaining: predicted seconds left, at the pace so far.
    """

    run_id: str
    n_done: int
    n_runs: int
    elapsed: float
    remaining: float


def record_run(design: RunDesign, dataset: Dataset, study_path: Path) -> None:
    """Train one network and record its trajectory.

    An interrupted run is trained again from its seed, and recorded from where its record ends: training is
    deterministic, so it passes through the committed checkpoints again.

    Args:
        design: settings of the run.
        dataset: training data and probe sets.
        study_path: folder of the study; created if missing.

    Raises:
        RunMismatchError: the study holds a finished run of this name, or one with other settings.
        RunLockedError: another sweep is recording this run.
    """
    network = seeded_network(design, dataset)
    hyperparameters = {
        "architecture": design.architecture,
        "size": design.size,
        "optimizer": design.optimizer,
        "learning_rate": design.learning_rate,
        "batch_size": design.batch_size,
        "weight_decay": design.weight_decay,
        "seed": design.seed,
        "epochs": design.n_epochs,
        "n_parameters": count_parameters(network),
    }
    recorder = Recorder(
        study_path,
        hyperparameters,
        dataset.probe_labels,
        design.run_id,
        title=dataset.title,
        class_names=dataset.class_names,
        resume=True,
    )
    with recorder:
        for step, epoch in train(design, dataset, network):
            if step > recorder.last_step:
                predictions = {split: predict(network, inputs) for split, inputs in dataset.probe_inputs.items()}
                recorder.record(step=step, epoch=epoch, kind="log_probabilities", **predictions)


def pending_runs(designs: Sequence[RunDesign], study_path: Path) -> list[RunDesign]:
    """Return the runs that the study does not hold as finished."""
    try:
        statuses = open_study(study_path).runs["status"]
    except StudyNotFoundError:
        return list(designs)
    return [design for design in designs if statuses.get(design.run_id) != "finished"]


def run_sweep(
    dataset_name: str,
    designs: Sequence[RunDesign],
    study_path: Path,
    *,
    n_workers: int,
    report: Callable[[SweepProgress], None],
) -> None:
    """Record every unfinished run, with one thread per process.

    Args:
        dataset_name: key of ``DATASETS``.
        designs: the runs of the study.
        study_path: folder of the study.
        n_workers: number of processes; the recorded predictions do not depend on it.
        report: called after every run.

    Raises:
        EngineError: a run could not be recorded; pending runs are dropped, running ones are completed.
    """
    pending = pending_runs(designs, study_path)
    # Slow and fast networks are mixed, so that the pace so far predicts the remaining time.
    random.Random(0).shuffle(pending)
    started = time.monotonic()
    with ProcessPoolExecutor(n_workers, get_context("spawn"), initializer=_use_one_thread) as pool:
        tasks = {pool.submit(_record_named, dataset_name, design, study_path): design for design in pending}
        try:
            for n_new, task in enumerate(as_completed(tasks), start=1):
                task.result()
                elapsed = time.monotonic() - started
                n_left = len(pending) - n_new
                n_done = len(designs) - n_left
                report(SweepProgress(tasks[task].run_id, n_done, len(designs), elapsed, elapsed / n_new * n_left))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _use_one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@cache
def _dataset(name: str) -> Dataset:
    return DATASETS[name]()


def _record_named(dataset_name: str, design: RunDesign, study_path: Path) -> None:
    record_run(design, _dataset(dataset_name), study_path)
