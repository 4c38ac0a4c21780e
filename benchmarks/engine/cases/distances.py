"""Benchmark of all pairwise distances against published algorithms and the floor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.engine.measuring import published
from benchmarks.engine.measuring.accuracy import Oracle
from benchmarks.engine.measuring.models import log_probabilities
from benchmarks.engine.measuring.report import Goal, Table, error_cells, seconds_cells, short
from benchmarks.engine.measuring.timing import Candidate, Discipline, Timing, measure
from engine.distances.kernels import select_kernel
from engine.distances.kernels.roots import square_roots
from engine.distances.pairwise import pairwise_distances

ROUNDS = 3
PACK_MODELS = 64

ENGINE = "engine, from log-probabilities"
KERNEL = "kernel, models packed"
TORCH_PATH = "torch path, models packed"
TORCH = "published, torch form"
BARE = "torch form at its best"
NUMPY = "published, numpy form"
NOTE = (
    "*Engine* checks, renormalises, packs, measures and repairs near pairs; *kernel* and *torch path* measure models "
    "that are packed already, without the repair. The published forms compute both triangles; the torch form at its "
    "best leaves out their edge cases and keeps its chunks in the cache. *Share* is of the floor's multiply-adds: "
    "classes plus one for each sample of each unordered pair."
)


@dataclass(frozen=True, slots=True)
class DistanceCase:
    """Shape and bounds of one case.

    Attributes:
        n_models, n_samples, n_classes: the shape.
        n_published: number of samples for the published forms; their times are scaled to all samples.
        least: lower bounds of the speed-up over the published torch and numpy forms, and of the share of the floor in
            per cent; None without a bound.
    """

    n_models: int
    n_samples: int
    n_classes: int
    n_published: int
    least: tuple[float | None, float | None, float | None] = (None, None, None)

    @property
    def name(self) -> str:
        return f"{self.n_models} x {self.n_samples} x {self.n_classes}"


FULL = (
    DistanceCase(500, 1797, 10, 1797, (80.0, 30.0, None)),
    DistanceCase(2000, 1797, 10, 66, (100.0, 50.0, 45.0)),
    DistanceCase(500, 1000, 100, 500, (10.0, 12.0, None)),
)
QUICK = (DistanceCase(200, 200, 10, 200), DistanceCase(100, 100, 100, 100))


def run_distances(
    case: DistanceCase, device: str, multiply_adds: float, discipline: Discipline
) -> tuple[Table, list[Goal]]:
    """Return the table and the goals of one shape.

    Args:
        case: the shape.
        device: device of all candidates; the numpy form runs on the CPU only.
        multiply_adds: operations per second of the floor.
        discipline: precautions of the measurement.
    """
    models = log_probabilities(case.n_models, case.n_samples, case.n_classes)
    some = models[:, : case.n_published]
    candidates = {ENGINE: Candidate(lambda _: pairwise_distances(models, device=device).values)}
    candidates |= _packed(models, device) | _published(some, device)
    timings, results = measure(candidates, ROUNDS, discipline)
    oracle = Oracle(models)
    oracle_of_some = oracle if case.n_published == case.n_samples else Oracle(some)
    factor = case.n_samples / case.n_published
    rows = []
    for name in candidates:
        is_published = name in (TORCH, BARE, NUMPY)
        if is_published:
            timings[name] = timings[name].scaled(factor)
        errors = (oracle_of_some if is_published else oracle).errors(results[name])
        ratios = [f"{short(timings[name].median / timings[ours].median)}" for ours in (KERNEL, ENGINE)]
        share = f"{100 * _share(case, timings[name], multiply_adds):.2g} %"
        scaled = f", from {case.n_published} samples" if is_published and factor > 1 else ""
        rows.append((name + scaled, *seconds_cells(timings[name]), *ratios, share, *error_cells(errors)))
    columns = (
        "what", "median", "spread", "samples", "others", "x kernel", "x engine", "share", "abs. error", "rel. error",
    )  # fmt: skip
    title = f"Distances, {case.name} (models x samples x classes)"
    return Table(title, columns, rows, NOTE), _goals(case, timings, multiply_adds)


def _packed(models: Any, device: str) -> dict[str, Candidate]:
    """Return the device's kernel and the torch path, on packed models."""
    from engine.distances.kernels.torch_tile import TorchKernel

    def tile(kernel: Any) -> Callable[[Any], object]:
        blocks = (square_roots(models[start : start + PACK_MODELS]) for start in range(0, len(models), PACK_MODELS))
        panels = kernel.pack(blocks, len(models))

        def call(_: Any) -> object:
            values, _ = kernel.tile(panels, None)
            np.fill_diagonal(values, 0.0)
            return values

        return call

    return {
        KERNEL: Candidate(tile(select_kernel(device))),
        TORCH_PATH: Candidate(tile(TorchKernel(device))),
    }


def _published(models: Any, device: str) -> dict[str, Candidate]:
    import torch

    probabilities = np.ascontiguousarray(np.exp(models).transpose(1, 0, 2))
    tensor = torch.from_numpy(probabilities).to(device)
    forms = {
        TORCH: Candidate(lambda _: published.torch_form(tensor)),
        BARE: Candidate(lambda _: published.bare_torch_form(tensor)),
    }
    if device == "cpu":
        forms[NUMPY] = Candidate(lambda _: published.numpy_form(probabilities))
    return forms


def _share(case: DistanceCase, timing: Timing, multiply_adds: float) -> float:
    """Return the share of the floor: C multiply-adds and one multiplication per sample of each unordered pair."""
    pair_samples = 0.5 * case.n_models * (case.n_models + 1) * case.n_samples
    return 2.0 * (case.n_classes + 1) * pair_samples / timing.median / multiply_adds


def _goals(case: DistanceCase, timings: dict[str, Timing], multiply_adds: float) -> list[Goal]:
    torch_least, numpy_least, share_least = case.least
    kernel = timings[KERNEL]
    goals = []
    for name, least in ((TORCH, torch_least), (NUMPY, numpy_least)):
        if least is not None and name in timings:
            ratio = timings[name].median / kernel.median
            goals.append(Goal(f"{case.name}: kernel against {name}", ratio, least, True, "times"))
    if share_least is not None:
        share = 100 * _share(case, kernel, multiply_adds)
        goals.append(Goal(f"{case.name}: kernel's share of the multiply-adds", share, share_least, True, "%"))
    return goals
