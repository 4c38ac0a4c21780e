"""Recorder of tiny runs, deterministic in run, step and split."""

from __future__ import annotations

import json
import os
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from engine import Recorder
from engine.store.documents import document_bytes
from tests.waiting import wait_for

N_CLASSES = 3
LABELS = {"train": np.arange(8) % N_CLASSES, "test": np.arange(5) % N_CLASSES}


def logits(run_id: str, step: int, split: str) -> np.ndarray:
    seed = [zlib.crc32(run_id.encode()), step, len(split)]
    return np.random.default_rng(seed).normal(scale=3, size=(len(LABELS[split]), N_CLASSES)).astype(np.float32)


def log_softmax(values: np.ndarray) -> np.ndarray:
    exact = values.astype(np.float64)
    return exact - np.log(np.exp(exact).sum(axis=1, keepdims=True))


def record_step(recorder: Recorder, step: int, **extra: Any) -> None:
    predictions = {split: logits(recorder.run_id, step, split) for split in LABELS}
    recorder.record(step=step, epoch=step / 10, **predictions, **extra)


def begin(study: Path, n_steps: int = 2, **options: Any) -> Recorder:
    """Open recorder of a run with some checkpoints."""
    recorder = Recorder(study, hyperparameters={}, labels=LABELS, run_id="run", **options)
    for step in range(n_steps):
        record_step(recorder, step)
    return recorder


def in_a_fork(work: Callable[[], None]) -> int:
    """Return the exit code of a forked child that does the work: 0 if it returns, 1 if it raises."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def record_in_turn(recorder: Recorder, steps: range) -> None:
    """Record each step in a thread of its own; all wait, in order, before the first may begin."""
    threads = [threading.Thread(target=record_step, args=(recorder, step)) for step in steps]
    with recorder._turns:
        for number, thread in enumerate(threads):
            thread.start()
            wait_for(lambda: len(recorder._turns._waiting) == number + 1)  # noqa: B023
    for thread in threads:
        thread.join()


def record_run(study: Path, run_id: str, n_checkpoints: int = 4, seal: bool = True, **hyperparameters: Any) -> Path:
    """Folder of a newly recorded run; unsealed, it looks like one whose process was killed."""
    recorder = Recorder(study, hyperparameters={"architecture": "mlp", **hyperparameters}, labels=LABELS, run_id=run_id)
    for step in range(n_checkpoints):
        record_step(recorder, step)
    if seal:
        recorder.close()
    else:
        recorder._writer.close()
    return recorder.path


def record_forever(study: str, run_id: str, acknowledged: Any, pause: float = 0.0) -> None:
    """Record without end, in a process to be killed; `acknowledged` counts the acknowledged commits."""
    with Recorder(study, hyperparameters={}, labels=LABELS, run_id=run_id, resume=True) as recorder:
        acknowledged.value = recorder.n_checkpoints
        while True:
            record_step(recorder, recorder.last_step + 1)
            acknowledged.value = recorder.n_checkpoints
            time.sleep(pause)


def record_one(study: str, run_id: str, gate: Any, answers: Any) -> None:
    """Wait at a gate, record one run, and report the result, in a process of its own."""
    gate.wait()
    try:
        record_run(Path(study), run_id, 2)
        answers.put("")
    except Exception as error:
        answers.put(f"{type(error).__name__}: {error}")


def rewrite(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the fields of a document, and give it a right checksum."""
    fields = json.loads(path.read_text())
    kind = fields["format"].split()[-1]
    changed = change({name: value for name, value in fields.items() if name not in ("format", "version", "crc32")})
    path.write_bytes(document_bytes(kind, changed if isinstance(changed, dict) else {"x": changed}))


def flip(path: Path, position: int, mask: int = 0x01) -> None:
    """Flip bits of one byte in place."""
    raw = bytearray(path.read_bytes())
    raw[position] ^= mask
    path.write_bytes(raw)
