"""Peak rates of the machine: register multiply-adds, matrix products, copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from benchmarks.engine.measuring.report import Table, seconds_cells, short
from benchmarks.engine.measuring.timing import Candidate, Discipline, measure
from engine.machine import run_all, thread_count

LANES = 256
CHAINS = 8
"""Independent chains of multiply-adds: two units with a latency of four cycles need eight."""
STEPS = 16
REPEATS = 20_000
ROUNDS = 5
TENSOR_CORES = "tensor cores: matrix product, float16, sums in float32, 8192"


@dataclass(frozen=True, slots=True)
class Floor:
    """Peak rates of one device.

    Attributes:
        multiply_adds: float32 operations per second, two per multiply-add: on a CPU out of registers, on a GPU those
            of a large matrix product, which no kernel of float32 arithmetic exceeds.
        copied: bytes per second of a large copy, read and written.
        tensor_flops: operations per second of a GPU's tensor cores on float16, sums in float32; None on a CPU.
        table: these and other rates, for display.
    """

    multiply_adds: float
    copied: float
    tensor_flops: float | None
    table: Table


@cache
def _compile_chains() -> Any:
    """Return a loop of independent multiply-adds on numbers that stay in registers."""
    from numba import njit

    @njit(nogil=True, fastmath={"contract"})
    def chains(x, factor, term, repeats):  # type: ignore[no-untyped-def]
        for _ in range(repeats):
            for lane in range(x.shape[1]):
                s0, s1, s2, s3 = x[0, lane], x[1, lane], x[2, lane], x[3, lane]
                s4, s5, s6, s7 = x[4, lane], x[5, lane], x[6, lane], x[7, lane]
                for _ in range(STEPS):
                    s0, s1, s2, s3 = s0 * factor + term, s1 * factor + term, s2 * factor + term, s3 * factor + term
                    s4, s5, s6, s7 = s4 * factor + term, s5 * factor + term, s6 * factor + term, s7 * factor + term
                x[0, lane], x[1, lane], x[2, lane], x[3, lane] = s0, s1, s2, s3
                x[4, lane], x[5, lane], x[6, lane], x[7, lane] = s4, s5, s6, s7

    return chains


def measure_floor(device: str, quick: bool, discipline: Discipline) -> Floor:
    """Return the measured rates of the device, with their table."""
    works = _cpu_works(quick) if device == "cpu" else _gpu_works(device)
    timings, _ = measure({name: Candidate(call) for name, (call, _, _) in works.items()}, ROUNDS, discipline)
    rates = {name: amount / timings[name].median for name, (_, amount, _) in works.items()}
    rows = []
    for name, (_, _, unit) in works.items():
        rows.append((name, f"{short(rates[name] / 1e9)} {unit}", *seconds_cells(timings[name])))
    first, *_, copy = rates.values()
    columns = ("what", "rate", "median", "spread", "samples", "others")
    return Floor(first, copy, rates.get(TENSOR_CORES), Table("Floor of this machine", columns, rows))


Work = tuple[Callable[[Any], object], float, str]
"""Function, number of operations, and unit of 1e9 operations per second."""


def _cpu_works(quick: bool) -> dict[str, Work]:
    """Return the works of a CPU by name; the first are float32 multiply-adds, the last is a copy."""
    import torch

    repeats = REPEATS // 10 if quick else REPEATS
    size, n_bytes = (1024, 2**25) if quick else (4096, 2**28)
    threads = thread_count()
    chains = _compile_chains()
    x = np.ones((threads, CHAINS, LANES), dtype=np.float32)
    left = torch.ones((size, size))
    source = np.ones((threads, n_bytes // threads // 4), dtype=np.float32)
    target = np.empty_like(source)
    factor, term = np.float32(0.5), np.float32(0.25)
    return {
        "multiply-adds out of registers, float32": (
            lambda _: run_all([(chains, (x[k], factor, term, repeats)) for k in range(threads)]),
            2.0 * threads * CHAINS * LANES * STEPS * repeats,
            "Gflop/s",
        ),
        f"matrix product, float32, {size}": (lambda _: left @ left, 2.0 * size**3, "Gflop/s"),
        f"copy of {n_bytes >> 20} MB, read and written": (
            lambda _: run_all([(np.copyto, (target[k], source[k])) for k in range(threads)]),
            2.0 * source.nbytes,
            "GB/s",
        ),
    }


def _gpu_works(device: str) -> dict[str, Work]:
    """Return the works of a GPU by name; the first are float32 multiply-adds, the last is a copy."""
    import torch

    size, n_bytes = 8192, 2**31
    # float16 accumulation would be a different arithmetic from the kernel's.
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    works: dict[str, Work] = {}
    for name, dtype in ((f"matrix product, float32, {size}", torch.float32), (TENSOR_CORES, torch.float16)):
        # Zeros and ones would draw less power than random numbers, and run at a higher clock.
        left = torch.rand((size, size), device=device).to(dtype)
        works[name] = (_finished(device, left.__matmul__, left), 2.0 * size**3, "Gflop/s")
    source = torch.ones(n_bytes // 4, device=device)
    target = torch.empty_like(source)
    works[f"copy of {n_bytes >> 20} MB, read and written"] = (
        _finished(device, target.copy_, source), 2.0 * n_bytes, "GB/s",
    )  # fmt: skip
    return works


def _finished(device: str, function: Callable[[Any], object], argument: Any) -> Callable[[Any], object]:
    """Return a call that waits until the device has finished."""
    import torch

    def call(_: Any) -> None:
        function(argument)
        torch.cuda.synchronize(device)

    return call
