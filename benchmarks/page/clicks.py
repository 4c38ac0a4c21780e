"""Benchmark of clicks on the page, against its bounds.

Starts ``app.py`` with an empty cache in a separate process, drives it in headless Chromium (software WebGL), and
stops it. Studies of other sizes are made in the page from copies of the displayed runs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.engine.measuring.machine import describe_machine
from benchmarks.page.actions import WORDS, action_rows
from benchmarks.page.growth import N_RUNS, live_rows, record_study
from benchmarks.page.life import fresh_rows, load_rows, memory_rows, selection_rows
from benchmarks.page.session import Session, served
from benchmarks.page.table import markdown

USUAL = (185, 27)
"""Runs and checkpoints of a study of about 5,000 vertices."""

PUBLISHED = (2300, 66)
"""Size of the published study."""

INTRODUCTION = (
    "Written by `python -m benchmarks page --output docs/page.md`. Figures are medians, with the range of repeats in "
    "brackets. Main-thread time is Chromium's own account of its tasks (`TaskDuration`), from the click to the second "
    "frame after the changed picture; the longest task comes from the page's `longtask` entries, which begin at 50 ms "
    "(0 stands for none). WebGL runs in software: with a graphics card, frames cost less. Requests are those of the "
    "action: the page's own question every few seconds whether the study has grown is not counted."
)

CLICK_BOUND = 100.0
LARGE_CLICK_BOUND = 300.0


def measure(study: str, rounds: int) -> str:
    """Return the whole document."""
    with served() as (session, start):
        sections = [
            markdown(f"Opening the study {study}, and choosing in it", load_rows(session, start, study))
            + "\n"
            + markdown("A new selection", selection_rows(session, rounds))
        ]
        sections.append(markdown(multiplied(session, *USUAL), action_rows(session, list(WORDS), CLICK_BOUND)))
        sections.append(markdown("A hundred actions later", memory_rows(session)))
        sections.append(
            markdown(
                multiplied(session, *PUBLISHED), action_rows(session, ("filter", "range", "colour"), LARGE_CLICK_BOUND)
            )
        )
        renderer = session.page.evaluate("measure.renderer()")
    with served(is_compiled=False) as (session, fresh):
        sections.insert(1, markdown("The first start on a machine", fresh_rows(session, fresh, study)))
    with tempfile.TemporaryDirectory() as studies:
        folder = Path(studies) / "growing"
        record_study(folder)
        with served(Path(studies)) as (session, _):
            title = f"A checkpoint that is recorded meanwhile, in a study of {N_RUNS} runs, followed"
            sections.append(markdown(title, live_rows(session, folder)))
    machine = [*describe_machine("cpu"), ("browser", f"{start.browser}, headless"), ("WebGL", renderer)]
    head = [
        "# The page, measured",
        "",
        INTRODUCTION,
        "",
        *[f"- {name}: {value}" for name, value in machine],
        "",
    ]
    return "\n".join([*head, *sections])


def multiplied(session: Session, runs: int, checkpoints: int) -> str:
    """Make the page show a study of another size; return the section's title."""
    session.page.evaluate("([runs, checkpoints]) => measure.multiply(runs, checkpoints)", [runs, checkpoints])
    session.wait_for_scene(f"multiplied-{runs}-{checkpoints}")
    return f"Clicks in {runs:,} runs of {checkpoints} checkpoints ({runs * checkpoints:,} vertices)"
