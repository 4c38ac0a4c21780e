"""Take the README's screenshots: serve the studies that ship, open them in Chromium, save PNG files beside this script.

Run from the project's root: ``python docs/make_screenshots.py`` (needs requirements-dev.txt and a system Chromium).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from docs.served_browser import served_browser  # noqa: E402
from engine import Explorer  # noqa: E402

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
"""File name -> address, theme, and what is done before the picture is taken."""
SIZE = {"width": 1440, "height": 900}
SETTLE_MS = 3000


def main() -> None:
    """Serve, look, save."""
    with tempfile.TemporaryDirectory() as views:
        explorer = Explorer(ROOT / "data" / "studies", views=views)
        with served_browser(explorer) as (browser, address):
            for name, (query, scheme, actions) in VIEWS.items():
                page = browser.new_context(viewport=SIZE, color_scheme=scheme).new_page()  # type: ignore[arg-type]
                page.goto(f"{address}/{query}")
                page.wait_for_selector("#page[data-scene]", timeout=120_000)
                if (offer := page.get_by_role("button", name="not now")).is_visible():
                    offer.click()
                page.wait_for_timeout(SETTLE_MS)
                for action in actions:
                    page.evaluate(action)
                    page.wait_for_timeout(SETTLE_MS)
                page.screenshot(path=Path(__file__).with_name(name))
                print(f"docs/{name}")
        explorer.close()


if __name__ == "__main__":
    main()
