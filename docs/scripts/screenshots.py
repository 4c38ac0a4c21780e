"""Screenshots of the page: the README's, or one of a given view.

``python -m docs.scripts.screenshots`` retakes the README's (needs requirements-dev.txt and a system Chromium);
``python -m docs.scripts.screenshots --view "?d=digits&m=pairs" --size 390x844 --dark --output view.png`` takes one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
from playwright.sync_api import Browser

from dashboard.saved import Saved
from docs.scripts.served_browser import served_browser
from engine import Explorer

ROOT = Path(__file__).resolve().parents[2]
MNIST = "?v=1&d=mnist1d&c=run%3Aarchitecture"
PIN_THREE = "[3, 30, 54].forEach(run => inpca.togglePin(inpca.state.scene.run_ids[run]))"
VIEWS = {
    "screenshot.png": (f"{MNIST}&split=test", "light", []),
    "screenshot-dark.png": ("?v=1&d=digits&c=model%3Atest_error", "dark", []),
    "tour-compare.png": (f"{MNIST}&split=test&m=compare", "light", []),
    "tour-pairs.png": (f"{MNIST}&split=test&m=pairs&tab=distances", "light", [PIN_THREE]),
    "tour-pins.png": (f"{MNIST}&split=test&t=0.6&tab=distances", "dark", [PIN_THREE]),
    "tour-present.png": (MNIST, "light", ["inpca.actions['present-toggle']()", "inpca.actions['present-next']()"]),
}
"""File name -> address, theme, and actions before the screenshot."""
SIZE = (1440, 900)
SETTLE_MS = 3000


@click.command()
@click.option("--view", help="Take one picture of this view: the page's address from its question mark on.")
@click.option("--size", default="x".join(map(str, SIZE)), show_default=True, help="Of the window, WIDTHxHEIGHT.")
@click.option("--dark", is_flag=True, help="In the dark theme.")
@click.option("--output", default="view.png", show_default=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--studies", default=ROOT / "data" / "studies", type=click.Path(file_okay=False, path_type=Path))
def main(view: str | None, size: str, dark: bool, output: Path, studies: Path) -> None:
    """Serve the studies and save the README's screenshots, or one."""
    with tempfile.TemporaryDirectory() as kept:
        explorer = Explorer(studies)
        with served_browser(explorer, Saved.at(kept)) as (browser, address):
            if view is not None:
                width, height = map(int, size.split("x"))
                take(browser, f"{address}/{view}", (width, height), "dark" if dark else "light", [], output)
            else:
                for name, (query, scheme, actions) in VIEWS.items():
                    take(browser, f"{address}/{query}", SIZE, scheme, actions, ROOT / "docs" / name)
        explorer.close()


def take(
    browser: Browser, address: str, size: tuple[int, int], scheme: str, actions: Sequence[str], output: Path
) -> None:
    """Open an address, wait for its picture, perform the actions, and save a screenshot."""
    viewport = {"width": size[0], "height": size[1]}
    page = browser.new_context(viewport=viewport, color_scheme=scheme).new_page()  # type: ignore[arg-type]
    page.goto(address)
    page.wait_for_selector("#page[data-scene]", timeout=120_000)
    if (offer := page.get_by_role("button", name="not now")).is_visible():
        offer.click()
    page.wait_for_timeout(SETTLE_MS)
    for action in actions:
        page.evaluate(action)
        page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=output)
    click.echo(output)


if __name__ == "__main__":
    main()
