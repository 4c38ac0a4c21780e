"""Measure the page as a visitor feels it, against what is promised, and write the table.

Run from the project's root on a machine that does nothing else::

    python docs/measure_page.py --output docs/page.md

Starts ``app.py`` with an empty cache in a process of its own, drives it in headless Chromium (software WebGL), and
stops it. Studies of other sizes are made in the page, of copies of the runs on screen. Without ``--output`` it prints.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from measure.actions import WORDS, action_rows  # noqa: E402
from measure.growth import N_RUNS, live_rows, record_study  # noqa: E402
from measure.life import load_rows, memory_rows, selection_rows  # noqa: E402
from measure.session import Session, served  # noqa: E402
from measure.table import markdown  # noqa: E402

from engine.bench.machine import describe_machine  # noqa: E402

USUAL = (185, 27)
"""Runs and checkpoints of a study of some 5,000 vertices."""

PUBLISHED = (2300, 66)
"""The published study's size."""

INTRODUCTION = (
    "Written by `python docs/measure_page.py --output docs/page.md`. Figures are medians, with the range of repeats in "
    "brackets. Main-thread time is Chromium's own account of its tasks (`TaskDuration`), from the click to the second "
    "frame after the changed picture; the longest task comes from the page's `longtask` entries, which begin at 50 ms "
    "(0 stands for none). WebGL runs in software: with a graphics card, frames cost less. Requests are those of the "
    "action: the page's own question every few seconds whether the study has grown is not counted."
)

CLICK_BOUND = 100.0
LARGE_CLICK_BOUND = 300.0


def main() -> None:
    """Measure, then write or print."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--study", default="digits")
    arguments.add_argument("--rounds", type=int, default=12, help="selection changes")
    arguments.add_argument("--output", type=Path, help="Markdown file to write")
    options = arguments.parse_args()
    text = measure(options.study, options.rounds)
    if options.output:
        options.output.write_text(text, encoding="utf-8")
    else:
        print(text)


def measure(study: str, rounds: int) -> str:
    """The whole document."""
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
    """Let the page show a study of another size; the section's title."""
    session.page.evaluate("([runs, checkpoints]) => measure.multiply(runs, checkpoints)", [runs, checkpoints])
    session.wait_for_scene(f"multiplied-{runs}-{checkpoints}")
    return f"Clicks in {runs:,} runs of {checkpoints} checkpoints ({runs * checkpoints:,} vertices)"


if __name__ == "__main__":
    main()
