"""Reads of one untrusted file, each in a process of its own, with the peak of its memory.

A separate module without torch, because a started process inherits the peak of the one that starts it.
"""

from __future__ import annotations

import gc
import multiprocessing
import resource
from pathlib import Path
from typing import Any

import numpy as np

from engine import EngineError
from engine.formats.candidates import Request
from engine.formats.import_plan import plan_import, read_labels
from engine.formats.tables import read_run_table

MEBIBYTE = 1 << 20


def peak_of(format_key: str, path: Path, **options: Any) -> tuple[str, float]:
    """What is said about a file, and by how many MiB the reading process, or one that it started, grew."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ours, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(theirs, format_key, path, options))
    process.start()
    theirs.close()
    try:
        said, peak = ours.recv()
    except EOFError:
        said, peak = "", float("inf")
    process.join()
    return said, peak


def _measure(answers: Any, format_key: str, path: Path, options: dict[str, Any]) -> None:
    if format_key == "weights":
        import torch

        # Its first loading takes memory for modules.
        torch.load(options["sound"], weights_only=True)
    before = _resident(resource.RUSAGE_SELF)
    said = _said(format_key, path, options)
    gc.collect()
    peak = max(_resident(resource.RUSAGE_SELF), _resident(resource.RUSAGE_CHILDREN)) - before
    answers.send((said, peak))


def _resident(who: int) -> float:
    return resource.getrusage(who).ru_maxrss * 1024 / MEBIBYTE


def _said(format_key: str, path: Path, options: dict[str, Any]) -> str:
    """Reasons why nothing is imported."""
    own = {name: str(options[name]) for name in ("build", "inputs") if name in options}
    labels = {"test": np.arange(options.get("n_samples", 5)) % 3}
    try:
        if format_key == "table":
            return f"{len(read_run_table(path).rows)} rows"
        if format_key == "labels":
            labels, format_key = read_labels(path, "test"), "arrays"
        request = Request(path, {}, "test", options=own)
        plan = plan_import(request, path.parent / "study", format_key, labels=labels, kind=options.get("kind", "auto"))
    except EngineError as error:
        return str(error)
    return f"{len(plan.arrivals)} runs; " + " ".join(map(str, plan.refusals))
