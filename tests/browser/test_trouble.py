"""Messages for damaged studies, a lost server and other faults; accessibility."""

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
from playwright.sync_api import Route

from engine import Recorder
from engine.explorer import catalogue
from engine.store.documents import drawable
from tests.browser.conftest import Served, Serving, Visit, Visiting, serve
from tests.recording import rewrite
from tests.small_study import N_RUNS, record_small_study

pytestmark = [pytest.mark.browser, pytest.mark.full]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def damaged(tmp_path: Path) -> Iterator[Served]:
    """Yield a study with the data of one run truncated."""
    folder = record_small_study(tmp_path / "studies" / "small")
    data = folder / "runs" / "cnn-0.001-0" / "train.npy"
    data.write_bytes(data.read_bytes()[:1000])
    yield from serve(tmp_path / "studies", tmp_path / "cache")


@pytest.fixture
def flipped(tmp_path: Path) -> Iterator[Served]:
    """Yield a study with one byte of one run flipped, which shows only when the data are read."""
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


@pytest.mark.parametrize("query", ["", "?m=figures"])
def test_an_answer_may_overtake_plotly(tab: Visit, query: str) -> None:
    held: list[Route] = []
    tab.page.route("**/plotly.min.js*", lambda route: held.append(route))
    with tab.page.expect_response("**/api/scenes") as answer:
        tab.page.goto(tab.url + query, wait_until="commit")
    answer.value.finished()
    assert tab.page.evaluate("window.Plotly") is None
    held.pop().continue_()
    tab.wait_for_scene()
    tab.settle()
    if not query:
        assert tab.drawn_colors() > 50


def test_a_damaged_run_is_named_the_rest_works(visiting: Visiting, damaged: Served) -> None:
    tab = visiting(damaged.url)
    tab.open().wait_for_scene()
    assert "cnn-0.001-0" in tab.page.inner_text("#problems")
    assert f"/ {N_RUNS - 1} embedded /" in tab.counts()


def test_a_run_found_damaged_while_reading_is_named(visiting: Visiting, flipped: Served) -> None:
    tab = visiting(flipped.url)
    tab.open().wait_for_scene()
    tab.page.wait_for_selector("#problems summary", timeout=20_000)
    assert "vit-0.1-1" in tab.page.inner_text("#problems")
    tab.page.wait_for_function(f"() => document.getElementById('counts').textContent.endsWith('/ {N_RUNS - 1} runs')")
    assert tab.counts() == f"{N_RUNS - 1} shown / {N_RUNS - 1} embedded / {N_RUNS - 1} runs"


def test_an_empty_folder_shows_how_to_begin(visiting: Visiting, empty: Served) -> None:
    tab = visiting(empty.url)
    tab.open()
    tab.page.wait_for_selector("#notice:not([hidden])")
    assert "engine.Recorder" in tab.page.inner_text("#notice")


def test_an_empty_selection_names_the_filter_to_loosen(tab: Visit) -> None:
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


def test_a_lost_connection_loses_nothing_on_screen(visiting: Visiting, served: Served) -> None:
    tab = visiting(served.url)
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
    tab.traffic.errors.clear()  # requests without an answer, which browsers log


def slow_answers(tab: Visit) -> list[str]:
    """Make the server seem to compute for ever; return the growing list of addresses of POST requests."""
    posted: list[str] = []
    status = {"key": "v1-slow", "state": "running", "stage": "distances", "fraction": 0.4, "remaining": 12.0}

    def answer(route: Route) -> None:
        if route.request.method == "POST":
            posted.append(route.request.url)
        route.fulfill(json=status)

    tab.page.route("**/api/scenes**", answer)
    tab.page.route("**/api/scenes/**", answer)
    return posted


def test_long_work_shows_its_stage_and_is_cancellable(tab: Visit) -> None:
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


def test_changes_of_the_picture_spare_a_computation(tab: Visit) -> None:
    tab.open().wait_for_scene()
    posted = slow_answers(tab)
    tab.pill("CNN")
    tab.page.wait_for_selector("#progress:not([hidden])")
    tab.references("hide")
    tab.page.evaluate("dash_clientside.set_props('color-by', {value: 'run:seed'})")
    tab.page.wait_for_function("() => inpca.state.colorBy === 'run:seed' && inpca.state.references === 'hide'")
    tab.settle(but_for="/status")
    assert tab.page.is_visible("#progress")
    assert tab.page.is_disabled("#embed-button")
    assert [address.rsplit("/", 1)[1] for address in posted] == ["scenes"]


def test_going_back_to_the_embedded_selection_ends_waiting(tab: Visit) -> None:
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
    visiting: Visiting, serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The folder is scanned on every call: the next request does not contain the removed run.
    monkeypatch.setattr(catalogue, "CHECK_INTERVAL", 0.0)
    monkeypatch.setattr(catalogue, "CHECK_SHARE", float("inf"))
    folder = record_small_study(tmp_path / "studies" / "small")
    served = serving(tmp_path / "studies", tmp_path / "cache")
    tab = visiting(served.url)
    key = tab.open().wait_for_scene()
    tab.page.locator("#run-table .ag-pinned-left-cols-container input[type=checkbox]").nth(3).click()
    tab.page.wait_for_function("() => inpca.state.picked.size === 1")
    shutil.rmtree(folder / "runs" / "vit-0.1-1")
    tab.pill("CNN")
    tab.wait_for_scene(other_than=key)
    tab.page.wait_for_function(f"() => document.getElementById('counts').textContent.endsWith('/ {N_RUNS - 1} runs')")
    assert tab.page.evaluate("inpca.state.picked.size") == 1
    assert tab.counts() == f"10 shown / 10 embedded / {N_RUNS - 1} runs"
    tab.traffic.errors.clear()  # the conflict's status code, which browsers log


def test_without_automatic_the_picture_goes_stale_until_embedded(tab: Visit) -> None:
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
    """Run the app from its command line, and end it by SIGKILL."""
    command = [sys.executable, "app.py", "--studies", str(studies), "--cache", str(cache), "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "http://" in process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()


def test_a_restarted_server_loses_nothing_on_screen(visiting: Visiting, studies_folder: Path, tmp_path: Path) -> None:
    port = free_port()
    tab = visiting(f"http://127.0.0.1:{port}/")
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
        tab.page.close()
    tab.traffic.errors.clear()  # requests without an answer, which browsers log


HOSTILE = (
    '<img src=x onerror="window.broken=1">',
    "<b>bold</b><br>$\\frac{1}{2}$",
    '=HYPERLINK("http://example.org")',
    "\u202e\u05e9\u05dc\u05d5\u05dd\u0000\u001b[31m",
    "very long " * 40,
    "a;b:c,d%2C&e=f#g..h",
    "__proto__",
)
SHOWN = [drawable(text) for text in HOSTILE]
"""What the page shows of them: what a line of text cannot show as escapes, all else as it is."""
HOSTILE_NAMES = ("<script>window.broken=1</script>", "$x^2$<sub>i</sub>", "optimizer.lr", "x" * 64, "ש=\"'`{}")


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Served]:
    """Yield a study whose title, classes, hyperparameters and values are hostile to the page."""
    labels = {"train": np.arange(6) % 2}
    rng = np.random.default_rng(0)
    for run in range(len(HOSTILE)):
        names = ("architecture", *HOSTILE_NAMES)
        values = dict(zip(names, (HOSTILE[(run + shift) % len(HOSTILE)] for shift in (0, *range(5))), strict=True))
        with Recorder(
            tmp_path / "studies" / "hostile",
            hyperparameters={name: drawable(value) for name, value in values.items()},
            labels=labels,
            class_names=HOSTILE[:2],
            title=HOSTILE[0],
            run_id=f"run-{run}",
        ) as recorder:
            for step in range(3):
                recorder.record(step=step, epoch=float(step), train=rng.normal(size=(6, 2)))
        # A recorder refuses some of them; a file may hold them all the same.
        rewrite(recorder.path / "run.json", lambda fields, values=values: {**fields, "hyperparameters": values})
    yield from serve(tmp_path / "studies", tmp_path / "cache")


def test_hostile_names_are_drawn_as_text_everywhere(visiting: Visiting, hostile: Served) -> None:
    tab = visiting(hostile.url)
    tab.open().wait_for_scene()
    assert tab.page.locator("#filters .pill-name").all_text_contents()[:7] == sorted(SHOWN)
    assert set(tab.page.locator("#legend bdi").all_text_contents()) == set(SHOWN)
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
    tab.settle()
    address = tab.page.url
    assert_nothing_came_alive(tab)
    constraints = tab.page.evaluate("inpca.state.constraints.map(c => c.kind === 'levels' ? [...c.chosen] : c.text)")
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
    """Choose the first ``n_pills`` levels of a filter, one after another."""
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


def test_a_misfitting_link_says_what_was_left_out(tab: Visit) -> None:
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


def test_links_of_another_version_open_with_note(tab: Visit) -> None:
    tab.open("?v=0&d=small&split=test").wait_for_scene()
    assert "version '0'" in tab.page.inner_text("#link-note")
    assert tab.page.evaluate("inpca.state.split") == "train"


def test_a_link_that_fits_is_not_commented_on(tab: Visit) -> None:
    tab.open("?v=1&d=small&f=architecture:CNN&r=learning_rate:0.001..0.01&q=cnn&c=model:progress").wait_for_scene()
    assert tab.page.is_hidden("#link-note")


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
    tab.traffic.errors.clear()  # the refusal's status code, which browsers log


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


def loaded(tab: Visit) -> None:
    """Leave the page as it opens."""


def helped(tab: Visit) -> None:
    tab.page.click("#help-button")


def exporting(tab: Visit) -> None:
    tab.page.get_by_role("button", name="Export", exact=True).click()
    tab.page.get_by_role("dialog", name="Export").wait_for()


def pairs_and_distances(tab: Visit) -> None:
    tab.open("?m=pairs&tab=distances").wait_for_scene()


def compared(tab: Visit) -> None:
    tab.open("?m=compare").wait_for_scene()


def camera_menu(tab: Visit) -> None:
    tab.page.get_by_role("button", name="camera").focus()
    tab.page.keyboard.press("Enter")
    tab.page.get_by_role("menuitem", name="Isometric").wait_for()


def menu(control: str) -> Callable[[Visit], None]:
    def unfolded(tab: Visit) -> None:
        tab.page.click(f"#{control}")
        tab.page.wait_for_selector("[role=option]:visible")

    unfolded.__name__ = f"menu_{control}"
    return unfolded


STATES = [loading, narrowed, without_runs, failed, stale, working, noted, picked, pairs_and_distances, compared]
UNFOLDED = [loaded, helped, exporting, camera_menu]
UNFOLDED += [menu(control) for control in ("study-picker", "color-by", "axis-x")]


def serious_findings(tab: Visit) -> list[tuple[str, list[str]]]:
    # In two of the states a request for a scene is never answered.
    tab.settle(but_for="api/scenes")
    return [
        (entry["id"], [node["html"][:400] for node in entry["nodes"]][:3])
        for entry in Axe().run(tab.page).response["violations"]
        if entry["impact"] in ("serious", "critical")
    ]


def assert_nothing_serious(tab: Visit) -> None:
    """Assert that there are no serious findings in the light and in the dark theme."""
    assert serious_findings(tab) == []
    tab.page.evaluate("inpca.toggleTheme()")
    tab.page.wait_for_selector("html[data-mantine-color-scheme=dark]", state="attached")
    assert serious_findings(tab) == []


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_assistive_technology_finds_nothing_serious(
    visiting: Visiting, served: Served, state: Callable[[Visit], None]
) -> None:
    tab = visiting(served.url, color_scheme="light")
    state(tab)
    assert_nothing_serious(tab)


@pytest.mark.parametrize("state", UNFOLDED, ids=lambda state: state.__name__)
def test_assistive_technology_accepts_unfolded_parts(opened: Visit, state: Callable[[Visit], None]) -> None:
    state(opened)
    assert_nothing_serious(opened)
    opened.page.keyboard.press("Escape")
    # The address holds a chosen theme, but not the default one.
    opened.page.evaluate("inpca.toggleTheme(); inpca.state.chosenTheme = ''")


def test_nor_does_it_in_an_empty_folder(visiting: Visiting, empty: Served) -> None:
    tab = visiting(empty.url, color_scheme="light")
    tab.open()
    tab.page.wait_for_selector("#notice:not([hidden])")
    assert_nothing_serious(tab)


def test_a_full_disk_is_said_once_work_continues(
    visiting: Visiting, serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_small_study(tmp_path / "studies" / "small")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    served = serving(tmp_path / "studies", tmp_path / "cache")
    tab = visiting(served.url)
    key = tab.open().wait_for_scene()
    assert tab.page.is_hidden("#trouble-notice")
    with monkeypatch.context() as disk:
        disk.setattr("engine.cache.disk.StrictDisk.store", full)
        tab.pill("CNN")
        key = tab.wait_for_scene(other_than=key)
        tab.beat()
        tab.page.wait_for_selector("#trouble-notice:not([hidden])", timeout=15_000)
        words = tab.page.inner_text("#trouble-notice")
        assert "No space left on device" in words
        assert "--cache" in words
        assert tab.page.evaluate("document.documentElement.scrollHeight") <= 800
        tab.page.get_by_role("button", name="put this note away").click()
        tab.pill("ViT")
        key = tab.wait_for_scene(other_than=key)
        tab.beat()
        assert tab.page.is_hidden("#trouble-notice")
    assert tab.drawn_colors() > 50
