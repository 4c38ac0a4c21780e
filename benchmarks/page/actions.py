"""Benchmark of browser-only actions, from click to picture."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.page.session import Session
from benchmarks.page.table import Row

WORDS = {
    "filter": "filter by a pill",
    "range": "filter by a range",
    "search": "filter by text",
    "colour": "colour",
    "hide": "hide by the legend",
    "axes": "axes",
    "slider": "time slider",
}
REPEATS = 8
WARM_UP = 2


def action_rows(session: Session, names: Sequence[str], bound: float) -> list[Row]:
    """Return one row per action, each measured several times in a row.

    Args:
        session: a page with a scene; "automatic" is switched off, so that no new embedding is computed.
        names: keys of ``WORDS``; names without a control on the page are omitted.
        bound: upper bound of main-thread time in milliseconds.
    """
    session.page.evaluate("dash_clientside.set_props('automatic', {checked: false})")
    session.page.wait_for_timeout(500)
    able = [name for name in names if session.page.evaluate("name => measure.canDo(name)", name)]
    return [_row(session, name, bound) for name in able]


def _row(session: Session, name: str, bound: float) -> Row:
    """Return the row of one action: medians and ranges after the warm-up, and whether the bound is met."""
    session.traffic()
    pictures, busy, longest = [], [], []
    for turn in range(WARM_UP + REPEATS):
        before = session.main_thread()
        taken = session.page.evaluate("([name, turn]) => measure.act(name, turn)", [name, turn])
        if turn >= WARM_UP:
            busy.append(session.main_thread() - before)
            pictures.append(taken["toPicture"])
            longest.append(taken["longest"])
        session.page.wait_for_timeout(200)
    requests = session.traffic().requests
    value = (
        f"main thread {statistics.median(busy):.0f} ms ({min(busy):.0f} to {max(busy):.0f}), "
        f"longest task {statistics.median(longest):.0f} ms, to the picture {statistics.median(pictures):.0f} ms, "
        f"{requests} requests"
    )
    met = statistics.median(busy) < bound and requests == 0
    return Row(WORDS[name], value, f"< {bound:.0f} ms of main thread, no request", met)
