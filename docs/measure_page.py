"""Measure the page as a visitor feels it, and print a table: start, first picture, selection changes, memory.

Run from the project's root: ``python docs/measure_page.py [--study digits] [--rounds 12]``. Starts ``app.py`` with an
empty cache in a process of its own, drives it in headless Chromium (software WebGL), and stops it.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WAIT_FOR_SCENE = "old => { const k = document.getElementById('page')?.dataset.scene; return k && k !== old; }"


def main() -> None:
    """Start, drive, print, stop."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--study", default="digits")
    arguments.add_argument("--rounds", type=int, default=12)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        began = time.perf_counter()
        command = [sys.executable, "app.py", "--port", "0", "--cache", cache]
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        try:
            rows = measure(server, began, options.study, options.rounds)
        finally:
            server.terminate()
            server.wait()
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"| {name.ljust(width)} | {value} |")


def measure(server: subprocess.Popen[str], began: float, study: str, rounds: int) -> list[tuple[str, str]]:
    """Rows of the table: what was measured, and the figure with its unit."""
    assert server.stdout is not None
    address = re.search(r"http://\S+", server.stdout.readline())
    assert address is not None
    serving = time.perf_counter() - began
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        opened = time.perf_counter()
        page.goto(f"{address.group()}?d={study}")
        page.wait_for_selector("#filters fieldset", timeout=60_000)
        ready = time.perf_counter() - opened
        page.wait_for_function(WAIT_FOR_SCENE, arg="", timeout=120_000)
        picture = time.perf_counter() - opened
        first = page.inner_text("#status-line")
        cold = [selection_change(page, index) for index in range(rounds)]
        warm = [selection_change(page, index) for index in range(rounds)]
        memory = resident_megabytes(server.pid)
        browser.close()
    return [
        ("command to URL printed", f"{serving:.2f} s"),
        ("page opened to controls ready", f"{ready:.2f} s"),
        ("page opened to first picture (empty cache)", f"{picture:.2f} s"),
        ("first embedding, as the page says", first),
        (f"selection change to picture, new selections ({rounds})", milliseconds(cold)),
        (f"selection change to picture, seen before ({rounds})", milliseconds(warm)),
        ("server's resident memory", f"{memory:.0f} MB"),
    ]


def selection_change(page: Page, index: int) -> float:
    """Seconds from a click on a pill to the frame after the new embedding was drawn; the pill is released again."""
    measured = page.evaluate(
        """async index => {
            const pills = document.querySelectorAll('#filters .mantine-Chip-input');
            const root = document.getElementById('page');
            const changed = () => new Promise(resolve => {
                const observer = new MutationObserver(() => {
                    observer.disconnect();
                    requestAnimationFrame(() => setTimeout(resolve));
                });
                observer.observe(root, {attributeFilter: ['data-scene']});
            });
            const timed = async () => {
                const done = changed();
                const began = performance.now();
                pills[index % pills.length].click();
                await done;
                return (performance.now() - began) / 1000;
            };
            const there = await timed();
            await timed();
            return there;
        }""",
        index,
    )
    page.wait_for_timeout(200)
    return float(measured)


def milliseconds(seconds: list[float]) -> str:
    """Median with the range."""
    return f"{1000 * statistics.median(seconds):.0f} ms ({1000 * min(seconds):.0f} to {1000 * max(seconds):.0f})"


def resident_megabytes(pid: int) -> float:
    """Resident memory of a process, from the kernel's own account."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match is not None
    return int(match.group(1)) / 1024


if __name__ == "__main__":
    main()
