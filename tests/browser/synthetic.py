"""A study of any size in the page, without a server that knows it: for tests and for measuring."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

SCRIPT = Path(__file__).with_name("synthetic_scene.js").read_text(encoding="utf-8")


def show_synthetic(page: Page, runs: int, checkpoints: int) -> None:
    """Replace what a page shows by a synthetic study and wait until its embedding was taken up.

    Args:
        page: a page on which a study is open.
        runs: number of runs.
        checkpoints: of each run; the picture has the product of both in vertices.
    """
    key = f"synthetic-{runs}-{checkpoints}"
    # The server does not know the study, and would say so when it is asked for its saved views.
    views = {"views": [], "tour": [], "problems": []}
    page.route("**/api/studies/synthetic/views", lambda route: route.fulfill(json=views))
    page.route("**/api/studies/synthetic/pulse?*", lambda route: route.fulfill(status=304))
    page.evaluate("() => inpca.on('drawn', ({ scene }) => (window.drawnScene = scene.key))")
    page.evaluate(SCRIPT, {"runs": runs, "checkpoints": checkpoints})
    page.wait_for_function("key => window.drawnScene === key", arg=key)
    page.wait_for_timeout(300)
