"""A dashboard that is served, and a Chromium to look at it with."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import waitress
from playwright.sync_api import Browser, sync_playwright

from dashboard import create_app
from engine import Explorer

CHROMIUM = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@contextmanager
def served_browser(explorer: Explorer) -> Iterator[tuple[Browser, str]]:
    """The browser, and the address of the dashboard without a slash at its end."""
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        raise SystemExit("No Chromium on the path: install one first.")
    server = waitress.create_server(create_app(explorer).server, host="127.0.0.1", port=0)
    threading.Thread(target=server.run, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM)
        yield browser, f"http://127.0.0.1:{server.effective_port}"
        browser.close()
    server.close()
