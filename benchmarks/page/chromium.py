"""The Chromium of benchmarks, screenshots and browser tests, with WebGL in software."""

from __future__ import annotations

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SOFTWARE_WEBGL = (
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
"""Command-line arguments: software WebGL, and no network traffic of Chromium's own."""


def find_chromium() -> str | None:
    """Return the first Chromium on the path, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)
