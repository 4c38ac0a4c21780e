"""Benchmark of a visit: first load, new selections, memory, graphics contexts."""

from __future__ import annotations

import statistics
import time

from benchmarks.page.session import Session, Start
from benchmarks.page.table import Row

OVERHEAD_BOUND = 150.0
UPLOAD_BOUND = 20_000
FRESH_BOUND = 4.0
HEAP_ACTIONS = 100
HEAP_BOUND = 0.10
CONTEXTS_BOUND = 4


def load_rows(session: Session, start: Start, study: str) -> list[Row]:
    """Return the rows of opening a study in an empty tab, with an empty cache."""
    opened = time.perf_counter()
    session.page.goto(f"{session.address}?d={study}")
    session.page.wait_for_selector("#filters fieldset", timeout=60_000)
    ready = time.perf_counter() - opened
    session.page.wait_for_function("() => document.getElementById('page')?.dataset.scene", timeout=180_000)
    picture = time.perf_counter() - opened
    session.page.wait_for_timeout(1500)
    traffic = session.traffic()
    return [
        Row("command to address printed", f"{start.seconds:.2f} s"),
        Row("page opened to controls ready", f"{ready:.2f} s"),
        Row("page opened to first picture, nothing cached", f"{picture:.2f} s"),
        Row("first load", f"{traffic.downloaded / 1e6:.2f} MB in {traffic.requests} requests"),
        Row("first embedding, as the page says", session.page.inner_text("#status-line")),
    ]


def fresh_rows(session: Session, start: Start, study: str) -> list[Row]:
    """Return the rows of opening a study when no kernel has been compiled yet."""
    opened = time.perf_counter()
    session.page.goto(f"{session.address}?d={study}")
    session.page.wait_for_function(
        "() => (page => page?.dataset.scene || page?.hasAttribute('data-preview'))(document.getElementById('page'))",
        timeout=180_000,
    )
    picture = time.perf_counter() - opened
    words = session.page.inner_text("#status-line")
    session.page.wait_for_function("() => document.getElementById('page')?.dataset.scene", timeout=180_000)
    exact = time.perf_counter() - opened
    return [
        Row("command to address printed", f"{start.seconds:.2f} s"),
        Row("page opened to first picture", f"{picture:.2f} s", f"at most {FRESH_BOUND:.0f} s", picture <= FRESH_BOUND),
        Row("which is, as the page says", words),
        Row("page opened to the exact embedding in its place", f"{exact:.2f} s"),
    ]


def selection_rows(session: Session, rounds: int) -> list[Row]:
    """Return the rows of changing the selection until its embedding is drawn: new ones, then the same again."""
    return [
        _selection_row(session, f"selection change to picture, {kind} ({rounds})", rounds)
        for kind in ("new selections", "seen before")
    ]


def _selection_row(session: Session, name: str, rounds: int) -> Row:
    """Return the row of some changes of the selection, each followed by the change back."""
    session.traffic()
    total, overhead = [], []
    for index in range(rounds):
        there = session.page.evaluate("index => measure.reselect(index)", index)
        session.page.evaluate("index => measure.reselect(index)", index)
        total.append(there["toPicture"])
        overhead.append(there["toPicture"] - (there["engine"] if "new" in name else 0.0))
        session.page.wait_for_timeout(200)
    upload = session.traffic().largest_upload
    beside = statistics.median(overhead)
    value = (
        f"{statistics.median(total):.0f} ms ({min(total):.0f} to {max(total):.0f}), beside the engine {beside:.0f} ms; "
        f"largest upload {upload:,} bytes"
    )
    met = beside < OVERHEAD_BOUND and upload < UPLOAD_BOUND
    return Row(name, value, f"engine + {OVERHEAD_BOUND:.0f} ms, uploads < 20 kB", met)


def memory_rows(session: Session) -> list[Row]:
    """Return the rows of memory before and after a hundred actions, and of graphics contexts."""
    names = [name for name in ("filter", "colour", "hide", "axes", "range") if _can(session, name)]
    _do(session, names, 4 * len(names))
    before = session.heap()
    _do(session, names, HEAP_ACTIONS)
    after = session.heap()
    growth = (after - before) / before
    contexts = session.page.evaluate("measure.contexts()")
    return [
        Row(
            f"JavaScript heap after {HEAP_ACTIONS} actions",
            f"{before:.1f} MB, then {after:.1f} MB ({100 * growth:+.1f} %)",
            f"growth < {100 * HEAP_BOUND:.0f} %",
            growth < HEAP_BOUND,
        ),
        Row("WebGL contexts alive", str(contexts), f"at most {CONTEXTS_BOUND}", contexts <= CONTEXTS_BOUND),
        Row("server's resident memory", f"{session.resident_megabytes():.0f} MB"),
    ]


def _can(session: Session, name: str) -> bool:
    return bool(session.page.evaluate("name => measure.canDo(name)", name))


def _do(session: Session, names: list[str], n_actions: int) -> None:
    for index in range(n_actions):
        name = names[index // 2 % len(names)]
        session.page.evaluate("([name, turn]) => measure.act(name, turn)", [name, index % 2])
