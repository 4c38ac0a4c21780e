"""Recording of a small network by two distributed processes."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset


def network() -> torch.nn.Module:
    """Classifier from five inputs to three classes, with batch norm, whose statistics recording must not change."""
    return torch.nn.Sequential(
        torch.nn.Linear(5, 6), torch.nn.BatchNorm1d(6), torch.nn.ReLU(), torch.nn.Dropout(0.3), torch.nn.Linear(6, 3)
    )


def samples(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs (sample, 5) and labels (sample,)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 5, generator=generator), torch.arange(count) % 3


X, Y = samples(32)


def recorded_by_two_processes(folder: Path) -> np.ndarray:
    """Predictions of the first process's network, after both processes record a checkpoint into folder/s."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_record, args=(str(folder), rank)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        if process.exitcode != 0:
            raise RuntimeError(f"a process ended with {process.exitcode}")
    return np.load(folder / "expected.npy")


def _record(folder: str, rank: int) -> None:
    from engine import predict
    from engine.recording.probes import Probe
    from engine.recording.session import Session

    torch.distributed.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=2)
    x, y = samples(22)
    torch.manual_seed(0)
    model = network()
    # As under DistributedDataParallel: equal weights, batch-norm statistics of each process's own batches.
    model(torch.randn(8, 5, generator=torch.Generator().manual_seed(rank)))
    before = [buffer.clone() for buffer in model.buffers()]
    if rank == 0:
        np.save(f"{folder}/expected.npy", predict(model, x))
    probe = Probe("train", DataLoader(TensorDataset(x, y), batch_size=4))
    session = Session(f"{folder}/s", {"train": probe.labels}, [0], {"lr": 0.1}, is_writer=rank == 0, dtype="float32")
    session.record(0, 0.0, lambda: {"train": probe.predict(model)})
    session.close()
    if not all(torch.equal(buffer, kept) for buffer, kept in zip(model.buffers(), before, strict=True)):
        raise RuntimeError("recording left other buffers behind")
    torch.distributed.destroy_process_group()
