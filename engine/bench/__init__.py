"""Benchmark of the engine on this machine: fixed shapes and seeds, ratios side by side, a page of tables out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path

from engine.devices import choose_device, find_device
from engine.errors import DeviceError

CASES = ("floor", "distances", "card", "growth", "selections", "progress", "trajectories", "analyses", "store", "large")
"""``card`` is measured on a GPU only."""


def run_bench(
    device: str | None = None,
    *,
    quick: bool = False,
    only: Collection[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> str:
    """Measure and return the page of markdown tables.

    Args:
        device: ``"cpu"``, ``"cuda"``, ...; None takes the CPU.
        quick: shapes that take under a minute and prove nothing but that it works.
        only: some of ``CASES``; empty means all of them.
        say: told what is measured next.

    Raises:
        DeviceError: the device is not there, or is not the one a case is made for.
    """
    device = choose_device(device or "cpu") or find_device(device)
    from engine.bench import (
        analysis_cases,
        card_cases,
        distance_cases,
        growth_cases,
        large_cases,
        progress_cases,
        selection_cases,
        store_cases,
        trajectory_cases,
    )
    from engine.bench.floor import measure_floor
    from engine.bench.machine import describe_machine
    from engine.bench.report import Goal, Table, goals_table, markdown
    from engine.bench.timing import Discipline

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
            for case in distance_cases.QUICK if quick else distance_cases.FULL:
                say(f"distances {case.name}")
                take(distance_cases.run_distances(case, device, floor.multiply_adds, discipline))
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
            for selected in selection_cases.QUICK if quick else selection_cases.FULL:
                say(f"selection changes in a study of {selected.n_runs} runs")
                take(selection_cases.run_selections(selected, device, Path(scratch), discipline))
        if "progress" in wanted:
            for progress in progress_cases.QUICK if quick else progress_cases.FULL:
                say(progress.name)
                take(progress_cases.run_progress(progress, discipline))
        if "trajectories" in wanted:
            for trajectories in trajectory_cases.QUICK if quick else trajectory_cases.FULL:
                say(trajectories.name)
                take(trajectory_cases.run_trajectories(trajectories, device, floor.multiply_adds, discipline))
        if "analyses" in wanted:
            for study in analysis_cases.QUICK if quick else analysis_cases.FULL:
                say(f"every figure of {study.study_id}")
                take(analysis_cases.run_analyses(study, device, Path(scratch)))
        if "store" in wanted:
            for stored in store_cases.QUICK if quick else store_cases.FULL:
                say(f"the store with {stored.n_runs} runs")
                take(store_cases.run_store(stored, Path(scratch)))
        if "large" in wanted:
            for large in large_cases.QUICK if quick else large_cases.FULL:
                say(f"{large.name} in a process of its own")
                take(large_cases.run_large(large, device, Path(scratch)))
    if goals:
        tables.insert(0, goals_table(goals))
    machine = [*describe_machine(device), ("took", f"{time.monotonic() - began:.0f} s")]
    return markdown(machine, tables)
