"""What a visitor sees when something is wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Route

from tests.browser.conftest import Served, Visit, serve, visit
from tests.small_study import N_RUNS, record_small_study

pytestmark = pytest.mark.browser


@pytest.fixture
def damaged(tmp_path: Path) -> Iterator[Served]:
    """A study in which one run's data were cut short."""
    folder = record_small_study(tmp_path / "studies" / "small")
    data = folder / "runs" / "cnn-0.001-0" / "train.npy"
    data.write_bytes(data.read_bytes()[:1000])
    yield from serve(tmp_path / "studies", tmp_path / "cache")


@pytest.fixture
def flipped(tmp_path: Path) -> Iterator[Served]:
    """A study in which one byte of one run was flipped: only reading the data can tell."""
    folder = record_small_study(tmp_path / "studies" / "small")
    data = folder / "runs" / "vit-0.1-1" / "train.npy"
    content = bytearray(data.read_bytes())
    content[1000] ^= 0x40
    data.write_bytes(content)
    yield from serve(tmp_path / "studies", tmp_path / "cache")


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "studies").mkdir()
    yield from serve(tmp_path / "studies", tmp_path / "cache")


def test_a_damaged_run_is_named_and_the_rest_works(browser: Browser, damaged: Served) -> None:
    for tab in visit(browser, damaged.url):
        tab.open().wait_for_scene()
        assert "cnn-0.001-0" in tab.page.inner_text("#problems")
        assert f"/ {N_RUNS - 1} embedded /" in tab.counts()


def test_a_run_that_turns_out_damaged_while_it_is_read_is_named_too(browser: Browser, flipped: Served) -> None:
    for tab in visit(browser, flipped.url):
        tab.open().wait_for_scene()
        tab.page.wait_for_selector("#problems summary", timeout=20_000)
        assert "vit-0.1-1" in tab.page.inner_text("#problems")
        tab.page.wait_for_function(
            f"() => document.getElementById('counts').textContent.endsWith('/ {N_RUNS - 1} runs')"
        )
        assert tab.counts() == f"{N_RUNS - 1} shown / {N_RUNS - 1} embedded / {N_RUNS - 1} runs"


def test_a_folder_without_studies_shows_how_to_make_one(browser: Browser, empty: Served) -> None:
    for tab in visit(browser, empty.url):
        tab.open()
        tab.page.wait_for_selector("#notice:not([hidden])")
        assert "engine.Recorder" in tab.page.inner_text("#notice")
        assert tab.traffic.errors == []


def test_a_selection_that_no_run_passes_says_which_filter_to_loosen(tab: Visit) -> None:
    tab.open("?f=architecture:CNN;seed:1&runs=vit-0.1-0,vit-0.1-1")
    tab.page.wait_for_selector("#notice:not([hidden])")
    assert "No run passes" in tab.page.inner_text("#notice")
    assert "architecture" in tab.page.inner_text("#notice")
    tab.page.locator("#notice button").click()
    tab.wait_for_scene()
    assert tab.counts() == f"1 shown / 1 embedded / {N_RUNS} runs"


def test_a_broken_link_falls_back_to_defaults(tab: Visit) -> None:
    tab.open("?v=1&d=nowhere&split=sideways&ax=9,9,9&cam=x&f=;;;:::&r=a:b..c").wait_for_scene()
    assert "no study" in tab.page.inner_text("#notice") or tab.counts().startswith(f"{N_RUNS} shown")
    assert tab.page.evaluate("inpca.state.axes") == [1, 2, 3]


def test_a_lost_connection_loses_nothing_on_screen(browser: Browser, served: Served) -> None:
    for tab in visit(browser, served.url):
        key = tab.open().wait_for_scene()
        tab.page.context.set_offline(True)
        tab.pill("ViT")
        tab.page.wait_for_selector("#notice.error:not([hidden])")
        assert "connection" in tab.page.inner_text("#notice")
        assert tab.scene_key() == key
        assert tab.drawn_colors() > 50
        tab.page.context.set_offline(False)
        tab.wait_for_scene(other_than=key)
        assert tab.page.is_hidden("#notice")


def slow_answers(tab: Visit) -> list[str]:
    """Let the server seem to need for ever; the addresses that were posted to are noted."""
    posted: list[str] = []
    status = {"key": "v1-slow", "state": "running", "stage": "distances", "fraction": 0.4, "remaining": 12.0}

    def answer(route: Route) -> None:
        if route.request.method == "POST":
            posted.append(route.request.url)
        route.fulfill(json=status)

    tab.page.route("**/api/scenes**", answer)
    tab.page.route("**/api/scenes/**", answer)
    return posted


def test_long_work_shows_its_stage_and_can_be_cancelled(tab: Visit) -> None:
    key = tab.open().wait_for_scene()
    posted = slow_answers(tab)
    tab.pill("CNN")
    tab.page.wait_for_selector("#progress:not([hidden])")
    assert "distances" in tab.page.inner_text("#progress-stage").lower()
    assert "12 s left" in tab.page.inner_text("#progress-stage")
    assert tab.page.evaluate("document.getElementById('progress-bar').value") == pytest.approx(0.4)
    tab.page.click("#cancel-button")
    tab.page.wait_for_selector("#progress", state="hidden")
    assert posted[-1].endswith("/api/scenes/v1-slow/cancel")
    assert tab.scene_key() == key
    assert tab.page.is_visible("#stale-badge")


def test_what_only_changes_the_picture_leaves_a_computation_alone(tab: Visit) -> None:
    tab.open().wait_for_scene()
    posted = slow_answers(tab)
    tab.pill("CNN")
    tab.page.wait_for_selector("#progress:not([hidden])")
    tab.page.locator("#references label", has_text="hide").click()
    tab.page.evaluate("dash_clientside.set_props('color-by', {value: 'run:seed'})")
    tab.page.wait_for_timeout(500)
    assert tab.page.is_visible("#progress")
    assert tab.page.is_disabled("#embed-button")
    assert [address.rsplit("/", 1)[1] for address in posted] == ["scenes"]


def test_going_back_to_what_is_embedded_ends_the_waiting(tab: Visit) -> None:
    tab.open().wait_for_scene()
    slow_answers(tab)
    tab.pill("CNN")
    tab.page.wait_for_selector("#progress:not([hidden])")
    tab.pill("CNN")
    tab.page.wait_for_selector("#progress", state="hidden")
    assert tab.page.evaluate("document.getElementById('page').hasAttribute('data-busy')") is False
    assert tab.page.is_hidden("#stale-badge")


def test_an_axis_that_the_embedding_lacks_says_so(tab: Visit) -> None:
    tab.open("?ax=1,2,60").wait_for_scene()
    title = "document.getElementById('picture').layout.scene.zaxis.title.text"
    assert tab.page.evaluate(title) == "60 · not in this embedding"
    assert tab.page.evaluate("document.getElementById('axis-z').value") == "60"


def test_picked_runs_stay_picked_when_the_study_grows(browser: Browser, tmp_path: Path) -> None:
    folder = record_small_study(tmp_path / "studies" / "small")
    for served in serve(tmp_path / "studies", tmp_path / "cache"):
        for tab in visit(browser, served.url):
            key = tab.open().wait_for_scene()
            tab.page.locator("#run-table .ag-pinned-left-cols-container input[type=checkbox]").nth(3).click()
            tab.page.wait_for_function("() => inpca.state.picked.size === 1")
            shutil.rmtree(folder / "runs" / "vit-0.1-1")
            tab.pill("CNN")
            tab.wait_for_scene(other_than=key)
            tab.page.wait_for_function(
                f"() => document.getElementById('counts').textContent.endsWith('/ {N_RUNS - 1} runs')"
            )
            assert tab.page.evaluate("inpca.state.picked.size") == 1
            assert tab.counts() == f"10 shown / 10 embedded / {N_RUNS - 1} runs"


def test_without_automatic_the_picture_goes_stale_until_it_is_embedded_again(tab: Visit) -> None:
    key = tab.open().wait_for_scene()
    tab.page.evaluate("dash_clientside.set_props('automatic', {checked: false})")
    tab.pill("CNN")
    tab.page.wait_for_selector("#stale-badge:not([hidden])")
    assert tab.counts() == f"10 shown / {N_RUNS} embedded / {N_RUNS} runs"
    assert tab.scene_key() == key
    tab.page.click("#embed-button")
    tab.wait_for_scene(other_than=key)
    assert tab.page.is_hidden("#stale-badge")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_assistive_technology_finds_nothing_serious(browser: Browser, served: Served, scheme: str) -> None:
    for tab in visit(browser, served.url, color_scheme=scheme):
        tab.open().wait_for_scene()
        found = Axe().run(tab.page).response["violations"]
        serious = [
            (entry["id"], [node["html"][:160] for node in entry["nodes"]][:3])
            for entry in found
            if entry["impact"] in ("serious", "critical")
        ]
        assert serious == []
