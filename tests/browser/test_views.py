"""Saved views, long selections, the presentation and the tour, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser

from engine import Recorder
from engine.views import View, views_bytes
from tests.browser.conftest import Served, Visit, serve, visit
from tests.small_study import N_RUNS, record_small_study

pytestmark = pytest.mark.browser

MANY = 70
TOUR = [
    View("first", "All of them", "Thirty runs.", "?v=1&d=small&c=run%3Aarchitecture"),
    View("second", "Only the CNNs", "Ten of them.", "?v=1&d=small&f=architecture%3ACNN&c=run%3Aseed&ax=2%2C1%2C3"),
    View("third", "Test data", "", "?v=1&d=small&split=test&c=model%3Aprogress&cam=1%2C1%2C1%2C0%2C0%2C0%2C0%2C0%2C1"),
]


def record_many_runs(folder: Path) -> None:
    labels = {"train": np.arange(6) % 3}
    for run in range(MANY):
        rng = np.random.default_rng(run)
        with Recorder(folder, hyperparameters={"seed": run}, labels=labels, run_id=f"run-{run:02d}") as recorder:
            for checkpoint in range(2):
                recorder.record(step=checkpoint, epoch=float(checkpoint), train=checkpoint * rng.normal(size=(6, 3)))


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A small study that brings a tour, and one of many runs."""
    folder = tmp_path_factory.mktemp("studies")
    record_small_study(folder / "small")
    (folder / "small" / "tour.json").write_bytes(views_bytes(TOUR))
    record_many_runs(folder / "many")
    yield from serve(folder, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def guest(browser: Browser, toured: Served) -> Iterator[Visit]:
    for current in visit(browser, toured.url):
        yield current
        assert current.traffic.foreign == []
        assert current.traffic.errors == []
    for view in toured.explorer.views.saved(study := toured.explorer.study("small")):
        toured.explorer.views.remove(study, view.view_id)


def save(tab: Visit, title: str, sentence: str = "") -> None:
    if tab.page.is_hidden("#views-menu"):
        tab.page.click("#views-button")
    form = tab.page.locator("#views-menu > .view-form")
    form.get_by_label("Name of the view").fill(title)
    form.get_by_label("What it shows, in a sentence").fill(sentence)
    form.get_by_role("button", name="Save what is on screen").click()
    tab.page.wait_for_function("title => inpca.views.saved.some(view => view.title === title)", arg=title)


def titles(tab: Visit) -> list[str]:
    return tab.page.evaluate("inpca.views.saved.map(view => view.title)")


def settled(tab: Visit) -> dict[str, Any]:
    """Everything that makes up what is seen, once it has come to rest."""
    tab.page.wait_for_timeout(900)
    return tab.page.evaluate(
        """() => {
            const {split, references, colorBy, axes, mask, kept, hidden, picked} = inpca.state;
            const {moment, clock, scale, search, view} = inpca.state;
            const gd = document.getElementById('picture');
            const checked = inputs => [...document.querySelectorAll(`${inputs}:checked`)].map(input => input.value);
            const control = id => document.getElementById(id)?.value;
            return {
                split, references, colorBy, axes, moment, clock, scale, search, view,
                mask: [...mask], kept: [...kept], hidden: [...hidden], picked: [...picked],
                scene: document.getElementById('page').dataset.scene,
                camera: inpca.cameraText(inpca.picture.camera()),
                traces: gd.data.map(trace => [trace.mode, String(trace.x), String(trace.y), String(trace.z)]),
                looks: gd.data.map(trace => JSON.stringify(trace.line ?? trace.marker)),
                titles: ['xaxis', 'yaxis', 'zaxis'].map(axis => gd.layout.scene[axis].title.text),
                controls: ['color-by', 'axis-x', 'axis-y', 'axis-z'].map(control),
                segments: checked('.mantine-SegmentedControl-input'),
                pills: [...document.querySelectorAll('#filters .pill:has(:checked)')].map(pill => pill.innerText),
                thumbs: [...document.querySelectorAll('#filters [type=range]')].map(handle => handle.value),
                legend: document.getElementById('legend').innerText,
                counts: document.getElementById('counts').innerText,
                address: location.search,
            };
        }"""
    )


ELSEWHERE = (
    "?v=1&d=small&split=test&f=architecture:ViT;seed:0&r=learning_rate:0.003..0.03&ref=hide&ax=3,1,4"
    "&c=model:epoch&scale=stretched&q=vit&clk=epoch&t=3&fl=1,2,3,4"
)


@pytest.mark.parametrize(
    "query",
    [
        "?v=1&d=small",
        "?v=1&d=small&f=architecture:CNN&r=learning_rate:0.001..0.01&ref=fit&ax=2,4,1&c=run:seed&q=cnn&t=0.4&fl=2"
        "&cam=0.4,-1.7,1.1,0,0,-0.1,0,0,1",
        "?v=1&d=small&split=test&runs=cnn-0.1-0,vit-0.1-0,vit-0.1-1&c=model:test_error",
    ],
)
def test_a_view_opened_in_place_is_the_same_link_opened_fresh(guest: Visit, query: str) -> None:
    guest.open(query).wait_for_scene()
    fresh = settled(guest)
    key = guest.open(ELSEWHERE).wait_for_scene()
    guest.page.locator("#run-table .ag-pinned-left-cols-container input[type=checkbox]").first.click()
    guest.rotate(60)
    guest.page.evaluate("window.stillHere = true")
    guest.page.evaluate("query => inpca.openView(query)", query)
    guest.wait_for_scene(other_than=key)
    assert settled(guest) == fresh
    assert guest.page.evaluate("window.stillHere")
    guest.page.go_back()
    guest.page.wait_for_function("() => inpca.state.split === 'test' && inpca.state.axes.join() === '3,1,4'")


def test_a_view_is_saved_under_a_name_and_opens_with_everything(guest: Visit) -> None:
    key = guest.open("?v=1&d=small&th=dark").wait_for_scene()
    guest.pill("CNN")
    key = guest.wait_for_scene(other_than=key)
    guest.rotate(40)
    camera = guest.camera()
    save(guest, "CNNs <img src=x onerror=alert(1)>", "Only them.")
    assert "<img" in guest.page.inner_text("#views-menu .view-title")
    assert "th=" not in guest.page.evaluate("inpca.views.saved[0].query")
    guest.page.keyboard.press("Escape")
    assert guest.page.is_hidden("#views-menu")
    assert guest.page.evaluate("document.activeElement.id") == "views-button"
    guest.page.click("#clear-filters")
    guest.page.evaluate("inpca.actions['reset-camera']()")
    guest.wait_for_scene(other_than=key)
    guest.page.click("#views-button")
    guest.page.locator("#views-menu .view-open").first.click()
    guest.page.wait_for_function("key => document.getElementById('page').dataset.scene === key", arg=key)
    guest.page.wait_for_timeout(500)
    guest.page.wait_for_function(
        """wanted => ["eye", "center", "up"]
            .flatMap((part) => ["x", "y", "z"].map((axis) => inpca.picture.camera()[part][axis]))
            .every((value, index) => Math.abs(value - wanted[index]) < 2e-3)""",
        arg=camera,
    )
    assert guest.counts() == f"10 shown / 10 embedded / {N_RUNS} runs"
    assert guest.page.evaluate("inpca.state.theme") == "dark"


def test_views_are_ordered_renamed_deleted_and_brought_back_by_keyboard(guest: Visit) -> None:
    guest.open("?d=small").wait_for_scene()
    for title in ("one", "two", "three"):
        save(guest, title)
    press = guest.page.keyboard.press
    guest.page.get_by_role("button", name="Move up “three”").focus()
    press("Enter")
    guest.page.wait_for_function("() => inpca.views.saved[1].title === 'three'")
    press("Enter")
    guest.page.wait_for_function("() => inpca.views.saved[0].title === 'three'")
    guest.page.get_by_role("button", name="Edit “one”").focus()
    press("Enter")
    guest.page.keyboard.type("st")
    press("Enter")
    guest.page.wait_for_function("() => inpca.views.saved[1].title === 'onest'")
    guest.page.get_by_role("button", name="Delete “onest”").focus()
    press("Enter")
    guest.page.wait_for_function("() => inpca.views.saved.length === 2")
    guest.page.wait_for_function("() => document.activeElement.textContent === 'undo'")
    press("Enter")
    guest.page.wait_for_function("() => inpca.views.saved.length === 3")
    assert titles(guest) == ["three", "onest", "two"]


def test_many_kept_runs_travel_under_a_short_name(guest: Visit) -> None:
    guest.open("?d=many").wait_for_scene()
    key = guest.scene_key()
    guest.page.evaluate("inpca.state.picked = new Set(inpca.state.study.run_ids.slice(0, 65)); inpca.keepOnlyPicked()")
    guest.wait_for_scene(other_than=key)
    guest.page.wait_for_function(
        "() => /[?&]s=[a-z2-7]{10}/.test(location.search) && !location.search.includes('mask=')"
    )
    address = guest.page.url
    assert len(urlsplit(address).query) < 200
    mask = guest.page.evaluate("`${inpca.state.study.fingerprint.slice(0, 12)}.${inpca.keptMask(inpca.state)}`")
    for link in (address, f"{guest.url}?d=many&mask={mask.replace('+', '%2B')}"):
        guest.page.goto("about:blank")
        guest.page.goto(link)
        guest.wait_for_scene()
        assert guest.counts() == f"65 shown / 65 embedded / {MANY} runs"
        assert guest.page.is_hidden("#link-note")
    name = parse_qs(urlsplit(address).query)["s"][0]
    guest.page.goto("about:blank")
    guest.page.goto(address.replace(name, "aaaaaaaaaa") + "&ax=2,1,3")
    guest.wait_for_scene()
    assert "which this server does not keep" in guest.page.inner_text("#link-note")
    assert guest.counts() == f"{MANY} shown / {MANY} embedded / {MANY} runs"
    assert guest.page.evaluate("inpca.state.axes") == [2, 1, 3]


def test_a_presentation_steps_through_the_views_and_gives_everything_back(guest: Visit) -> None:
    guest.open("?d=small").wait_for_scene()
    widths = "document.getElementById('picture').data[0].line.width"
    narrow = guest.page.evaluate(widths)
    guest.page.evaluate("window.stillHere = true")
    guest.page.focus("#present-toggle")
    guest.page.keyboard.press("Enter")
    guest.page.wait_for_function(f"() => {widths} > 1.4 * {narrow}")
    for selector in (".topbar", ".rail.left", ".rail.right", ".toolbar", ".runs", ".statusbar"):
        assert guest.page.is_hidden(selector), selector
    assert guest.page.is_visible("#legend")
    box = guest.page.locator("#picture canvas").first.bounding_box()
    assert box is not None
    assert box["width"] == 1280
    assert guest.page.inner_text("#caption-title") == "All of them", "the view on screen is a step: begin there"
    for key, title, count in [
        ("Space", "Only the CNNs", "2 / 3"),
        ("ArrowRight", "Test data", "3 / 3"),
        ("ArrowRight", "Test data", "3 / 3"),
        ("ArrowLeft", "Only the CNNs", "2 / 3"),
    ]:
        guest.page.keyboard.press(key)
        guest.page.wait_for_function("title => document.getElementById('caption-title').innerText === title", arg=title)
        assert guest.page.inner_text("#caption-count") == count
    guest.page.wait_for_function("() => inpca.state.axes.join() === '2,1,3' && inpca.state.scene.run_ids.length === 10")
    assert guest.page.evaluate("window.stillHere")
    guest.page.keyboard.press("Escape")
    guest.page.wait_for_function(f"() => {widths} === {narrow}")
    assert guest.page.is_visible(".topbar")
    assert guest.page.is_hidden("#caption")
    assert guest.page.evaluate("document.activeElement.id") == "present-toggle"


def test_presenting_what_is_no_step_leaves_it_on_screen(guest: Visit) -> None:
    key = guest.open("?d=small&f=architecture:ViT").wait_for_scene()
    guest.page.click("#present-toggle")
    guest.page.wait_for_timeout(500)
    assert guest.scene_key() == key
    assert guest.page.is_hidden(".caption-text")
    guest.page.keyboard.press("PageDown")
    guest.page.wait_for_function("() => document.getElementById('caption-title').innerText === 'All of them'")


def test_a_newcomer_is_offered_the_tour_once(guest: Visit) -> None:
    guest.open("?d=small").wait_for_scene()
    guest.page.wait_for_selector("#tour-card:not([hidden])")
    guest.page.get_by_role("button", name="Take the tour, 3 steps").click()
    guest.page.wait_for_function("() => document.getElementById('caption-count').innerText === '1 / 3'")
    assert guest.page.is_hidden("#tour-card")
    assert guest.page.is_visible(".rail.left"), "a tour is taken beside the controls"
    guest.page.click("#present-next")
    guest.page.wait_for_function("() => inpca.state.scene.run_ids.length === 10")
    guest.page.click("#present-leave")
    guest.page.reload()
    guest.wait_for_scene()
    guest.page.wait_for_function("() => inpca.views.tour.length === 3")
    assert guest.page.is_hidden("#tour-card")
    guest.page.click("#views-button")
    assert "Only the CNNs" in guest.page.inner_text("#views-menu")


def test_a_step_that_was_left_takes_its_sentence_back_and_leads_back(guest: Visit) -> None:
    guest.open("?d=small").wait_for_scene()
    guest.page.evaluate("inpca.takeTour()")
    guest.page.click("#present-next")
    guest.page.wait_for_function("() => inpca.state.scene.run_ids.length === 10")
    guest.rotate(80)
    guest.page.evaluate("inpca.togglePin(inpca.state.scene.run_ids[0])")
    guest.page.wait_for_timeout(500)
    assert guest.page.is_visible("#caption-sentence"), "the sentence is as true from another side"
    guest.pill("ViT")
    guest.page.wait_for_selector("#caption-left:not([hidden])")
    assert guest.page.is_hidden("#caption-sentence")
    assert guest.page.inner_text("#caption-title") == "Only the CNNs"
    guest.page.click("#present-return")
    guest.page.wait_for_function("() => inpca.count(inpca.state.mask) === 10")
    guest.page.wait_for_timeout(500)
    assert guest.page.is_visible("#caption-sentence")
    assert guest.page.is_hidden("#caption-left")
    assert guest.page.evaluate("document.activeElement.id") == "present-next"


def test_a_broken_file_of_views_is_named_and_left_as_it_is(guest: Visit, toured: Served) -> None:
    guest.open("?d=small").wait_for_scene()
    save(guest, "whole")
    file = next(toured.explorer.cache_folder.glob("views/small-*/views.json"))
    whole = file.read_bytes()
    broken = whole.replace(b'"title"', b'"tit', 1)
    file.write_bytes(broken)
    guest.page.keyboard.press("Escape")
    guest.page.click("#views-button")
    guest.page.wait_for_selector(".view-problem")
    assert "views.json cannot be read" in guest.page.inner_text("#views-menu")
    assert file.read_bytes() == broken
    file.write_bytes(whole)
    assert [view["title"] for view in json.loads(whole)["views"]] == ["whole"]


OVERLAPS = """() => {
    const all = [...document.querySelectorAll('.foot > *, .corner > *, #caption')];
    const shown = all.filter(element => element.offsetHeight > 0);
    const boxes = shown.map(element => [element.id, element.getBoundingClientRect()]);
    const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    const covered = boxes.flatMap(([id, box], at) =>
        boxes.slice(at + 1).filter(([, other]) => meet(box, other)).map(([other]) => [id, other]));
    return [shown.map(element => element.id), covered];
}"""


@pytest.mark.parametrize("size", [(1280, 800), (768, 1024)])
def test_what_lies_over_the_picture_never_covers_itself(guest: Visit, size: tuple[int, int]) -> None:
    guest.page.set_viewport_size({"width": size[0], "height": size[1]})
    guest.open("?d=small&scale=stretched&ax=9,9,9&c=run:architecture").wait_for_scene()
    guest.page.wait_for_selector("#tour-card:not([hidden])")
    guest.page.evaluate("inpca.pick(inpca.state.scene.run_ids.slice(0, 12))")
    guest.page.evaluate("inpca.showProgress('Distances', 0.4, 12)")
    guest.page.evaluate(
        "Object.assign(document.getElementById('level-of-detail'), {hidden: false, textContent: 'fine'})"
    )
    shown, covered = guest.page.evaluate(OVERLAPS)
    assert {"tour-card", "link-note", "progress", "scale-badge", "level-of-detail", "legend", "pins"} == set(shown)
    assert covered == []
    guest.page.evaluate("inpca.takeTour()")
    guest.page.wait_for_timeout(600)
    assert guest.page.evaluate(OVERLAPS)[1] == []


def test_another_study_is_looked_at_in_the_same_way(guest: Visit) -> None:
    guest.open(
        "?d=small&div=hellinger&c=run:seed&ref=hide&scale=stretched&clk=epoch&t=2&ctx=hidden&tab=distances"
        "&f=architecture:ViT&pin=vit-0.1-0&ax=2,1,3"
    ).wait_for_scene()

    def picked(title: str, study: str) -> dict[str, Any]:
        guest.page.click("#study-picker")
        guest.page.get_by_role("option", name=title).click()
        guest.page.wait_for_function("study => inpca.state.scene?.study === study", arg=study)
        guest.page.wait_for_timeout(600)
        return guest.page.evaluate(
            """() => {
                const {divergence, references, colorBy, scale, clock, context, tab} = inpca.state;
                const kept = {divergence, references, colorBy, scale, clock, context, tab};
                const {moment, constraints, pins, axes} = inpca.state;
                const menu = document.getElementById('divergence').value;
                return {...kept, menu, own: [moment, constraints.length, pins.length, axes.join()]};
            }"""
        )

    kept = {"divergence": "hellinger", "references": "hide", "scale": "stretched", "clock": "epoch"}
    kept |= {"context": "hidden", "tab": "distances", "menu": "hellinger", "own": [None, 0, 0, "1,2,3"]}
    assert picked("many", "many") == {**kept, "colorBy": "run:seed"}
    assert guest.page.is_hidden("#link-note")
    guest.page.evaluate("dash_clientside.set_props('color-by', {value: 'model:progress'})")
    assert picked("small", "small") == {**kept, "colorBy": "model:progress"}
    # A link says everything itself.
    guest.page.evaluate("inpca.openView('?v=1&d=many')")
    guest.page.wait_for_function("() => inpca.state.scene?.study === 'many'")
    assert guest.page.evaluate("[inpca.state.divergence, inpca.state.scale]") == ["bhattacharyya", "equal"]
