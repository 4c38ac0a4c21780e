"""Synthetic study of any size in the page, unknown to the server."""

from __future__ import annotations

from pathlib import Path

from tests.browser.conftest import Visit

SCRIPT = Path(__file__).with_name("synthetic_scene.js").read_text(encoding="utf-8")


def show_synthetic(tab: Visit, runs: int, checkpoints: int) -> None:
    """Show a synthetic study in a page and wait until it is drawn.

    Args:
        tab: a tab in which a study is open.
        runs: number of runs.
        checkpoints: number of checkpoints of each run; the picture has runs * checkpoints vertices.
    """
    page = tab.page
    key = f"synthetic-{runs}-{checkpoints}"
    # The server does not know the study: its saved views and pulse are answered here.
    views = {"views": [], "tour": [], "problems": []}
    page.route("**/api/studies/synthetic/views", lambda route: route.fulfill(json=views))
    page.route("**/api/studies/synthetic/pulse?*", lambda route: route.fulfill(status=304))
    page.route("**/api/shuffled", lambda route: route.fulfill(json={"state": "failed", "key": "", "message": "None."}))
    page.evaluate("() => inpca.on('drawn', ({ scene }) => (window.drawnScene = scene.key))")
    page.evaluate(SCRIPT, {"runs": runs, "checkpoints": checkpoints})
    page.wait_for_function("key => window.drawnScene === key", arg=key)
    tab.settle()
