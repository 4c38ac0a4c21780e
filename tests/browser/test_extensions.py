"""An extension in a real Chromium: every kind of callback, the selection, and an error that stays in its panel."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from dashboard import create_app
from dashboard.saved import Saved
from dashboard.server.waitress import make_server
from tests.browser.conftest import Served, Visit, visit
from tests.small_study import ARCHITECTURES, N_RUNS

pytestmark = [pytest.mark.browser, pytest.mark.full]

OWN = Path(__file__).parents[1] / "own_panel.py"
PER_ARCHITECTURE = N_RUNS // len(ARCHITECTURES)


@pytest.fixture
def tab(browser: Browser, served: Served, tmp_path: Path) -> Iterator[Visit]:
    """Yield a tab on the small study, of a server with the extension."""
    app = create_app(served.explorer, saved=Saved.at(tmp_path), extensions=[OWN])
    server = make_server(app, "127.0.0.1", 0)
    threading.Thread(target=server.run, daemon=True).start()
    for opened in visit(browser, f"http://127.0.0.1:{server.effective_port}/"):
        opened.open("?d=small&tab=extensions").wait_for_scene()
        yield opened
    server.close()


def says(tab: Visit, selector: str, words: str) -> None:
    """Wait until an element has a text."""
    tab.page.wait_for_function(
        "([selector, words]) => document.querySelector(selector)?.textContent === words", arg=[selector, words]
    )


def test_numbers_of_a_panel_follow_the_selection(tab: Visit) -> None:
    page = tab.page
    assert page.get_attribute("#tab-extensions", "aria-selected") == "true"
    says(tab, "#own-selected", f"{N_RUNS} selected")
    page.wait_for_function(
        f"() => document.getElementById('own-stress').textContent.startsWith('{N_RUNS} runs, 2: 0.')"
    )
    before, key = page.inner_text("#own-stress"), tab.scene_key()
    tab.pill("CNN")
    tab.wait_for_scene(other_than=key)
    says(tab, "#own-selected", f"{PER_ARCHITECTURE} selected")
    page.wait_for_function(
        f"() => document.getElementById('own-stress').textContent.startsWith('{PER_ARCHITECTURE} runs, 2: 0.')"
    )
    assert page.inner_text("#own-stress") != before
    page.locator("#own-components").get_by_text("5", exact=True).click()
    page.wait_for_function("() => document.getElementById('own-stress').textContent.includes(' runs, 5: 0.')")
    assert page.evaluate("new URLSearchParams(location.search).get('tab')") == "extensions"


def test_callbacks_of_every_kind_work_in_the_browser(tab: Visit) -> None:
    page = tab.page
    says(tab, "#own-counted", "0 clicks")
    page.click("#own-count")
    says(tab, "#own-counted", "1 clicks")
    says(tab, "#own-clientside", "1 in the browser")
    page.click("#own-twice")
    says(tab, "#own-counted", "twice 2")
    page.wait_for_function("() => !document.getElementById('own-twice').disabled")
    page.click("#own-told")
    says(tab, "#own-teller", "told 1")
    page.fill("#own-text", "äb")
    says(tab, "#own-length", "2 characters")

    def at(kind: str, place: int) -> str:
        return f"""[id='{{"place":{place},"type":"own-{kind}"}}']"""

    page.click(at("in", 2))
    page.click(at("in", 1))
    says(tab, at("each", 2), "1 at 2")
    says(tab, at("each", 0), "0 at 0")
    says(tab, at("below", 2), "2 below")
    says(tab, "#own-sum", "2 in all")
    says(tab, at("all", 1), "1")


def test_an_error_leaves_the_page_alive(tab: Visit) -> None:
    page = tab.page
    page.click("#own-fail")
    error = page.locator("#panels-extensions .panel-error:not([hidden])")
    error.wait_for()
    assert error.inner_text().startswith("ValueError in own_panel.py, line ")
    assert "visitor" not in error.inner_text()
    assert page.inner_text("#own-failing") == "as it was"
    key = tab.scene_key()
    tab.pill("ViT")
    assert tab.wait_for_scene(other_than=key)
    says(tab, "#own-selected", f"{PER_ARCHITECTURE} selected")
    assert error.count() == 1
    page.click("#own-fail")
    says(tab, "#own-failing", "well at 2")
    assert error.count() == 0
    assert urlsplit(page.url).query
