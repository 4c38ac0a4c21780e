"""Fixtures of a served dashboard and a Chromium browser."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, TimeoutError, sync_playwright

from benchmarks.page.chromium import NAMES, SOFTWARE_WEBGL, find_chromium
from dashboard import create_app
from dashboard.saved import Saved
from dashboard.server.waitress import make_server
from engine import Explorer

REQUIRED = "INPCA_REQUIRE_BROWSER"
ELSEWHERE = "elsewhere.example"
"""Name of another site, served from this machine."""
ARGUMENTS = (
    *SOFTWARE_WEBGL,
    # Only WebGL needs the software renderer; the rest of the page is painted faster without it.
    "--disable-gpu-compositing",
    # No name but those of this machine resolves: foreign requests fail, and are recorded.
    f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


PUT_OFF = Path(__file__).with_name("put_off.js").read_text(encoding="utf-8")
VIEWPORT = {"width": 1280, "height": 800}


def do_without(reason: str, packages: str) -> NoReturn:
    """Skip a test whose browser is missing, or fail it where browsers are required."""
    if os.environ.get(REQUIRED):
        pytest.fail(f"{reason} {REQUIRED} is set, so browser tests must run.")
    pytest.skip(f"{reason} Install from Debian: {packages}.")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Yield a Chromium with one profile, which caches compiled scripts between visits."""
    executable = find_chromium()
    if executable is None:
        do_without(f"No Chromium on the path (looked for {', '.join(NAMES)}).", "chromium")
    with sync_playwright() as playwright:
        profile = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=executable,
            args=list(ARGUMENTS),
            viewport=VIEWPORT,  # type: ignore[arg-type]
        )
        profile.add_init_script(PUT_OFF)
        assert profile.browser is not None
        yield profile.browser
        profile.close()


@dataclass
class Served:
    """A running dashboard server."""

    url: str
    explorer: Explorer
    saved: Saved


Serving = Callable[[Path, Path], Served]


def serve(studies: Path, cache: Path) -> Iterator[Served]:
    explorer = Explorer(studies, device="cpu", cache=cache)
    saved = Saved.at(cache / "views")
    explorer.warm_up()
    server = make_server(create_app(explorer, saved=saved), "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield Served(f"http://127.0.0.1:{server.effective_port}/", explorer, saved)
    server.close()
    explorer.close()


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Yield a function that serves a folder of studies with its own cache until the test ends."""
    with ExitStack() as servers:
        yield lambda studies, cache: servers.enter_context(contextmanager(serve)(studies, cache))


@pytest.fixture(scope="session")
def served(studies_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield the small study, served for the whole session."""
    yield from serve(studies_folder, tmp_path_factory.mktemp("cache"))


@dataclass
class Traffic:
    """Requests and errors of a page; the periodic requests for the pulse are listed apart."""

    requests: list[Request] = field(default_factory=list)
    pulses: list[Request] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def note(self, request: Request) -> None:
        (self.pulses if "/pulse?" in request.url else self.requests).append(request)
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname != "127.0.0.1":
            self.foreign.append(request.url)

    def posts(self) -> list[Request]:
        return [request for request in self.requests if request.method == "POST"]


@dataclass
class Visit:
    """One browser tab on the dashboard."""

    page: Page
    traffic: Traffic
    url: str
    default: str = "-"
    """Query string of the page as it opens; "-" until known."""

    def open(self, query: str = "") -> Visit:
        self.page.goto(self.url + query)
        return self

    def wait_for_key(self, other_than: str | None = None) -> str:
        """Return the key of an embedding other than the named one, once the page has accepted it."""
        self.page.wait_for_function(
            "other => { const key = document.getElementById('page')?.dataset.scene; return key && key !== other; }",
            arg=other_than,
            timeout=60_000,
        )
        return self.scene_key()

    def wait_for_scene(self, other_than: str | None = None) -> str:
        """Return the key of an embedding other than the named one, once its picture stands still."""
        key = self.wait_for_key(other_than)
        self.page.wait_for_function("() => !inpca.picture.isMoving()")
        return key

    def next_frames(self) -> None:
        """Wait for two frames, after which tasks of the next frame are on screen."""
        self.page.evaluate("inpca.nextFrame().then(inpca.nextFrame)")

    def beat(self) -> None:
        """Make the page request the pulse, as when its tab becomes visible, and wait until it settles."""
        with self.page.expect_response("**/pulse?*"):
            self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        self.settle()

    def settle(self, but_for: str | None = None) -> None:
        """Wait until the page has no pending task: anything not done by then will not happen by itself.

        Requests whose address contains `but_for` are ignored.
        """
        self.page.evaluate("words => putOff.begin(words)", but_for)
        try:
            self.page.wait_for_function("() => putOff.isOver()")
        except TimeoutError as error:
            raise AssertionError(f"Still to come: {self.page.evaluate('putOff.list()')}") from error

    def wait_for_stillness(self) -> None:
        """Wait until the picture is drawn and its camera stands still."""
        self.page.wait_for_function(
            """() => {
                const now = JSON.stringify(inpca.picture.camera());
                const isSame = now === window.lastCamera && !inpca.picture.isMoving();
                window.framesStill = isSame ? window.framesStill + 1 : 0;
                window.lastCamera = now;
                return window.framesStill > 2;
            }"""
        )

    def scene_key(self) -> str:
        return self.page.get_attribute("#page", "data-scene") or ""

    def pill(self, text: str) -> None:
        self.page.locator("#filters .pill", has_text=text).first.click()

    def references(self, mode: str) -> None:
        self.page.click("#references")
        self.page.get_by_role("option", name=mode, exact=True).click()

    def counts(self) -> str:
        return self.page.inner_text("#counts")

    def camera(self) -> list[float]:
        return self.page.evaluate(
            "['eye', 'center', 'up'].flatMap(p => ['x', 'y', 'z'].map(a => inpca.picture.camera()[p][a]))"
        )

    def rotate(self, distance: int) -> None:
        box = self.page.locator("#picture").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.evaluate(
            """() => {
                window.hasTurned = false;
                document.getElementById('picture').once('plotly_relayout', () => (window.hasTurned = true));
            }"""
        )
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + distance, y + distance / 4, steps=6)
        self.page.mouse.up()
        self.page.wait_for_function("() => window.hasTurned")
        self.wait_for_stillness()

    def drawn_colors(self) -> int:
        """Return the number of distinct colours on the 3D canvas; 1 if it is blank."""
        return self.page.evaluate(
            """async () => {
                const address = await Plotly.toImage('picture', {format: 'png', width: 300, height: 240});
                const image = new Image();
                image.src = address;
                await image.decode();
                const canvas = document.createElement('canvas');
                canvas.width = 300; canvas.height = 240;
                const context = canvas.getContext('2d');
                context.drawImage(image, 0, 0);
                const {data} = context.getImageData(0, 0, 300, 240);
                const seen = new Set();
                for (let i = 0; i < data.length; i += 4) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
                return seen.size;
            }"""
        )


def visit(browser: Browser, url: str, **media: Any) -> Iterator[Visit]:
    """Yield a new tab on a dashboard, with empty storage; ``media`` as for Page.emulate_media.

    At the end asserts that the tab had no error and no request to another host.
    """
    profile = browser.contexts[0]
    traffic = Traffic()
    page = profile.new_page()
    if media:
        page.emulate_media(**media)
    page.on("request", lambda request: traffic.note(request))
    page.on("pageerror", lambda error: traffic.errors.append(str(error)))
    page.on("console", lambda message: traffic.errors.append(message.text) if message.type == "error" else None)
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    storage = profile.new_cdp_session(page)
    storage.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "cookies,local_storage"})
    storage.detach()
    try:
        yield Visit(page, traffic, url)
        assert traffic.foreign == []
        assert traffic.errors == []
    finally:
        profile.set_offline(False)
        page.close()


@pytest.fixture
def tab(browser: Browser, served: Served) -> Iterator[Visit]:
    """Yield a new tab on the small study."""
    yield from visit(browser, served.url)


Visiting = Callable[..., Visit]


@pytest.fixture
def visiting(browser: Browser) -> Iterator[Visiting]:
    """Yield a function that opens a tab on any dashboard, in any media, until the test ends."""
    with ExitStack() as tabs:
        yield lambda url, **media: tabs.enter_context(contextmanager(visit)(browser, url, **media))


@pytest.fixture(scope="module")
def standing(browser: Browser, served: Served) -> Iterator[Visit]:
    """Yield a tab shared by the tests of a file."""
    yield from visit(browser, served.url)


def put_back(standing: Visit, query: str = "") -> Visit:
    """Return the shared tab at a query string, loaded again if a test has changed it."""
    standing.page.set_viewport_size(VIEWPORT)  # type: ignore[arg-type]
    standing.page.mouse.move(5, 5)
    if standing.page.evaluate("window.inpca?.state.scene ? inpca.query() : ''") != standing.default:
        standing.open(query).wait_for_scene()
        standing.settle()
        standing.default = standing.page.evaluate("inpca.query()")
    assert standing.traffic.errors == []
    return standing


@pytest.fixture
def opened(standing: Visit) -> Visit:
    """Return the shared tab on all runs of the small study, for tests that restore what they change."""
    return put_back(standing)
