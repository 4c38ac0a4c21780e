"""Browser session: the app, a headless Chromium, and counted traffic."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import CDPSession, Page, sync_playwright

from benchmarks.page.chromium import SOFTWARE_WEBGL, find_chromium

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("page.js").read_text(encoding="utf-8")


@dataclass
class Traffic:
    """Traffic between calls of :meth:`Session.traffic`: requests, bytes of the largest body sent, bytes received."""

    requests: int = 0
    largest_upload: int = 0
    downloaded: int = 0


class Session:
    """A browser tab with its developer protocol and its server process."""

    def __init__(self, page: Page, protocol: CDPSession, address: str, server: subprocess.Popen[str]) -> None:
        self.page = page
        self.address = address
        self.server = server
        self._protocol = protocol
        self._traffic = Traffic()
        for domain in ("Network", "Performance", "HeapProfiler"):
            protocol.send(f"{domain}.enable")
        protocol.on("Network.requestWillBeSent", self._on_request)
        protocol.on("Network.loadingFinished", self._on_answer)

    def _on_request(self, event: dict) -> None:
        address = event["request"]["url"]
        # The page polls every few seconds whether the study has grown, independent of clicks.
        if address.startswith("http") and "/pulse?" not in address:
            self._traffic.requests += 1
            body = event["request"].get("postData", "")
            self._traffic.largest_upload = max(self._traffic.largest_upload, len(body.encode()))

    def _on_answer(self, event: dict) -> None:
        self._traffic.downloaded += int(event["encodedDataLength"])

    def traffic(self) -> Traffic:
        """Return the traffic since the last call."""
        self.page.wait_for_timeout(50)
        passed, self._traffic = self._traffic, Traffic()
        return passed

    def main_thread(self) -> float:
        """Return the milliseconds of main-thread work since the page was made, as measured by Chromium."""
        metrics = self._protocol.send("Performance.getMetrics")["metrics"]
        return 1000.0 * next(entry["value"] for entry in metrics if entry["name"] == "TaskDuration")

    def heap(self) -> float:
        """Return the reachable JavaScript heap in megabytes."""
        for _ in range(2):
            self._protocol.send("HeapProfiler.collectGarbage")
        return float(self._protocol.send("Runtime.getHeapUsage")["usedSize"]) / 2**20

    def wait_for_scene(self, key: str = "") -> None:
        """Wait until an embedding (the given one, or any) is displayed and at rest."""
        self.page.wait_for_function(
            "key => (shown => key ? shown === key : shown)(document.getElementById('page')?.dataset.scene)",
            arg=key,
            timeout=180_000,
        )
        self.page.wait_for_timeout(1500)

    def resident_megabytes(self) -> float:
        """Return the resident memory of the server, as measured by the kernel."""
        match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.server.pid}/status").read_text())
        assert match is not None
        return int(match.group(1)) / 1024


@dataclass(frozen=True)
class Start:
    """Start of the app: seconds until the address was printed, and the browser's name."""

    seconds: float
    browser: str


@contextmanager
def served(studies: Path | None = None, *, is_compiled: bool = True) -> Iterator[tuple[Session, Start]]:
    """Start the app with an empty cache, on the studies that ship or others, and open an empty tab.

    Args:
        studies: a folder of other studies.
        is_compiled: False gives the app an empty cache of compiled kernels, as after a fresh clone.
    """
    executable = find_chromium()
    if executable is None:
        raise SystemExit("No Chromium on the path: install one first.")
    with tempfile.TemporaryDirectory() as cache, sync_playwright() as playwright:
        began = time.perf_counter()
        command = [sys.executable, "app.py", "--port", "0", "--cache", cache]
        if studies is not None:
            command += ["--studies", str(studies)]
        environment = dict(os.environ) if is_compiled else {**os.environ, "NUMBA_CACHE_DIR": f"{cache}/compiled"}
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment)
        try:
            assert server.stdout is not None
            address = re.search(r"http://\S+", server.stdout.readline())
            assert address is not None
            start = Start(time.perf_counter() - began, "")
            browser = playwright.chromium.launch(executable_path=executable, args=list(SOFTWARE_WEBGL))
            context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
            context.add_init_script(SCRIPT)
            page = context.new_page()
            session = Session(page, context.new_cdp_session(page), address.group(), server)
            yield session, Start(start.seconds, f"Chromium {browser.version}")
            browser.close()
        finally:
            server.terminate()
            server.wait()
