"""The page in a frame of a notebook, shown by a real Jupyter kernel."""

from __future__ import annotations

import re
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from playwright.sync_api import Browser, Frame, Page

from tests.browser.conftest import ELSEWHERE, Traffic, Visit
from tests.waiting import PATIENCE, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.full]

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Kernel:
    """A running kernel, and the notebook's page with the output of its last cell."""

    client: BlockingKernelClient
    outputs: list[dict[str, str]] = field(default_factory=list)

    def run(self, code: str) -> None:
        """Run a cell; its output takes the place of the last one."""
        self.outputs.clear()
        reply = self.client.execute_interactive(code, timeout=PATIENCE, output_hook=self._keep)
        assert reply["content"]["status"] == "ok", reply["content"]

    def _keep(self, message: dict[str, dict[str, dict[str, str]]]) -> None:
        if message["header"]["msg_type"] in ("display_data", "execute_result"):  # type: ignore[comparison-overlap]
            self.outputs.append(message["content"]["data"])

    @property
    def html(self) -> str:
        (output,) = self.outputs
        return output["text/html"]

    @property
    def address(self) -> str:
        (output,) = self.outputs
        return output["text/plain"].removeprefix("InPCA Explorer: ")

    @property
    def port(self) -> int:
        return int(re.findall(r"127\.0\.0\.1:(\d+)/", self.address)[0])


@contextmanager
def kernel_on(studies: Path, folder: Path) -> Iterator[Kernel]:
    """Kernel that knows a folder as STUDIES and writes only into the other folder."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
            patched.setenv(name, str(folder / name))
        manager, client = start_new_kernel(startup_timeout=PATIENCE, kernel_name="python3", cwd=str(ROOT))
    try:
        kernel = Kernel(client)
        kernel.run(f"from dashboard.notebook import show\nSTUDIES = {str(studies)!r}")
        yield kernel
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=not manager.is_alive())
        manager.cleanup_resources()


@pytest.fixture(scope="module")
def kernel(studies_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """Yield a kernel on the small study, shared by the tests of this file."""
    with kernel_on(studies_folder, tmp_path_factory.mktemp("kernel")) as kernel:
        yield kernel


@pytest.fixture
def jupyter(kernel: Kernel) -> Iterator[int]:
    """Yield the port of a server that shows the kernel's last output in a page, as Jupyter's does."""

    class Notebook(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<!DOCTYPE html><title>Notebook</title><link rel=icon href='data:,'>{kernel.html}".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Discard the log line."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Notebook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.contexts[0].new_page()
    page.set_viewport_size({"width": 1040, "height": 820})
    yield page
    page.close()


def framed(page: Page) -> Visit:
    """Return the dashboard in the frame of a page, once it has an embedding."""
    frame = page.wait_for_selector("iframe").content_frame()  # type: ignore[union-attr]
    assert isinstance(frame, Frame)
    seen = Visit(frame, Traffic(), frame.url)  # type: ignore[arg-type]
    seen.wait_for_key()
    return seen


def is_gone(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) != 0


def refusal(address: str) -> int:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(address)
    caught.value.close()
    return caught.value.code


def test_a_kernel_shows_the_page_framed(kernel: Kernel, jupyter: int, page: Page) -> None:
    kernel.run("page = show(STUDIES)\npage")
    page.goto(f"http://localhost:{jupyter}/")
    seen = framed(page)
    seen.wait_for_scene()
    assert seen.drawn_colors() > 10
    assert seen.page.url.startswith(f"http://localhost:{kernel.port}/")
    assert "token" not in seen.page.url
    assert not seen.page.is_visible(".runs")
    assert page.locator("text=origin=").is_hidden()
    assert refusal(kernel.address) == 401, "its token is used"
    page.reload()
    framed(page)

    port = kernel.port
    kernel.run("show(STUDIES)")
    assert kernel.port == port
    page.reload()
    framed(page)
    assert refusal(kernel.address) == 401, "a browser that is in uses a token up, too"

    kernel.run("page.close()\nshow(STUDIES)")
    assert kernel.port != port
    assert is_gone(port)


def test_the_frame_shares_the_notebooks_host_name(kernel: Kernel, jupyter: int, page: Page) -> None:
    kernel.run("show(STUDIES)")
    page.goto(f"http://127.0.0.1:{jupyter}/")
    assert framed(page).page.url.startswith(f"http://127.0.0.1:{kernel.port}/")


def test_a_cross_site_frame_keeps_its_session(kernel: Kernel, jupyter: int, page: Page) -> None:
    """As in an editor, whose notebooks are another site than the frame under either name."""
    kernel.run("show(STUDIES)")
    kernel.outputs[0]["text/html"] = f"<iframe src='{kernel.address}' width='100%' height='720'></iframe>"
    page.goto(f"http://localhost:{jupyter}/")
    assert framed(page).page.url.startswith("http://127.0.0.1:")
    page.reload()
    framed(page)


def test_foreign_pages_frame_it_only_when_named(kernel: Kernel, jupyter: int, page: Page) -> None:
    origin = f"http://{ELSEWHERE}:{jupyter}"
    kernel.run("show(STUDIES)")
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        page.goto(origin)
    frame = page.wait_for_selector("iframe").content_frame()  # type: ignore[union-attr]
    assert frame is not None
    assert frame.url.startswith("chrome-error:")
    words = page.inner_text("div")
    assert f"This notebook is at {origin}: pass that as origin=." in words
    assert f"ssh -N -L {kernel.port}:127.0.0.1:{kernel.port} HOST" in words

    kernel.run(f"show(STUDIES, origin={origin!r})")
    page.goto(origin)
    framed(page)
    assert page.locator("text=origin=").is_hidden()


def test_the_page_ends_with_the_kernel(studies_folder: Path, tmp_path: Path) -> None:
    with kernel_on(studies_folder, tmp_path) as kernel:
        kernel.run("show(STUDIES)")
        port = kernel.port
        assert not is_gone(port)
        kernel.client.shutdown(reply=True, timeout=PATIENCE)
        wait_for(lambda: is_gone(port))
