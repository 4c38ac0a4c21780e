r"""Benchmark of GPU tiles, with the roofline of the kernel.

The models are generated on the card. The time of a tile is a part per pair, mostly the transfer of the result to the
host, and a part per pair and sample, that of the kernel:

.. math:: T = \alpha M^2 + \beta M^2 N

Two numbers of samples determine both parts, and with them the time of any number of models and samples.

The kernel's roofline is the largest of the least times of the card's units per pair and sample, at the
rates of the floor: tensor cores for the products, float32 units for the running product, memory for the panels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine.measuring.accuracy import Oracle
from benchmarks.engine.measuring.floor import Floor
from benchmarks.engine.measuring.models import CHECKPOINTS
from benchmarks.engine.measuring.report import Goal, Table, duration, error_cells, seconds_cells, short
from benchmarks.engine.measuring.timing import Candidate, Discipline, measure
from engine.distances.kernels import select_kernel
from engine.distances.kernels.contract import Kernel

ROUNDS = 3
JUDGED_RUNS = 3
PRODUCTS = {1: 1, 2: 3, 3: 6}
"""Matrix products of an overlap, by the number of 16-bit terms that represent a root."""
PADDED_CLASSES = 16
"""Number of classes that tensor cores sum at once."""
LEAST_SHARE = 50.0


@dataclass(frozen=True, slots=True)
class CardCase:
    """Runs, two numbers of samples, classes; shape of the extrapolated study, and the upper bound of its seconds."""

    n_runs: int
    few_samples: int
    many_samples: int
    n_classes: int
    study: tuple[int, int]
    most_seconds: float | None = None

    @property
    def n_models(self) -> int:
        return self.n_runs * CHECKPOINTS

    @property
    def name(self) -> str:
        return f"{self.n_models} x {self.many_samples} x {self.n_classes}"


FULL = (CardCase(500, 1000, 10_000, 10, (151_407, 50_000), 120.0),)
QUICK = (CardCase(10, 100, 1000, 10, (151_407, 50_000)),)


def run_card(case: CardCase, device: str, floor: Floor, discipline: Discipline) -> tuple[list[Table], list[Goal]]:
    """Return the tables and the goals of one case.

    Args:
        case: the shape.
        device: a GPU.
        floor: rates of the GPU.
        discipline: precautions of the measurement.
    """
    kernel = select_kernel(device)
    judged: dict[int, list[NDArray[np.float32]]] = {}
    candidates = {}
    numbers = (case.few_samples, case.many_samples)
    for n_samples in numbers:
        judged[n_samples] = []
        panels = kernel.pack(_roots(case, n_samples, device, judged[n_samples]), case.n_models)
        candidates[f"{n_samples} samples"] = Candidate(partial(_values, kernel, panels))
    timings, results = measure(candidates, ROUNDS, discipline)
    rows = []
    for name, n_samples in zip(candidates, numbers, strict=True):
        models = np.concatenate(judged[n_samples])
        errors = Oracle(models).errors(results[name][: len(models), : len(models)])
        rows.append((name, *seconds_cells(timings[name]), *error_cells(errors)))
    few, many = (timings[name].median for name in candidates)
    per_sample = (many - few) / (case.many_samples - case.few_samples)
    n_models, n_samples = case.study
    seconds = (n_models / case.n_models) ** 2 * per_sample * n_samples
    pairs = 0.5 * case.n_models * (case.n_models + 1)
    share = 2.0 * (case.n_classes + 1) * pairs / per_sample / floor.multiply_adds
    note = (
        f"A sample more costs {duration(per_sample)}: {short(pairs / per_sample / 1e12)} million million pairs and "
        f"samples a second, or {100 * share:.3g} % of the floor's multiply-adds (classes plus one each). At that rate "
        f"{n_models} x {n_samples} x {case.n_classes} takes {duration(seconds)} of computing."
    )
    columns = ("what", "median", "spread", "samples", "others", "abs. error", "rel. error")
    goals = []
    if case.most_seconds is not None:
        what = f"{n_models} x {n_samples} x {case.n_classes}, from {case.name}"
        goals.append(Goal(what, seconds, case.most_seconds, False, "s"))
    tables = [Table(f"On the card: {case.name}, kernel, models packed", columns, rows, note)]
    n_terms = getattr(kernel, "n_terms", None)
    if n_terms is not None and floor.tensor_flops is not None:
        table, roofline_share = roofline(case.n_classes, n_terms, floor, per_sample / pairs)
        tables.append(table)
        if case.most_seconds is not None:
            goals.append(Goal(f"{case.name}: kernel's share of its roofline", roofline_share, LEAST_SHARE, True, "%"))
    return tables, goals


def roofline(n_classes: int, n_terms: int, floor: Floor, seconds: float) -> tuple[Table, float]:
    """Return the least time of each unit of the card per pair and sample, and the kernel's share in per cent.

    Args:
        n_classes: number of classes.
        n_terms: number of 16-bit terms that represent a root.
        floor: rates of the card, tensor cores included.
        seconds: the kernel's time per pair and sample.
    """
    from engine.distances.kernels.triton_program import BLOCK
    from engine.distances.kernels.triton_tile import NEIGHBOURS

    assert floor.tensor_flops is not None
    flops = 2.0 * PRODUCTS[n_terms] * -(-n_classes // PADDED_CLASSES) * PADDED_CLASSES
    # Both panels of a square of tiles are read once for all its pairs.
    n_bytes = 2.0 * 2.0 * n_terms * n_classes / (NEIGHBOURS * BLOCK)
    needs = {
        "tensor cores: products, classes padded": (flops, "flop", floor.tensor_flops),
        # A multiplication takes the time of a multiply-add.
        "float32 units: running product": (2.0, "flop", floor.multiply_adds),
        "memory: panels": (n_bytes, "B", floor.copied),
    }
    least = {name: amount / rate for name, (amount, _, rate) in needs.items()}
    bound = max(least, key=lambda name: least[name])
    rows = [
        (name, f"{short(amount)} {unit}", f"{short(1e15 * least[name])} fs", f"{100 * least[name] / seconds:.3g} %",
         "**this**" if name == bound else "")
        for name, (amount, unit, _) in needs.items()
    ]  # fmt: skip
    note = (
        f"For a pair and sample, which take the kernel {short(1e15 * seconds)} fs. Moving exponents and bookkeeping "
        "have no rate of their own in the floor: docs/gpu.md counts their instructions."
    )
    columns = ("part of the card", "needed", "least time", "share", "bound that holds")
    return Table("Roofline of the kernel on the card", columns, rows, note), 100.0 * least[bound] / seconds


def _values(kernel: Kernel, panels: Any, _: None) -> NDArray[np.float64]:
    return kernel.tile(panels, None)[0]


def _roots(
    case: CardCase, n_samples: int, device: str, judged: list[NDArray[np.float32]]
) -> Iterator[NDArray[np.float32]]:
    """Yield the square roots of each run, generated on the card; keep the log-probabilities of the first ones."""
    import torch

    random = torch.Generator(device=device).manual_seed(11)
    shape = n_samples, case.n_classes

    def normal() -> Any:
        return torch.randn(shape, generator=random, device=device)

    goal = 15.0 * torch.nn.functional.one_hot(normal().argmax(dim=1), case.n_classes)
    times = torch.linspace(0.05, 1.0, CHECKPOINTS, device=device)[:, None, None]
    for run in range(case.n_runs):
        start, own = normal(), normal()
        logits = 0.1 * start + times * (torch.rand((), generator=random, device=device) * goal + 2.0 * own)
        logs = torch.log_softmax(logits, dim=2)
        if run < JUDGED_RUNS:
            judged.append(logs.cpu().numpy())
        roots = torch.exp(0.5 * logs.double())
        yield (roots / roots.norm(dim=2, keepdim=True)).float().cpu().numpy()
