"""Context of a served dashboard and a Chromium browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from benchmarks.page.chromium import SOFTWARE_WEBGL, find_chromium
from dashboard import create_app
from dashboard.saved import Saved
from dashboard.server.waitress import make_server
from engine import Explorer


@contextmanager
def served_browser(explorer: Explorer, saved: Saved | None = None) -> Iterator[tuple[Browser, str]]:
    """Yield a browser, and the address of the dashboard without trailing slash."""
    executable = find_chromium()
    if executable is None:
        raise SystemExit("No Chromium on the path: install one first.")
    server = make_server(create_app(explorer, saved=saved), "127.0.0.1", 0)
    threading.Thread(target=server.run, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(SOFTWARE_WEBGL))
        yield browser, f"http://127.0.0.1:{server.effective_port}"
        browser.close()
    server.close()
