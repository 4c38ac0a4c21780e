"""An app in a process of its own, and a headless Chromium in front of it that counts what passes between them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import CDPSession, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
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
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass
class Traffic:
    """What passed since the last look: requests, and bytes each way (bodies up, everything down)."""

    requests: int = 0
    largest_upload: int = 0
    downloaded: int = 0


class Session:
    """One tab, its developer protocol, and its server's process."""

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
        # The page asks every few seconds whether the study has grown, whatever is clicked meanwhile.
        if address.startswith("http") and "/pulse?" not in address:
            self._traffic.requests += 1
            body = event["request"].get("postData", "")
            self._traffic.largest_upload = max(self._traffic.largest_upload, len(body.encode()))

    def _on_answer(self, event: dict) -> None:
        self._traffic.downloaded += int(event["encodedDataLength"])

    def traffic(self) -> Traffic:
        """What passed since this was last asked."""
        self.page.wait_for_timeout(50)
        passed, self._traffic = self._traffic, Traffic()
        return passed

    def main_thread(self) -> float:
        """Milliseconds that the page's main thread has been busy since it was made, by Chromium's own account."""
        metrics = self._protocol.send("Performance.getMetrics")["metrics"]
        return 1000.0 * next(entry["value"] for entry in metrics if entry["name"] == "TaskDuration")

    def heap(self) -> float:
        """Megabytes of JavaScript objects that are still reachable."""
        for _ in range(2):
            self._protocol.send("HeapProfiler.collectGarbage")
        return float(self._protocol.send("Runtime.getHeapUsage")["usedSize"]) / 2**20

    def wait_for_scene(self, key: str = "") -> None:
        """Wait until an embedding (the one named, or any) is on screen and at rest."""
        self.page.wait_for_function(
            "key => (shown => key ? shown === key : shown)(document.getElementById('page')?.dataset.scene)",
            arg=key,
            timeout=180_000,
        )
        self.page.wait_for_timeout(1500)

    def resident_megabytes(self) -> float:
        """Resident memory of the server, from the kernel's own account."""
        match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.server.pid}/status").read_text())
        assert match is not None
        return int(match.group(1)) / 1024


@dataclass(frozen=True)
class Start:
    """What came before the first page: seconds until the address was printed, and the browser's name."""

    seconds: float
    browser: str


@contextmanager
def served(studies: Path | None = None) -> Iterator[tuple[Session, Start]]:
    """The app with an empty cache, on the studies that ship or others, and an empty tab."""
    executable = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if executable is None:
        raise SystemExit("No Chromium on the path: install one first.")
    with tempfile.TemporaryDirectory() as cache, sync_playwright() as playwright:
        began = time.perf_counter()
        command = [sys.executable, "app.py", "--port", "0", "--cache", cache]
        if studies is not None:
            command += ["--studies", str(studies)]
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
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
