"""A served dashboard and a real Chromium in front of it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, Route, sync_playwright

from dashboard import create_app
from dashboard.serving import make_server
from engine import Explorer

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REQUIRED = "INPCA_REQUIRE_BROWSER"
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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if executable is None:
        reason = f"No Chromium on the path (looked for {', '.join(CHROMIUM_NAMES)})."
        if os.environ.get(REQUIRED):
            pytest.fail(f"{reason} {REQUIRED} is set, so browser tests must run.")
        pytest.skip(f"{reason} Install Debian's package chromium to run the browser tests.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(SOFTWARE_WEBGL))
        yield browser
        browser.close()


@dataclass
class Served:
    """A dashboard that is being served."""

    url: str
    explorer: Explorer


def serve(studies: Path, cache: Path) -> Iterator[Served]:
    explorer = Explorer(studies, device="cpu", cache=cache, views=cache / "views")
    explorer.warm_up()
    server = make_server(create_app(explorer), "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield Served(f"http://127.0.0.1:{server.effective_port}/", explorer)
    server.close()
    explorer.close()


@pytest.fixture(scope="session")
def served(studies_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The small study, served for the whole session."""
    yield from serve(studies_folder, tmp_path_factory.mktemp("cache"))


@dataclass
class Traffic:
    """What a page asked for and what went wrong in it; apart, what it asks every moment whatever its visitor does."""

    requests: list[Request] = field(default_factory=list)
    pulses: list[Request] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def note(self, request: Request) -> None:
        (self.pulses if "/pulse?" in request.url else self.requests).append(request)

    def posts(self) -> list[Request]:
        return [request for request in self.requests if request.method == "POST"]


@dataclass
class Visit:
    """One browser tab on the dashboard."""

    page: Page
    traffic: Traffic
    url: str

    def open(self, query: str = "") -> Visit:
        self.page.goto(self.url + query)
        return self

    def wait_for_scene(self, other_than: str | None = None) -> str:
        """Wait until an embedding (another one than named) is on screen; its key."""
        self.page.wait_for_function(
            "other => { const key = document.getElementById('page')?.dataset.scene; return key && key !== other; }",
            arg=other_than,
            timeout=60_000,
        )
        self.page.wait_for_timeout(300)
        return self.page.get_attribute("#page", "data-scene") or ""

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
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + distance, y + distance / 4, steps=6)
        self.page.mouse.up()
        self.page.wait_for_timeout(500)

    def drawn_colors(self) -> int:
        """How many distinct colours the 3D canvas shows; a blank one shows one."""
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


def visit(browser: Browser, url: str, **options: object) -> Iterator[Visit]:
    context: BrowserContext = browser.new_context(viewport={"width": 1280, "height": 800}, **options)  # type: ignore[arg-type]
    traffic = Traffic()

    def watch(route: Route) -> None:
        address = route.request.url
        if urlsplit(address).scheme in ("data", "blob") or urlsplit(address).hostname == "127.0.0.1":
            route.continue_()
        else:
            traffic.foreign.append(address)
            route.abort()

    context.route("**/*", watch)
    page = context.new_page()
    page.on("request", lambda request: traffic.note(request))
    page.on("pageerror", lambda error: traffic.errors.append(str(error)))
    page.on("console", lambda message: traffic.errors.append(message.text) if message.type == "error" else None)
    yield Visit(page, traffic, url)
    context.close()


@pytest.fixture
def tab(browser: Browser, served: Served) -> Iterator[Visit]:
    """A fresh tab; every test also holds that nothing went wrong in it and nothing left the machine."""
    for current in visit(browser, served.url):
        yield current
        assert current.traffic.foreign == []
        assert current.traffic.errors == []
