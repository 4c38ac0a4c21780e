"""Benchmark of the engine: fixed shapes and seeds, Markdown tables."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path

from engine.errors import DeviceError
from engine.machine import choose_device, find_device

CASES = (
    "floor", "distances", "card", "growth", "selections", "checks", "progress", "trajectories", "analyses", "store",
    "large",
)  # fmt: skip
"""``card`` runs on a GPU only."""


def run_bench(
    device: str | None = None,
    *,
    quick: bool = False,
    only: Collection[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> str:
    """Run the benchmark and return a page of Markdown tables.

    Args:
        device: ``"cpu"``, ``"cuda"``, ...; None takes the CPU.
        quick: small shapes that take under a minute and only test that it works.
        only: some of ``CASES``; empty means all of them.
        say: called with the name of the next measurement.

    Raises:
        DeviceError: the device is not available, or a case needs another one.
    """
    device = choose_device(device or "cpu") or find_device(device)
    from benchmarks.engine.cases import (
        analyses,
        checks,
        distances,
        selections,
        store,
    )
    from benchmarks.engine.cases import (
        card as card_cases,
    )
    from benchmarks.engine.cases import (
        growth as growth_cases,
    )
    from benchmarks.engine.cases import (
        large as large_cases,
    )
    from benchmarks.engine.cases import (
        progress as progress_cases,
    )
    from benchmarks.engine.cases import (
        trajectories as trajectory_cases,
    )
    from benchmarks.engine.measuring.floor import measure_floor
    from benchmarks.engine.measuring.machine import describe_machine
    from benchmarks.engine.measuring.report import Goal, Table, goals_table, markdown
    from benchmarks.engine.measuring.timing import Discipline

    began = time.monotonic()
    wanted = set(only) or set(CASES)
    if device == "cpu":
        if "card" in only:
            raise DeviceError("The case 'card' is measured on a GPU, received the device 'cpu': pass --device cuda.")
        wanted.discard("card")
    discipline = Discipline(most_rounds=2, window=0.05, settle=0.05, patience=2.0) if quick else Discipline()
    tables: list[Table] = []
    goals: list[Goal] = []

    def take(measured: tuple[Table, list[Goal]]) -> None:
        tables.append(measured[0])
        goals.extend(measured[1])

    with tempfile.TemporaryDirectory(prefix="inpca-bench-") as scratch:
        if wanted & {"floor", "distances", "card", "trajectories"}:
            say("the floor of this machine")
            floor = measure_floor(device, quick, discipline)
            tables.append(floor.table)
        if "distances" in wanted:
            for case in distances.QUICK if quick else distances.FULL:
                say(f"distances {case.name}")
                take(distances.run_distances(case, device, floor.multiply_adds, discipline))
        if "card" in wanted:
            for card in card_cases.QUICK if quick else card_cases.FULL:
                say(f"distances on the card, {card.name}")
                parts, reached = card_cases.run_card(card, device, floor, discipline)
                tables += parts
                goals += reached
        if "growth" in wanted:
            for growth in growth_cases.QUICK if quick else growth_cases.FULL:
                say(growth.name)
                take(growth_cases.run_growth(growth, device, Path(scratch), discipline))
        if "selections" in wanted:
            for selected in selections.QUICK if quick else selections.FULL:
                say(f"selection changes in a study of {selected.n_runs} runs")
                take(selections.run_selections(selected, device, Path(scratch), discipline))
        if "checks" in wanted:
            for check in checks.QUICK if quick else checks.FULL:
                say(f"checksums of the distances of {check.study.name}")
                take(checks.run_checks(check, device, Path(scratch), discipline))
        if "progress" in wanted:
            for progress in progress_cases.QUICK if quick else progress_cases.FULL:
                say(progress.name)
                take(progress_cases.run_progress(progress, discipline))
        if "trajectories" in wanted:
            for trajectories in trajectory_cases.QUICK if quick else trajectory_cases.FULL:
                say(trajectories.name)
                take(trajectory_cases.run_trajectories(trajectories, device, floor.multiply_adds, discipline))
        if "analyses" in wanted:
            for study in analyses.QUICK if quick else analyses.FULL:
                say(f"every figure of {study.study_id}")
                take(analyses.run_analyses(study, device, Path(scratch)))
        if "store" in wanted:
            for stored in store.QUICK if quick else store.FULL:
                say(f"the store with {stored.n_runs} runs")
                take(store.run_store(stored, Path(scratch)))
        if "large" in wanted:
            for large in large_cases.QUICK if quick else large_cases.FULL:
                say(f"{large.name} in a process of its own")
                take(large_cases.run_large(large, device, Path(scratch)))
    if goals:
        tables.insert(0, goals_table(goals))
    machine = [*describe_machine(device), ("took", f"{time.monotonic() - began:.0f} s")]
    return markdown(machine, tables)
