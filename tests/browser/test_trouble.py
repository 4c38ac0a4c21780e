"""What a visitor sees when something is wrong."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Route

from engine import Recorder, catalogue
from tests.browser.conftest import Served, Visit, serve, visit
from tests.small_study import N_RUNS, record_small_study

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]


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
    tab.references("hide")
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


def test_picked_runs_stay_picked_when_the_study_grows(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The folder is looked at on every call: what is asked for next does not contain the run that goes.
    monkeypatch.setattr(catalogue, "CHECK_INTERVAL", 0.0)
    monkeypatch.setattr(catalogue, "CHECK_SHARE", float("inf"))
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def app_process(studies: Path, cache: Path, port: int) -> Iterator[None]:
    """The app as its users start it, ended as a machine that goes down would end it."""
    command = [sys.executable, "app.py", "--studies", str(studies), "--cache", str(cache), "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "http://" in process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()


def test_a_restarted_server_loses_nothing_on_screen(browser: Browser, studies_folder: Path, tmp_path: Path) -> None:
    port = free_port()
    for tab in visit(browser, f"http://127.0.0.1:{port}/"):
        with app_process(studies_folder, tmp_path / "first", port):
            key = tab.open("?c=run:seed").wait_for_scene()
            tab.rotate(40)
        camera = tab.camera()
        tab.pill("ViT")
        tab.page.wait_for_selector("#notice.error:not([hidden])")
        assert "connection" in tab.page.inner_text("#notice")
        assert tab.scene_key() == key
        assert tab.drawn_colors() > 50
        tab.page.evaluate("dash_clientside.set_props('axis-x', {value: '4'})")
        tab.page.wait_for_function("() => inpca.state.axes.join() === '4,2,3'")
        with app_process(studies_folder, tmp_path / "second", port):
            key = tab.wait_for_scene(other_than=key)
            assert tab.page.is_hidden("#notice")
            assert tab.counts() == f"10 shown / 10 embedded / {N_RUNS} runs"
            tab.pill("CNN")
            tab.wait_for_scene(other_than=key)
            assert tab.counts() == f"20 shown / 20 embedded / {N_RUNS} runs"
            assert tab.page.evaluate("[inpca.state.colorBy, ...inpca.state.axes]") == ["run:seed", 4, 2, 3]
            assert tab.camera() == pytest.approx(camera, abs=1e-6)


HOSTILE = (
    '<img src=x onerror="window.broken=1">',
    "<b>bold</b><br>$\\frac{1}{2}$",
    '=HYPERLINK("http://example.org")',
    "\u202e\u05e9\u05dc\u05d5\u05dd\u0000\u001b[31m",
    "very long " * 40,
    "a;b:c,d%2C&e=f#g..h",
    "__proto__",
)
HOSTILE_NAMES = ("<script>window.broken=1</script>", "$x^2$<sub>i</sub>", "optimizer.lr", "x" * 64, "ש=\"'`{}")


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Served]:
    """A study whose title, classes, hyperparameters and values are all out to break the page."""
    labels = {"train": np.arange(6) % 2}
    rng = np.random.default_rng(0)
    for run, value in enumerate(HOSTILE):
        hyperparameters = {name: HOSTILE[(run + shift) % len(HOSTILE)] for shift, name in enumerate(HOSTILE_NAMES)}
        with Recorder(
            tmp_path / "studies" / "hostile",
            hyperparameters={"architecture": value, **hyperparameters},
            labels=labels,
            class_names=HOSTILE[:2],
            title=HOSTILE[0],
            run_id=f"run-{run}",
        ) as recorder:
            for step in range(3):
                recorder.record(step=step, epoch=float(step), train=rng.normal(size=(6, 2)))
    yield from serve(tmp_path / "studies", tmp_path / "cache")


def test_hostile_names_are_drawn_as_text_everywhere(browser: Browser, hostile: Served) -> None:
    for tab in visit(browser, hostile.url):
        tab.open().wait_for_scene()
        assert tab.page.locator("#filters .pill-name").all_text_contents()[:7] == sorted(HOSTILE)
        assert set(tab.page.locator("#legend bdi").all_text_contents()) == set(HOSTILE)
        headers = tab.page.locator("#run-table .ag-header-cell-text").all_text_contents()
        assert {name.replace("_", " ") for name in HOSTILE_NAMES[:3]} <= set(headers)
        cell = tab.page.locator('#run-table .ag-row[row-id="run-0"] [col-id="column optimizer.lr"]')
        assert cell.text_content() == HOSTILE[2]
        press(tab, "architecture", 7)
        press(tab, "optimizer.lr", 1)
        tab.page.fill("#search", HOSTILE[1])
        tab.page.evaluate("inpca.hover({model: 1, source: 'picture', box: {x0: 400, x1: 406, y0: 300, y1: 306}})")
        assert HOSTILE_NAMES[0] in (tab.page.text_content("#detail") or "")
        for name in HOSTILE_NAMES:
            tab.page.evaluate("name => dash_clientside.set_props('color-by', {value: `run:${name}`})", name)
            tab.page.wait_for_function("name => inpca.state.colorBy === `run:${name}`", arg=name)
        tab.page.wait_for_timeout(500)
        address = tab.page.url
        assert_nothing_came_alive(tab)
        constraints = tab.page.evaluate(
            "inpca.state.constraints.map(c => c.kind === 'levels' ? [...c.chosen] : c.text)"
        )
        tab.page.goto("about:blank")
        tab.page.goto(address)
        tab.page.wait_for_function("() => inpca.state.constraints.length === 3")
        assert (
            tab.page.evaluate("inpca.state.constraints.map(c => c.kind === 'levels' ? [...c.chosen] : c.text)")
            == constraints
        )
        assert_nothing_came_alive(tab)
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 1280


def press(tab: Visit, name: str, n_pills: int) -> None:
    """Choose the first so many levels of a filter, one after another."""
    for level in range(n_pills):
        tab.page.evaluate(
            "([name, k]) => document.querySelectorAll(`[data-filter='${name}'] .pill input`)[k].click()",
            [name, level],
        )
        tab.page.wait_for_function(
            "([name, n]) => inpca.state.constraints.find(c => c.name === name)?.chosen.size === n",
            arg=[name, level + 1],
        )


def assert_nothing_came_alive(tab: Visit) -> None:
    assert tab.page.evaluate("window.broken") is None
    assert (
        tab.page.locator("img[src=x], #page b, #page br, #page script, #page sub, #page a[href*=example]").count() == 0
    )
    assert tab.traffic.errors == []
    assert tab.traffic.foreign == []


def test_a_link_that_does_not_fit_says_what_was_left_out(tab: Visit) -> None:
    tab.open(
        "?v=1&d=small&f=architecture:CNN,Mamba;momentum:0.9&r=learning_rate:5..6&runs=ghost&c=run:batch_size&ax=1,1,2"
    ).wait_for_scene()
    note = tab.page.locator("#link-note")
    text = note.inner_text()
    for words in ("Mamba", "momentum", "learning rate from 5 to 6", "ghost", "batch_size", "ax=1,1,2"):
        assert words in text
    assert tab.counts() == f"10 shown / 10 embedded / {N_RUNS} runs"
    note.locator("button").click()
    assert note.is_hidden()


def test_a_link_of_another_version_opens_with_a_note(tab: Visit) -> None:
    tab.open("?v=0&d=small&split=test").wait_for_scene()
    assert "version '0'" in tab.page.inner_text("#link-note")
    assert tab.page.evaluate("inpca.state.split") == "train"


def test_a_link_that_fits_is_not_commented_on(tab: Visit) -> None:
    tab.open("?v=1&d=small&f=architecture:CNN&r=learning_rate:0.001..0.01&q=cnn&c=model:progress").wait_for_scene()
    assert tab.page.is_hidden("#link-note")


def loaded(tab: Visit) -> None:
    tab.open().wait_for_scene()


def loading(tab: Visit) -> None:
    tab.page.route("**/api/scenes", lambda route: None)
    tab.open()
    tab.page.wait_for_selector("#filters fieldset")


def narrowed(tab: Visit) -> None:
    tab.open("?f=architecture:CNN;seed:1&r=learning_rate:0.001..0.01&q=cnn").wait_for_scene()
    tab.page.locator(".legend-entry").first.click()


def without_runs(tab: Visit) -> None:
    tab.open("?q=nowhere")
    tab.page.wait_for_selector("#notice:not([hidden])")


def failed(tab: Visit) -> None:
    tab.page.route("**/api/scenes", lambda route: route.fulfill(status=400, json={"error": "No.", "kind": "Error"}))
    tab.open()
    tab.page.wait_for_selector("#notice.error:not([hidden])")


def stale(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.evaluate("dash_clientside.set_props('automatic', {checked: false})")
    tab.pill("CNN")
    tab.page.wait_for_selector("#stale-badge:not([hidden])")


def working(tab: Visit) -> None:
    tab.open().wait_for_scene()
    slow_answers(tab)
    tab.pill("CNN")
    tab.page.wait_for_selector("#progress:not([hidden])")


def noted(tab: Visit) -> None:
    tab.open("?v=0").wait_for_scene()


def picked(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.locator("#run-table .ag-pinned-left-cols-container input[type=checkbox]").first.click()


def helped(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.click("#help-button")


def exporting(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.get_by_role("button", name="Export", exact=True).click()
    tab.page.get_by_role("dialog", name="Export").wait_for()


def pairs_and_distances(tab: Visit) -> None:
    tab.open("?m=pairs&tab=distances").wait_for_scene()


def compared(tab: Visit) -> None:
    tab.open("?m=compare").wait_for_scene()


def camera_menu(tab: Visit) -> None:
    tab.open().wait_for_scene()
    tab.page.get_by_role("button", name="camera").focus()
    tab.page.keyboard.press("Enter")
    tab.page.get_by_role("menuitem", name="Isometric").wait_for()


def menu(control: str) -> Callable[[Visit], None]:
    def opened(tab: Visit) -> None:
        tab.open().wait_for_scene()
        tab.page.click(f"#{control}")
        tab.page.wait_for_selector("[role=option]:visible")

    opened.__name__ = f"menu_{control}"
    return opened


STATES = [loaded, loading, narrowed, without_runs, failed, stale, working, noted, picked, helped, exporting]
STATES += [pairs_and_distances, compared, camera_menu]
STATES += [menu(control) for control in ("study-picker", "color-by", "axis-x")]


def serious_findings(tab: Visit) -> list[tuple[str, list[str]]]:
    tab.page.wait_for_timeout(350)
    return [
        (entry["id"], [node["html"][:400] for node in entry["nodes"]][:3])
        for entry in Axe().run(tab.page).response["violations"]
        if entry["impact"] in ("serious", "critical")
    ]


def assert_nothing_serious(tab: Visit) -> None:
    """In the light and in the dark; the state is reached once."""
    assert serious_findings(tab) == []
    tab.page.evaluate("inpca.toggleTheme()")
    tab.page.wait_for_selector("html[data-mantine-color-scheme=dark]", state="attached")
    assert serious_findings(tab) == []


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_assistive_technology_finds_nothing_serious(
    browser: Browser, served: Served, state: Callable[[Visit], None]
) -> None:
    for tab in visit(browser, served.url, color_scheme="light"):
        state(tab)
        assert_nothing_serious(tab)


def test_nor_does_it_in_an_empty_folder(browser: Browser, empty: Served) -> None:
    for tab in visit(browser, empty.url, color_scheme="light"):
        tab.open()
        tab.page.wait_for_selector("#notice:not([hidden])")
        assert_nothing_serious(tab)


def test_a_full_disk_is_said_once_and_everything_goes_on(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_small_study(tmp_path / "studies" / "small")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for served in serve(tmp_path / "studies", tmp_path / "cache"):
        for tab in visit(browser, served.url):
            key = tab.open().wait_for_scene()
            assert tab.page.is_hidden("#trouble-notice")
            with monkeypatch.context() as disk:
                disk.setattr("engine.cache.StrictDisk.store", full)
                tab.pill("CNN")
                key = tab.wait_for_scene(other_than=key)
                tab.page.wait_for_selector("#trouble-notice:not([hidden])", timeout=15_000)
                words = tab.page.inner_text("#trouble-notice")
                assert "No space left on device" in words
                assert "--cache" in words
                assert tab.page.evaluate("document.documentElement.scrollHeight") <= 800
                tab.page.get_by_role("button", name="put this note away").click()
                tab.pill("ViT")
                key = tab.wait_for_scene(other_than=key)
                # The page asks how things are every five seconds.
                tab.page.wait_for_timeout(6000)
                assert tab.page.is_hidden("#trouble-notice")
            assert tab.drawn_colors() > 50
            assert tab.traffic.errors == []
