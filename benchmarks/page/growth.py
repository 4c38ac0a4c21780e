"""Benchmark of live updates: delay from commit to display."""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks.page.session import Session
from benchmarks.page.table import Row
from engine import Recorder

N_RUNS, N_CHECKPOINTS = 100, 27
LABELS = {"train": np.arange(200) % 10, "test": np.arange(100) % 10}
ROUNDS = 10
BOUND = 2.0
STAMPS = """() => {
  window.stamps = [];
  let grown = 0;
  let first = 0;
  let known = inpca.state.scene.n_models;
  inpca.on("grown", () => { grown = Date.now(); });
  inpca.on("draw", ({ scene }) => { if (scene.n_models !== known) first = first || Date.now(); });
  inpca.on("drawn", ({ scene }) => {
    if (scene.n_models === known) return;
    known = scene.n_models;
    stamps.push([grown, first, Date.now()]);
    first = 0;
  });
}"""


def record_study(folder: Path) -> None:
    """Record a study of ``N_RUNS`` runs."""
    for run in range(N_RUNS):
        with recorder_of(folder, f"run-{run:03d}", run) as recorder:
            for step in range(N_CHECKPOINTS):
                record_step(recorder, step, run)


def recorder_of(folder: Path, run_id: str, seed: int) -> Recorder:
    """Return a recorder of a run of one of four architectures."""
    hyperparameters = {"architecture": ("cnn", "mlp", "rnn", "vit")[seed % 4], "seed": seed}
    return Recorder(folder, hyperparameters, LABELS, run_id=run_id)


def record_step(recorder: Recorder, step: int, seed: int) -> float:
    """Commit a checkpoint and return the time of the commit, in seconds."""
    done = step / (2 * N_CHECKPOINTS)
    rng = np.random.default_rng([seed, step])
    logits = {
        split: 8 * done * np.eye(10)[true] + 2 * done * rng.normal(size=(len(true), 10))
        for split, true in LABELS.items()
    }
    recorder.record(step=step, epoch=float(step), **logits)
    return time.time()


def live_rows(session: Session, folder: Path) -> list[Row]:
    """Return the rows of following a run that grows at random times, in a study of a hundred others."""
    recorder = recorder_of(folder, "growing", 1000)
    for step in range(5):
        record_step(recorder, step, 1000)
    session.page.goto(session.address)
    session.wait_for_scene()
    session.page.evaluate(STAMPS)
    session.page.click("#live-follow")
    session.page.wait_for_timeout(3000)
    lags = []
    for step in range(5, 5 + ROUNDS):
        time.sleep(random.Random(step).uniform(0.0, 1.0))
        known = session.page.evaluate("stamps.length")
        committed = record_step(recorder, step, 1000)
        session.page.wait_for_function("known => stamps.length > known", arg=known, timeout=60_000)
        lags.append([stamp / 1000 - committed for stamp in session.page.evaluate("stamps.at(-1)")])
        session.page.wait_for_timeout(1500)
    recorder.close()
    names = ("its run's tables taken in", "first frame that shows it", "picture at rest")
    rows = []
    for name, values in zip(names, zip(*lags, strict=True), strict=True):
        value = f"{statistics.median(values):.2f} s ({min(values):.2f} to {max(values):.2f})"
        is_promised = name == names[1]
        met = max(values) <= BOUND if is_promised else None
        rows.append(Row(f"commit to {name}", value, f"at most {BOUND:.0f} s" if is_promised else "", met))
    return rows
